"""Small data sets and their files, written as the published ones are."""

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffnp.data.arrays import Arrays
from ffnp.data.layouts import BATCHES, IDX

Bytes = NDArray[np.uint8]


def small_arrays(*shape: int, train: int = 12, test: int = 5, classes: int = 10) -> Arrays:
    """Random images of this shape; every class is among the training labels if it can be."""
    rng = np.random.default_rng(0)
    labels = np.arange(train + test) % classes
    images = rng.integers(0, 256, (train + test, *shape)).astype(np.uint8)
    return Arrays(
        images[:train],
        labels[:train].astype(np.uint8),
        images[train:],
        labels[train:].astype(np.uint8),
    )


def idx_bytes(array: Bytes) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def write_idx(folder: Path, arrays: Arrays, gzipped: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(IDX.files, arrays, strict=True):
        content = idx_bytes(array)
        if gzipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            (folder / name).write_bytes(content)


def binary_batch(images: Bytes, labels: Bytes) -> bytes:
    """A batch of CIFAR-10's binary layout."""
    return np.column_stack([labels, images.reshape(len(images), -1)]).tobytes()


def python2_batch(images: Bytes, labels: Bytes) -> bytes:
    """A batch of CIFAR-10's Python layout, opcode by opcode as the published ones (Python 2)."""
    shape = b"".join(b"J" + struct.pack("<i", size) for size in (len(images), 3072))
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\t"
        b"(K\x01" + shape + b"\x86cnumpy\ndtype\nq\nU\x02u1K\x00K\x01\x87Rq\x0b"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + struct.pack("<i", images.size) + images.tobytes() + b"tb"
    )
    return (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03"
        b"U\x06labelsq\x04]q\x05(" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
        b"U\x04dataq\x06" + array + b"U\tfilenamesq\x0c]q\r(U\nsome_s.pngq\x0eeu."
    )


def python3_batch(images: Bytes, labels: Bytes, protocol: int) -> bytes:
    """The same batch as Python 3 pickles it."""
    data = images.reshape(len(images), -1)
    return pickle.dumps({"data": data, "labels": labels.tolist()}, protocol)


def write_cifar(folder: Path, arrays: Arrays, ending: str, batch=python2_batch) -> None:
    """Six batches; the training images in five parts."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [
        *zip(np.array_split(arrays.x_train, 5), np.array_split(arrays.y_train, 5), strict=True),
        (arrays.x_test, arrays.y_test),
    ]
    for name, part in zip(BATCHES, parts, strict=True):
        (folder / (name + ending)).write_bytes(batch(*part))


def write_npy(folder: Path, arrays: Arrays) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays._asdict().items():
        np.save(folder / f"{name}.npy", array)
