"""Images joined with every label, block by block."""

from collections.abc import Iterator

import numpy as np

from ffnp.data.arrays import Images
from ffnp.model import Model
from ffnp.network import Batch, Method, sharing

BLOCK = 200  # images scored together: their K label rows fit the cache


def blocks(method: Method, images: int) -> Iterator[tuple[slice, Batch]]:
    """Slices of BLOCK images (the last may be shorter), each with a batch; equal ones reuse it."""
    batch = None
    for start in range(0, images, BLOCK):
        block = slice(start, min(start + BLOCK, images))
        if batch is None or len(batch.x) != block.stop - start:
            batch = method.scoring_batch(block.stop - start)
        yield block, batch


def sweep(model: Model, images: Images, layers: int | None = None) -> Iterator[Batch]:
    """Join images with every label: a batch after a forward pass of the layers, block by block.

    Parameters
    ----------
    model : Model
    images : (N, D) array
        On the host, as the data set stores them.
    layers : int, optional
        How many layers (default: all).
    """
    for block, batch in blocks(model.method, len(images)):
        pixels = model.backend.to_device(images[block])
        with np.errstate(over="ignore", invalid="ignore"):  # `scores_of` reports them
            model.backend.standardise(pixels, slice(None), model.data.scaling, out=batch.x)
            sharing.forward(model.method, batch, stop=layers)
        yield batch
