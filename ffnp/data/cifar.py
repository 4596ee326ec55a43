"""CIFAR-10's batches, in the binary layout and in the Python (pickle) layout.

Images are 3072 bytes: 1024 red, 1024 green, 1024 blue, row by row.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ffnp.data.arrays import Arrays
from ffnp.data.pickles import LABELS, read_batch
from ffnp.errors import InputError
from ffnp.files import GOOD_COPY, Readable, read_bytes

SHAPE = (3, 32, 32)
PIXELS = 3072

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images (N, 3072), labels (N,)


def _binary(path: Readable) -> Batch:
    """Records of one label and 3072 pixels."""
    data = read_bytes(path)
    if not data or len(data) % (1 + PIXELS):
        raise InputError(
            f"{path} has {len(data)} bytes, not a multiple of {1 + PIXELS}: {GOOD_COPY}"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, 1 + PIXELS)
    images, labels = records[:, 1:], records[:, 0]
    if labels.max() not in LABELS:
        raise InputError(f"{path} has label {labels.max()}, not 0..9: {GOOD_COPY}")
    return images, labels


def _python(path: Readable) -> Batch:
    """A pickled dictionary, read without executing."""
    shape, pixels, labels = read_batch(read_bytes(path), path)
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


read_binary = partial(_gather, _binary)
read_python = partial(_gather, _python)
