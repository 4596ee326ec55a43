"""NumPy's own files: a `.npz` archive read whole, a folder of `.npy` files mapped.

The header of a `.npy` file is matched against what NumPy writes, never evaluated, and what it
claims is compared with the file's size before anything is allocated or mapped.
"""

import errno
import math
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, Literal, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from ffnp.data.arrays import Arrays
from ffnp.errors import InputError
from ffnp.files import Readable, check_packing, opened, read_exactly, reading

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000
HEADER = re.compile(
    r"\{'descr': '(?P<dtype>[<>|=]?[biuf]\d{1,2})', 'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>(?:\d{1,18}, ?)*(?:\d{1,18})?)\),? ?\}\s*"
)
KINDS = {  # of NumPy's types, that hold no plain numbers
    "O": "Python objects",
    "M": "dates",
    "m": "times",
    "c": "complex numbers",
    "V": "bytes of no type",
    "[": "records of several fields",
}


@dataclass(frozen=True)
class Header:
    """What a `.npy` file says of its array, and where the array begins."""

    dtype: np.dtype[Any]
    order: Literal["C", "F"]
    shape: tuple[int, ...]
    offset: int
    size: int  # bytes of the array


def read_header(stream: IO[bytes], held: int, where: object) -> Header:
    """The header of a `.npy` stream of `held` bytes: plain numbers, as many as it declares."""
    start = stream.read(8)
    width = {1: 2, 2: 4, 3: 4}.get(start[6] if len(start) == 8 else 0)  # of the header's length
    if start[:6] != MAGIC or width is None:
        raise InputError(f"{where} is not a .npy array: it starts with {start!r}")
    field = stream.read(width)
    if len(field) < width:
        raise InputError(f"{where} is truncated: it ends within its header")
    length = int.from_bytes(field, "little")
    text = stream.read(length) if length <= LONGEST_HEADER else b""
    match = HEADER.fullmatch(text.decode("latin1"))
    if match is None:
        raise _no_numbers(text.decode("latin1"), where)
    try:
        dtype = np.dtype(match["dtype"])
    except TypeError as error:
        raise InputError(f"{where} has values of unknown type '{match['dtype']}'") from error
    shape = tuple(int(size) for size in re.findall(r"\d+", match["shape"]))
    order: Literal["C", "F"] = "F" if match["fortran"] == "True" else "C"
    offset, size = len(start) + len(field) + length, math.prod(shape) * dtype.itemsize
    if held != offset + size:
        raise InputError(f"{where} declares {size} bytes of data but holds {held - offset}")
    return Header(dtype, order, shape, offset, size)


def _no_numbers(header: str, where: object) -> InputError:
    """What an array of anything else holds, and what to save in its place."""
    found = re.search(r"'descr': (?:'[<>|=]?([A-Za-z])|(\[))", header)
    kind = (found[1] or found[2]) if found else ""
    if kind in ("U", "S", "a"):
        labels = "numpy.unique(labels, return_inverse=True)[1]"
        return InputError(f"{where} holds text: save numbers, of labels {labels}")
    held = KINDS.get(kind, "no plain numbers")
    return InputError(f"{where} holds {held}: save it with numpy.save, as an array of numbers")


def read_npz(path: Readable) -> Arrays:
    """The arrays x_train, y_train and, if it has either, x_test and y_test of a `.npz` archive."""
    with _archive(path) as archive:
        tested = {"x_test.npy", "y_test.npy"}.intersection(archive.namelist())
        names = Arrays._fields if tested else Arrays._fields[:2]
        return Arrays(*(_member(archive, name, path) for name in names))


def read_array(path: Readable, name: str) -> NDArray[Any]:
    """The only array of a `.npz` archive, or the one called `name`."""
    with _archive(path) as archive:
        members = [member.removesuffix(".npy") for member in archive.namelist()]
        if len(members) != 1 and name not in members:
            raise InputError(f"{path} holds {len(members)} arrays: keep one, or call it {name}")
        return _member(archive, members[0] if len(members) == 1 else name, path)


@contextmanager
def _archive(path: Readable) -> Iterator[ZipFile]:
    malformed = (BadZipFile, NotImplementedError, RuntimeError, ValueError, struct.error)
    with reading(path, *malformed), opened(path) as file, ZipFile(file) as archive:
        yield archive


def _member(archive: ZipFile, name: str, path: Readable) -> NDArray[Any]:
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError as error:
        needed = ", ".join(Arrays._fields)
        raise InputError(f"{path} has no array {name}: it needs {needed}") from error
    where = f"{path}: {name}"
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise InputError(f"{where} is compressed in a way that NumPy never uses")
    check_packing(where, info.file_size, info.compress_size)
    with archive.open(info) as stream:
        header = read_header(stream, info.file_size, where)
        return _values(stream, header, where)


def _values(stream: IO[bytes], header: Header, where: object) -> NDArray[Any]:
    values = np.frombuffer(read_exactly(stream, header.size, where), header.dtype)
    return values.reshape(header.shape, order=header.order)


def map_npy(path: Readable) -> NDArray[Any]:
    """The array of a `.npy` file, mapped into memory read-only; its data are not read."""
    with reading(path, ValueError), opened(path) as file:
        header = read_header(file, os.fstat(file.fileno()).st_size, path)
        if header.size == 0:  # nothing can be mapped
            return np.empty(header.shape, header.dtype)
        place = (header.offset, header.shape, header.order)
        try:
            return np.memmap(cast(BinaryIO, file), header.dtype, "r", *place)
        except OSError as error:
            if error.errno != errno.ENODEV:  # the file system maps none: it is read
                raise
        return _values(file, header, path)
