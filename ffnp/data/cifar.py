"""CIFAR-10 in its binary layout: records of one label byte and 3072 pixels."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from ffnp.data.arrays import Arrays
from ffnp.data.files import Source, reading
from ffnp.errors import InputError

SHAPE = (3, 32, 32)
PIXELS = 3072
TRAINING = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST = "test_batch"

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def read_binary(path: Source) -> Batch:
    """Images (N, 3072) and labels (N,) of one binary batch.

    Raises
    ------
    InputError
        The file is missing or empty, ends within a record, or has a label over 9.
    StorageError
        The system cannot read it.
    """
    with reading(path), path.open("rb") as file:
        data = file.read()
    if not data or len(data) % (1 + PIXELS):
        raise InputError(
            f"{path} has {len(data)} bytes, not a multiple of {1 + PIXELS}: replace it "
            "by a good copy"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, 1 + PIXELS)
    return records[:, 1:], check_labels(path, records[:, 0])


def check_labels(path: Source, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`labels`, which must be 0..9."""
    if labels.max() > 9:
        raise InputError(f"{path} has label {labels.max()}, not 0..9: replace it by a good copy")
    return labels


def recognise(folder: Source) -> bool:
    """Whether `folder` holds the first batch in the binary layout."""
    return (folder / "data_batch_1.bin").is_file()


def read_folder(folder: Source) -> Arrays:
    """All six batches of the binary layout, images as (N, 3, 32, 32)."""
    return gather(read_binary, [folder / f"{name}.bin" for name in (*TRAINING, TEST)])


def gather(read: Callable[[Source], Batch], paths: list[Source]) -> Arrays:
    """Join the training batches (all paths but the last) and the test batch (the last)."""
    train = _join(read(path) for path in paths[:-1])
    return Arrays(*train, *_join([read(paths[-1])]))


def _join(batches: Iterable[Batch]) -> Batch:
    # A growing buffer, so that only one batch is held twice at a time.
    images, labels = bytearray(), bytearray()
    for batch_images, batch_labels in batches:
        images += batch_images.tobytes()
        labels += batch_labels.tobytes()
    return (
        np.frombuffer(images, np.uint8).reshape(-1, *SHAPE),
        np.frombuffer(labels, np.uint8),
    )
