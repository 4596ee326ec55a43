"""Input scaling: what a network sees of the pixels, learned from the training set."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.errors import InputError

SCALINGS = ("standard", "raw")
SMALLEST = 1e-12  # deviation of pixels: with less, their squares would leave float32
BLOCK = 4096  # images a block of the statistics: bounded memory for sets on disk
PIXELS = 1 << 24  # a block at most, where images are large


@dataclass(frozen=True)
class Scaling:
    """x = (pixel - mean) / deviation, then x * length / sqrt(|x|^2 + 1)."""

    mean: float  # of all pixels of the training set together, as the deviation
    deviation: float
    length: float | None  # of every scaled image; None: images keep theirs


UNSCALED = Scaling(0.0, 1.0, None)


def fit_scaling(
    kind: str,
    images: NDArray[Any],
    length: float,
    name: str = "",
    see: Callable[[NDArray[Any]], None] = lambda block: None,
) -> Scaling:
    """The scaling of a training set.

    `InputError` if pixels are not finite, all alike, too large or too small.

    Parameters
    ----------
    kind : {"standard", "raw"}
        `standard`: one mean and deviation over all pixels, each image scaled to `length`.
        `raw`: uint8 pixels divided by 255, floats as they are, no scaling to a length.
    images : (N, D) uint8 or float array
    length : float
        Of every scaled image.
    name : str
        The data set's, for messages.
    see : callable
        Is shown all images, block by block, as they are read.
    """
    total = squares = 0.0
    rows = max(1, min(BLOCK, PIXELS // images.shape[1]))
    for start in range(0, len(images), rows):
        part = images[start : start + rows]
        see(part)
        if kind == "standard":
            block = part.astype(np.float64)
            total += float(block.sum())
            squares += float(np.vdot(block, block))
            del block  # before there is the next
    if kind == "raw":
        return Scaling(0.0, 255.0 if images.dtype == np.uint8 else 1.0, None)
    mean = total / images.size
    deviation = float(np.sqrt(max(squares / images.size - mean * mean, 0.0)))
    where = (f"{name}: " if name else "") + "the training set has"
    if not np.isfinite(deviation):
        raise InputError(f"{where} NaN or infinite pixels: clean them first")
    if deviation == 0:
        raise InputError(f"{where} no pixels but {mean:g}: there is nothing to learn from")
    if not SMALLEST < deviation < 1 / SMALLEST:
        raise InputError(
            f"{where} pixels that deviate by {deviation:g} from their mean: "
            "multiply them by a number that makes it about 1"
        )
    return Scaling(mean, deviation, length)
