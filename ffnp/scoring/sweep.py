"""Images joined with every label, block by block."""

import warnings
from collections.abc import Iterator

import numpy as np

from ffnp.data.arrays import Images, check_whole
from ffnp.errors import InputWarning
from ffnp.model import Model
from ffnp.network import Batch, Method, sharing

TOLERATED = 0.01  # of images: every set has its own odd ones
BLOCK = 200  # images scored together: their K label rows fit the cache
NUMBERS = 9_000_000  # that a block may hold: fewer images, where each takes many


def blocks(method: Method, images: int) -> Iterator[tuple[slice, Batch]]:
    """Slices of so many images that fit, BLOCK at most, each with a batch; equal ones reuse it."""
    batch, size = None, _together(method)
    for start in range(0, images, size):
        block = slice(start, min(start + size, images))
        if batch is None or len(batch.x) != block.stop - start:
            batch = method.scoring_batch(block.stop - start)
        yield block, batch


def _together(method: Method) -> int:
    """How many images are scored together."""
    network = method.network
    activities = sum(layer.width for layer in network.layers)
    # an image's pixels are there as stored, in float32, and as float64 when it is looked at
    each = 4 * network.pixels + network.classes * (activities + 1)
    return max(1, min(BLOCK, NUMBERS // each))


def sweep(
    model: Model, images: Images, layers: int | None = None, name: str = "the input"
) -> Iterator[Batch]:
    """Join images with every label: a batch after a forward pass of the layers, block by block.

    After the last, an `InputWarning` says if more than a hundredth of them are unlike the images
    that the model learned from.

    Parameters
    ----------
    model : Model
    images : (N, D) array
        On the host, as the data set stores them.
    layers : int, optional
        How many layers (default: all).
    name : str
        What the images are, for the warning.
    """
    odd, first = 0, ""
    for block, batch in blocks(model.method, len(images)):
        check_whole(name, images)
        count, about = model.data.unlike(images[block], block.start)
        odd, first = odd + count, first or about
        pixels = model.backend.to_device(images[block])
        with np.errstate(over="ignore", invalid="ignore"):  # `scores_of` reports them
            model.backend.standardise(pixels, slice(None), model.data.scaling, out=batch.x)
            sharing.forward(model.method, batch, stop=layers)
        yield batch
    if odd > TOLERATED * len(images):
        text = f"{odd} of {len(images)} images are unlike those that the model was trained on"
        warnings.warn(f"{name}: {text}: {first}", InputWarning, stacklevel=2)
