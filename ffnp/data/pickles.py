"""CIFAR-10's pickled batches, read by an unpickler that calls and imports nothing.

The few names that such a file needs are replaced by recorders, which keep what the pickle hands
to them; every other name is refused. The array is then picked out of what was recorded.
"""

import io
import pickle
import pickletools
from typing import Any

from ffnp.errors import InputError
from ffnp.files import Readable

LABELS = range(10)
MOST_OPCODES = 200_000  # a batch of 10,000 images has about 40,000


class Recorder:
    """Stands for an object: keeps its arguments and its state, and does nothing with them."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class DType(Recorder):
    """`numpy.dtype(code, align, copy)`."""


class Reconstruct(Recorder):
    """An array, protocols 2 to 4; its state: (version, shape, dtype, is_fortran, data)."""


class FromBuffer(Recorder):
    """An array, protocol 5: (data, dtype, shape, order)."""


class Encode(Recorder):
    """Bytes in protocol 2 of Python 3: (text, encoding)."""


ADMITTED: dict[tuple[str, str], type[Recorder]] = {
    ("numpy", "ndarray"): Recorder,  # only ever named
    ("numpy", "dtype"): DType,
    ("numpy.core.multiarray", "_reconstruct"): Reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): Reconstruct,
    ("numpy.core.numeric", "_frombuffer"): FromBuffer,
    ("numpy._core.numeric", "_frombuffer"): FromBuffer,
    ("_codecs", "encode"): Encode,
}


class BatchUnpickler(pickle.Unpickler):
    """An unpickler for which only the recorders exist."""

    def find_class(self, module: str, name: str) -> type[Recorder]:
        """The recorder of an admitted name."""
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it names {f'{module}.{name}'!r}, as no batch does")
        return ADMITTED[module, name]


def read_batch(data: bytes, path: Readable) -> tuple[tuple[int, ...], bytes, list[int]]:
    """Shape and bytes of the images, and the labels, of one pickled batch; else `InputError`."""
    try:
        _check_size(data)
        batch = BatchUnpickler(io.BytesIO(data), encoding="latin1").load()
    except Exception as error:  # a damaged pickle can raise anything
        raise InputError(f"{path} is refused as a CIFAR-10 batch: {error!s:.200}") from error
    match batch:
        case {"data": Reconstruct(state=(_, tuple(shape), DType(args=("u1", *_)), 0, raw))}:
            pass
        case {"data": FromBuffer(args=(raw, DType(args=("u1", *_)), tuple(shape), "C"))}:
            pass
        case _:
            raise InputError(f"{path} is not a CIFAR-10 batch: it has no uint8 array 'data'")
    labels = batch.get("labels")
    if not isinstance(labels, list) or any(type(y) is not int or y not in LABELS for y in labels):
        raise InputError(f"{path} is not a CIFAR-10 batch: it has no list 'labels' of 0..9")
    return shape, _bytes(raw, path), labels


def _check_size(data: bytes) -> None:
    """Refuse opcodes that would take far more memory than the file itself."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        memo = int(argument or 0) if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") else 0
        if max(count, memo) > MOST_OPCODES:
            raise pickle.UnpicklingError("it is longer than any batch")


def _bytes(raw: Any, path: Readable) -> bytes:
    match raw:
        case bytes() | bytearray():
            return bytes(raw)
        case str() | Encode(args=(str(), "latin1")):
            text = raw if isinstance(raw, str) else raw.args[0]
            try:
                return text.encode("latin1")
            except UnicodeEncodeError as error:
                raise InputError(f"{path} is damaged: its pixels are not bytes") from error
    raise InputError(f"{path} is not a CIFAR-10 batch: its array has no data")
