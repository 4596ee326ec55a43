"""Label rows: the true label in column 0, wrong ones after it."""

import numpy as np
from numpy.typing import NDArray

from ffnp.errors import InputError

Labels = NDArray[np.int32]
DRAWS = 1 << 24  # how many numbers a float32 of a generator may be
NUMBERS = 1 << 17  # that are drawn at once: with many classes they are more than the images


def candidate_labels(
    true: NDArray[np.integer], classes: int, rows: int, random: np.random.Generator
) -> Labels:
    """Join each image with its true label and `rows - 1` distinct wrong ones.

    With two rows the wrong label is (y + randint(1, K)) mod K: uniform over the wrong labels.
    With one row or K there is no choice, and nothing is drawn.

    Parameters
    ----------
    true : (N,) integer array
    classes : int
        K.
    rows : int
        R, 1..K; 1 is the true label alone.
    random : numpy.random.Generator
        Drawn from for the whole array, if at all.

    Returns
    -------
    (N, R) int32 array
        Column 0 is `true`; each row holds R distinct labels.

    Raises
    ------
    InputError
        If `rows` is outside 1..K.
    """
    if not 1 <= rows <= classes:
        raise InputError(f"{rows} label rows an image: choose 1..{classes}")
    images = len(true)
    if rows == 1:
        return true.astype(np.int32)[:, None]
    if rows == 2:
        shifts = random.integers(1, classes, size=(images, 1), dtype=np.int32)
    elif rows == classes:
        shifts = np.arange(1, classes, dtype=np.int32)[None, :]
    else:
        shifts = np.empty((images, rows - 1), np.int32)
        step = max(1, NUMBERS // classes)
        for start in range(0, images, step):  # the stream is that of one draw
            block = shifts[start : start + step]
            drawn = random.random((len(block), classes - 1), dtype=np.float32)
            # multiples of 2^-24, so these are whole, and no two alike: their order is the same on
            # every processor
            keys = (drawn * DRAWS).astype(np.int64) * classes + np.arange(1, classes)
            keys.partition(rows - 2, axis=1)
            block[...] = np.sort(keys[:, : rows - 1], axis=1) % classes
    labels = np.empty((images, rows), np.int32)
    labels[:, 0] = true
    np.remainder(labels[:, :1] + shifts, classes, out=labels[:, 1:])
    return labels


def every_label(images: int, classes: int) -> Labels:
    """(N, K) labels 0..K-1 for each image: the label sweep of prediction."""
    return np.tile(np.arange(classes, dtype=np.int32), (images, 1))
