"""IDX files, plain or gzipped: the layout of MNIST and its drop-in replacements.

A big-endian header (0, 0, type code, rank, then each dimension in 32 bits), then the values.
"""

import gzip
import math
import struct
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from ffnp.errors import InputError
from ffnp.files import Readable, read_exactly, reading

UINT8 = 0x08


def read_idx(path: Readable) -> NDArray[np.uint8]:
    """The array of one IDX file of unsigned bytes; gzipped if its name ends in `.gz`.

    Raises
    ------
    InputError
        The file is missing, truncated, too long or not IDX.
    StorageError
        The system cannot read it.
    """
    with reading(path, ValueError), path.open("rb") as file:
        if not path.name.endswith(".gz"):
            return _read(file, path)
        with gzip.open(file) as inflated:
            return _read(cast(IO[bytes], inflated), path)


def _read(stream: IO[bytes], path: Readable) -> NDArray[np.uint8]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:3] != bytes((0, 0, UINT8)):
        raise InputError(f"{path} is not an IDX file of unsigned bytes: it starts with {magic!r}")
    dimensions = stream.read(4 * magic[3])
    if len(dimensions) < 4 * magic[3]:
        raise InputError(f"{path} is truncated: it ends within its header")
    shape = struct.unpack(f">{magic[3]}I", dimensions)
    return np.frombuffer(read_exactly(stream, math.prod(shape), path), np.uint8).reshape(shape)
