"""CIFAR-10's and CIFAR-100's batches, in the binary layout and in the Python (pickle) layout.

Images are 3072 bytes: 1024 red, 1024 green, 1024 blue, row by row. CIFAR-100's have two labels,
of 20 coarse and of 100 fine classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ffnp.data.arrays import Arrays
from ffnp.data.pickles import read_batch
from ffnp.errors import InputError
from ffnp.files import GOOD_COPY, Readable, read_bytes

SHAPE = (3, 32, 32)
PIXELS = 3072

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images (N, 3072), labels (N,)


@dataclass(frozen=True)
class Kind:
    """One of the labels that images have."""

    classes: int = 10
    key: str = "labels"  # in the Python layout
    before: int = 1  # bytes of labels before the pixels, in the binary layout
    column: int = 0  # which of them it is


FINE = Kind(100, "fine_labels", 2, 1)
COARSE = Kind(20, "coarse_labels", 2, 0)


def _binary(kind: Kind, path: Readable) -> Batch:
    """Records of labels and 3072 pixels."""
    data, size = read_bytes(path), kind.before + PIXELS
    if not data or len(data) % size:
        raise InputError(f"{path} has {len(data)} bytes, not a multiple of {size}: {GOOD_COPY}")
    records = np.frombuffer(data, np.uint8).reshape(-1, size)
    images, labels = records[:, kind.before :], records[:, kind.column]
    if labels.max() >= kind.classes:
        raise InputError(f"{path} has label {labels.max()}, not 0..{kind.classes - 1}: {GOOD_COPY}")
    return images, labels


def _python(kind: Kind, path: Readable) -> Batch:
    """A pickled dictionary, read without executing."""
    shape, pixels, labels = read_batch(read_bytes(path), path, kind.key, kind.classes)
    if shape != (len(labels), PIXELS) or len(pixels) != len(labels) * PIXELS:
        raise InputError(f"{path} has images that are not (N, {PIXELS}) for its N labels")
    return np.frombuffer(pixels, np.uint8).reshape(-1, PIXELS), np.array(labels, np.uint8)


def _gather(read: Callable[[Readable], Batch], paths: Sequence[Readable]) -> Arrays:
    """Training batches and, last, the test batch."""
    arrays: list[NDArray[np.uint8]] = []
    for split in (paths[:-1], paths[-1:]):
        images, labels = bytearray(), bytearray()  # they grow, so only one batch is held twice
        for path in split:
            batch_images, batch_labels = read(path)
            images += batch_images.tobytes()
            labels += batch_labels.tobytes()
        arrays.append(np.frombuffer(images, np.uint8).reshape(-1, *SHAPE))
        arrays.append(np.frombuffer(labels, np.uint8))
    return Arrays(*arrays)


def read_binary(paths: Sequence[Readable], kind: Kind = Kind()) -> Arrays:  # noqa: B008
    """The binary layout's files."""
    return _gather(partial(_binary, kind), paths)


def read_python(paths: Sequence[Readable], kind: Kind = Kind()) -> Arrays:  # noqa: B008
    """The Python layout's files."""
    return _gather(partial(_python, kind), paths)
