"""IDX files, plain or gzipped: the layout of MNIST and its drop-in replacements.

A big-endian header (0, 0, type code, rank, then each dimension in 32 bits), then the values.
"""

import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffnp.errors import InputError
from ffnp.files import Readable, check_packing, inflated, read_exactly

UINT8 = 0x08


def read_idx(path: Readable) -> NDArray[np.uint8]:
    """The array of one IDX file; `InputError` if it is not whole or not of unsigned bytes."""
    with inflated(path, ValueError) as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:3] != bytes((0, 0, UINT8)):
            raise InputError(
                f"{path} is not an IDX file of unsigned bytes: it starts with {magic!r}"
            )
        dimensions = file.read(4 * magic[3])
        if len(dimensions) < 4 * magic[3]:
            raise InputError(f"{path} is truncated: it ends within its header")
        shape = struct.unpack(f">{magic[3]}I", dimensions)
        if isinstance(path, Path):
            check_packing(path, math.prod(shape), path.stat().st_size)
        return np.frombuffer(read_exactly(file, math.prod(shape), path), np.uint8).reshape(shape)
