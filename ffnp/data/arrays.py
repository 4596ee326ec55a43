"""From the arrays that a reader found to a checked `Dataset`."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ffnp.data.dataset import Dataset, Images, Split
from ffnp.errors import InputError

BLOCK = 4096  # images a block of the search for NaN
LARGEST = 1e15  # of a pixel: with larger ones, the sum of an image's squares may leave float32
MOST_CLASSES = 1 << 16  # a larger "label" is no class index


class Arrays(NamedTuple):
    """A data set as read, images of any rank: (N, ...) and (N,)."""

    x_train: NDArray[Any]
    y_train: NDArray[Any]
    x_test: NDArray[Any]
    y_test: NDArray[Any]


def from_arrays(
    x_train: NDArray[Any],
    y_train: NDArray[Any],
    x_test: NDArray[Any],
    y_test: NDArray[Any],
    name: str = "arrays",
    classes: int | None = None,
) -> Dataset:
    """A data set of arrays: flattened, converted and checked.

    Images become (N, D), uint8 or float32, C-contiguous; labels stay uint8 or become int64.
    Memory-mapped images are neither copied nor read: a NaN among them is found when it is used.

    Parameters
    ----------
    x_train, x_test : (N, ...) arrays
        uint8 or float images.
    y_train, y_test : (N,) or (N, 1) arrays
        Integer labels.
    name : str
        Named in messages, and in the configuration of what is trained on it.
    classes : int, optional
        K, if it is known; else one more than the largest label of both splits.

    Raises
    ------
    InputError
        Shapes or types that do not fit, labels that are no class indices, an empty set,
        only one class, NaN or infinite pixels.
    """
    shape = x_train.shape[1:]
    if x_test.shape[1:] != shape:
        raise InputError(
            f"{name}: training images are of shape {shape}, "
            f"test images of shape {x_test.shape[1:]}: they must agree"
        )
    if x_train.dtype.kind != x_test.dtype.kind:
        raise InputError(
            f"{name}: training images are {x_train.dtype}, test images "
            f"{x_test.dtype}: save both as uint8 or both as float32"
        )
    where = f"{name}: the training set"
    train = Split(_images(where, x_train), _labels(where, y_train))
    where = f"{name}: the test set"
    test = Split(_images(where, x_test), _labels(where, y_test))
    low, high = int(train.labels.min()), int(train.labels.max())
    if low == high:
        raise InputError(f"{name}: every training label is {low}: give at least two classes")
    high = max(high, int(test.labels.max()))
    if classes is None:
        classes = high + 1
    elif high >= classes:
        raise InputError(
            f"{name} has label {high}, but its classes are 0..{classes - 1}: a file is damaged, "
            f"`ffnp data verify {name}` says which"
        )
    return Dataset(name, train, test, classes, shape)


def _images(where: str, images: NDArray[Any]) -> Images:
    if images.ndim < 2 or images.size == 0:
        raise InputError(
            f"{where} has images of shape {images.shape}: give (N, D) or (N, height, width, ...), "
            "none of them 0"
        )
    if isinstance(images, np.memmap):
        if images.dtype not in (np.uint8, np.float32) or not images.flags.c_contiguous:
            raise InputError(
                f"{where} has images of type {images.dtype.str}, which cannot be used in place: "
                "save them as uint8 or float32 in C order"
            )
        return images.reshape(len(images), -1).view(np.ndarray)
    flat = images.reshape(len(images), -1)
    if images.dtype == np.uint8:
        return np.ascontiguousarray(flat)
    if images.dtype.kind != "f":
        raise InputError(f"{where} has images of type {images.dtype}: save them as uint8 or float")
    with np.errstate(over="ignore"):  # what overflows becomes infinite, and is reported
        pixels = np.ascontiguousarray(flat, np.float32)
    for start in range(0, len(pixels), BLOCK):
        bad = np.argwhere(~(abs(pixels[start : start + BLOCK]) <= LARGEST))
        if len(bad):
            image, pixel = bad[0]
            raise InputError(
                f"{where} has a NaN, infinite or too large pixel (image {start + image}, pixel "
                f"{pixel}): clean the images first"
            )
    return pixels


def _labels(where: str, labels: NDArray[Any]) -> NDArray[np.integer]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(
            f"{where} has labels of shape {labels.shape} and type {labels.dtype}: "
            "give one integer class index an image"
        )
    if len(labels) == 0:
        raise InputError(f"{where} has no labels")
    if labels.max() >= MOST_CLASSES:
        raise InputError(f"{where} has label {labels.max()}: give class indices from 0 on")
    return np.array(labels, np.uint8 if labels.dtype == np.uint8 else np.int64)
