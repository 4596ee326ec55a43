"""The door for arrays: what is given as images or labels becomes an array to rely on, or an error.

It is converted once, here, and never copied if it is usable as it is.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ffnp.errors import InputError, StorageError

Images = NDArray[np.uint8] | NDArray[np.float32]

BLOCK = 4096  # images a block of the search for NaN
LARGEST = 1e15  # of a pixel: with larger ones, the sum of an image's squares may leave float32
MOST_CLASSES = 1 << 12  # a larger "label" is no class index: K * K errors are counted


class Arrays(NamedTuple):
    """A data set as read, images of any rank: (N, ...) and (N,); the test set may be missing."""

    x_train: NDArray[Any]
    y_train: NDArray[Any]
    x_test: NDArray[Any] | None = None
    y_test: NDArray[Any] | None = None


def as_images(where: str, given: Any) -> Images:
    """Images (N, ...) of uint8 or float32, C-contiguous, from any array-like.

    Other floats become float32, other integers, which must be 0..255, uint8. Images that are
    mapped from a file must be of those types, and are neither copied nor searched for NaN.

    Parameters
    ----------
    where : str
        What the images are, to begin messages.
    given : (N, ...) array-like

    Raises
    ------
    InputError
        It is no array of numbers, is masked, or has NaN, infinite or too large pixels.
    """
    images = plain(where, "images", given)
    if images.dtype.kind == "O" and hasattr(given, "columns"):
        # a frame whose columns have several types, or some that may lack values
        images = _of_columns(given, images)
    if images.ndim < 2 or 0 in images.shape[1:]:
        raise InputError(
            f"{where} has images of shape {images.shape}: give (N, D) or (N, height, width, ...), "
            "none of them 0"
        )
    kind = images.dtype.kind
    if _mapped(images):
        if images.dtype not in (np.uint8, np.float32) or not images.flags.c_contiguous:
            raise InputError(
                f"{where} has images of type {images.dtype.str}, which cannot be used in place: "
                "save them as uint8 or float32 in C order"
            )
        return images.view(np.ndarray)
    if images.dtype != np.uint8 and kind in "iu" and images.size:
        low, high = images.min(), images.max()
        if low < 0 or high > 255:
            raise InputError(
                f"{where} has integer pixels {low}..{high}: scale them to 0..255, or give floats"
            )
    elif kind not in "iuf":
        raise InputError(
            f"{where} has images of type {images.dtype}: give uint8 or floats{_column(given)}"
        )
    if kind != "f":
        return np.ascontiguousarray(images, np.uint8)
    with np.errstate(over="ignore"):  # what overflows becomes infinite, and is reported
        pixels = np.ascontiguousarray(images, np.float32)
    _check_finite(where, pixels.reshape(len(pixels), -1))
    return pixels


def _of_columns(frame: Any, images: NDArray[Any]) -> NDArray[Any]:
    """A data frame's columns as one array of numbers, if all of them are numbers."""
    columns = [np.asarray(frame[name]) for name in frame.columns]
    columns = [np.array(c.tolist()) if c.dtype.kind == "O" else c for c in columns]
    return np.stack(columns, axis=1) if all(c.dtype.kind in "iuf" for c in columns) else images


def as_sample_weight(where: str, given: Any, rows: int) -> NDArray[np.float64]:
    """Weights (N,) of so many rows, float64, a copy; `InputError` if they are none.

    Parameters
    ----------
    where : str
        Whose they are, to begin messages.
    given : (N,) array-like
        0 or more, and at most LARGEST; not all 0.
    rows : int
    """
    weights = plain(where, "sample_weight", given)
    if weights.shape != (rows,) or weights.dtype.kind not in "iuf":
        raise InputError(
            f"{where} has sample_weight of shape {weights.shape} and type {weights.dtype}: give "
            f"one number for each of {rows} rows"
        )
    found = weights.astype(np.float64)
    if not ((found >= 0) & (found <= LARGEST)).all() or not found.any():
        raise InputError(
            f"{where} has sample_weight that is negative, NaN or too large, or 0 for every row: "
            "give numbers from 0 on"
        )
    return found


def _column(given: Any) -> str:
    """The first column of a data frame that is none of numbers, to end a message."""
    for name in getattr(given, "columns", ()):
        values = np.asarray(given[name])
        if values.dtype.kind == "O":
            values = np.array(values.tolist())
        if values.dtype.kind not in "iuf":
            return f" (column '{name}' is none of numbers: leave it out, or fill what is missing)"
    return ""


def plain(where: str, what: str, given: Any) -> NDArray[Any]:
    """An array-like as an array; a mapped one stays what it is."""
    rows = given if isinstance(given, list | tuple) else ()
    if any(isinstance(each, np.ma.MaskedArray) for each in (given, *rows)):
        raise InputError(
            f"{where} has masked {what}: fill what is masked, e.g. by {what}.filled(0), or leave "
            "those rows out"
        )
    try:
        array = np.asanyarray(given)
    except Exception as error:  # ragged rows, or whatever an object's own conversion raises
        reason = " ".join(str(error).split())
        raise InputError(
            f"{where} has {what} that do not make an array ({reason}): give one array of numbers"
        ) from error
    if array.ndim == 0 and array.dtype.kind in "OUS":
        raise InputError(
            f"{where} has {what} of type {type(given).__name__}: give an array of numbers "
            "(a sparse matrix has toarray())"
        )
    return array if isinstance(array, np.memmap) else np.asarray(array)


def _mapped(array: Any) -> bool:
    """Whether an array's memory is a file's."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


def check_whole(where: str, images: Images) -> None:
    """Raise `StorageError` if images are mapped from a file that has been cut short meanwhile.

    To use them would end the process at once (SIGBUS).
    """
    array: Any = images
    while isinstance(array.base, np.ndarray):
        array = array.base
    if isinstance(array, np.memmap):
        held, needed = array.base.size(), array.offset + array.nbytes
        if held < needed:
            raise StorageError(
                f"{where}: the file of its images has been cut short, from {needed} bytes to "
                f"{held}: put the whole one back"
            )


def _check_finite(where: str, pixels: NDArray[np.float32]) -> None:
    for start in range(0, len(pixels), BLOCK):
        bad = ~(abs(pixels[start : start + BLOCK]) <= LARGEST)
        if bad.any():
            image, pixel = np.unravel_index(bad.argmax(), bad.shape)
            raise InputError(
                f"{where} has a NaN, infinite or too large pixel (image {start + image}, pixel "
                f"{pixel}): clean the images first"
            )
