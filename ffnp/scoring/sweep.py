"""Images joined with every label, or with the likeliest ones, block by block."""

import warnings
from collections.abc import Iterator

import numpy as np

from ffnp.data.arrays import Images, check_whole
from ffnp.errors import InputError, InputWarning, expect
from ffnp.model import Model
from ffnp.network import Batch, ForwardForward, Method, sharing

TOLERATED = 0.01  # of images: every set has its own odd ones
BLOCK = 200  # images scored together: their K label rows fit the cache
NUMBERS = 9_000_000  # that a block may hold: fewer images, where each takes many


def blocks(
    method: Method, images: int, candidates: int | None = None
) -> Iterator[tuple[slice, Batch]]:
    """Slices of so many images that fit, BLOCK at most, each with a batch; equal ones reuse it.

    With `candidates` it has that many label rows, which the forward pass chooses.
    """
    batch, size = None, together(method, candidates)
    for start in range(0, images, size):
        block = slice(start, min(start + size, images))
        count = block.stop - start
        if batch is None or len(batch.x) != count:
            if candidates is None:
                batch = method.scoring_batch(count)
            else:
                assert isinstance(method, ForwardForward)
                batch = method.candidates_batch(count, candidates)
        yield block, batch


def together(method: Method, candidates: int | None = None) -> int:
    """How many images are scored together."""
    network = method.network
    activities = sum(layer.width for layer in network.layers)
    # an image's pixels are there as stored, in float32, and as float64 when it is looked at
    each = 4 * network.pixels + (candidates or network.classes) * (activities + 1)
    if candidates is not None:  # of which every label has its goodness in the first layer
        each += network.classes
    most = max(1, min(BLOCK, NUMBERS // each))
    threads = method.backend.threads
    return most if most == BLOCK or most < threads else most // threads * threads


def sweep(
    model: Model,
    images: Images,
    layers: int | None = None,
    name: str = "the input",
    candidates: int | None = None,
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
    candidates : int, optional
        Join an image only with so many labels: those that the first layer has most goodness for,
        the best first. `batch.labels` has them. See `check_candidates`.
    """
    odd, first = 0, ""
    for block, batch in blocks(model.method, len(images), candidates):
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


def check_candidates(model: Model, candidates: int | None) -> int | None:
    """How many labels all layers score; None: every one.

    `InputError` if there is no such number, or if the model is no Forward-Forward one.
    """
    if candidates is None:
        return None
    expect("candidates", candidates, int | np.integer, "give how many labels, or None for all")
    if not isinstance(model.method, ForwardForward):
        lacks = "has no first layer that votes" if model.config.labelled else "reads no label"
        raise InputError(
            f"candidates is {candidates}, but method {model.config.method} {lacks}: leave it out"
        )
    if candidates < 1:
        raise InputError(f"candidates is {candidates}: give how many labels, from 1")
    return None if candidates >= model.data.classes else int(candidates)
