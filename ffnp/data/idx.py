"""IDX files, plain or gzipped: the layout of MNIST and its drop-in replacements.

A big-endian header (0, 0, type code, rank, then each dimension in 32 bits), then the values.
"""

import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.data.arrays import Arrays
from ffnp.errors import InputError
from ffnp.files import Readable, check_packing, inflated, read_exactly

UINT8, INT32 = 0x08, 0x0C
TYPES: dict[int, np.dtype[Any]] = {UINT8: np.dtype(np.uint8), INT32: np.dtype(">i4")}
TITLES = {UINT8: "unsigned bytes", INT32: "integers of 32 bits"}


def read_idx(path: Readable, kind: int = UINT8) -> NDArray[Any]:
    """The array of one IDX file; `InputError` if it is not whole or not of this kind."""
    with inflated(path, ValueError) as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:3] != bytes((0, 0, kind)):
            raise InputError(
                f"{path} is not an IDX file of {TITLES[kind]}: it starts with {magic!r}"
            )
        dimensions = file.read(4 * magic[3])
        if len(dimensions) < 4 * magic[3]:
            raise InputError(f"{path} is truncated: it ends within its header")
        shape = struct.unpack(f">{magic[3]}I", dimensions)
        size = math.prod(shape) * TYPES[kind].itemsize
        if isinstance(path, Path):
            check_packing(path, size, path.stat().st_size)
        values = np.frombuffer(read_exactly(file, size, path), TYPES[kind])
        return values.reshape(shape)


def read_emnist(paths: Sequence[Readable]) -> Arrays:
    """EMNIST's images, which its makers store transposed, upright; letters are numbered from 1."""
    x_train, y_train, x_test, y_test = map(read_idx, paths)
    first = 1 if "letters" in paths[0].name else 0
    for labels, path in ((y_train, paths[1]), (y_test, paths[3])):
        if labels.size and labels.min() < first:
            raise InputError(f"{path} has label {labels.min()}, but letters count from 1")
    images = [
        np.ascontiguousarray(np.swapaxes(each, -1, -2)) if each.ndim == 3 else each
        for each in (x_train, x_test)
    ]
    return Arrays(images[0], y_train - first, images[1], y_test - first)


def read_qmnist(paths: Sequence[Readable]) -> Arrays:
    """QMNIST's images, and of their eight labels the first: the digit."""
    x_train, x_test = (read_idx(path) for path in paths[::2])
    labels = [read_idx(path, INT32) for path in paths[1::2]]
    for each, path in zip(labels, paths[1::2], strict=True):
        if each.ndim != 2 or not each.shape[1]:
            raise InputError(f"{path} has labels of shape {each.shape}: QMNIST's are (N, 8)")
    return Arrays(x_train, labels[0][:, 0], x_test, labels[1][:, 0])
