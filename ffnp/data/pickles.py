"""CIFAR's pickled batches, read by a machine of the few opcodes that such files hold.

It imports, calls and hashes nothing: values are plain, keys of dictionaries are texts, and a call
is kept as the name and what it was given. The array is then picked out of what was kept.
"""

import pickletools
from collections.abc import Iterable
from typing import Any, TypeVar

from ffnp.errors import InputError
from ffnp.files import Readable

MOST_OPCODES = 600_000  # a batch of 10,000 images has about 40,000; CIFAR-100's of 50,000, 250,000
MOST_HELD = 20_000  # values at once on the stack, where the labels may be

ADMITTED = {  # names that a batch holds, and what they stand for
    "numpy ndarray": "ndarray",  # only ever named
    "numpy dtype": "dtype",  # (code, align, copy)
    "numpy.core.multiarray _reconstruct": "array",  # protocols 2 to 4
    "numpy._core.multiarray _reconstruct": "array",
    "numpy.core.numeric _frombuffer": "buffer",  # protocol 5: (data, dtype, shape, order)
    "numpy._core.numeric _frombuffer": "buffer",
    "_codecs encode": "encode",  # bytes in protocol 2 of Python 3: (text, encoding)
}
T = TypeVar("T")

SILENT = {"PROTO", "FRAME", "STOP"}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
ARGUMENTS = {  # opcodes that push what they hold
    "BININT", "BININT1", "BININT2", "BINSTRING", "SHORT_BINSTRING", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
EMPTY = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
PUT = {"BINPUT", "LONG_BINPUT"}
GET = {"BINGET", "LONG_BINGET"}


class Name(str):
    """One of the admitted names."""


class Call:
    """A name with the arguments that it was given, and the state, if any: nothing was called."""

    __match_args__ = ("name", "args", "state")

    def __init__(self, name: Name, args: tuple[Any, ...]) -> None:
        self.name, self.args, self.state = str(name), args, None


class Machine:
    """The stack and the memo of a pickle, and what an opcode does to them."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: list[Any] = []

    def run(self, data: bytes) -> Any:
        """The value that a pickle describes; an error of any kind if it is no batch's."""
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count == MOST_OPCODES or len(self._stack) > MOST_HELD:
                raise ValueError("it is longer than any batch")
            self._step(opcode.name, argument)
        (value,) = self._stack
        return value

    def _step(self, opcode: str, argument: Any) -> None:
        stack = self._stack
        if opcode in ARGUMENTS:
            stack.append(argument)
        elif opcode in CONSTANTS:
            stack.append(CONSTANTS[opcode])
        elif opcode in EMPTY:
            stack.append(EMPTY[opcode]())
        elif opcode in TUPLES:
            stack.append(tuple(self._last(TUPLES[opcode])))
        elif opcode == "MARK":
            self._marks.append(len(stack))
        elif opcode == "TUPLE":
            stack.append(tuple(self._since_mark()))
        elif opcode in ("APPEND", "APPENDS"):
            values = self._last(1) if opcode == "APPEND" else self._since_mark()
            _of(list, stack[-1]).extend(values)
        elif opcode in ("SETITEM", "SETITEMS"):
            values = self._last(2) if opcode == "SETITEM" else self._since_mark()
            keys = [_of(str, key) for key in values[::2]]  # texts alone: their hashes are secret
            _of(dict, stack[-1]).update(zip(keys, values[1::2], strict=True))
        elif opcode == "GLOBAL":
            stack.append(_admitted(argument))
        elif opcode == "STACK_GLOBAL":
            stack.append(_admitted(" ".join(_of(str, part) for part in self._last(2))))
        elif opcode == "REDUCE":
            name, args = self._last(2)
            stack.append(Call(_of(Name, name), _of(tuple, args)))
        elif opcode == "BUILD":
            (state,) = self._last(1)
            _of(Call, stack[-1]).state = state
        elif opcode == "MEMOIZE" or opcode in PUT:
            self._remember(len(self._memo) if opcode == "MEMOIZE" else argument)
        elif opcode in GET:
            stack.append(self._memo[argument])
        elif opcode not in SILENT:
            raise ValueError(f"it holds the opcode {opcode}, as no batch does")

    def _last(self, count: int) -> list[Any]:
        """Take the last values off the stack, none of them from before a mark."""
        bottom = self._marks[-1] if self._marks else 0
        if len(self._stack) - count < bottom:
            raise ValueError("it takes what is not there")
        taken = self._stack[-count:]
        del self._stack[-count:]
        return taken

    def _since_mark(self) -> list[Any]:
        start = self._marks.pop()
        taken = self._stack[start:]
        del self._stack[start:]
        return taken

    def _remember(self, place: int) -> None:
        """Pickles number from 0 or 1 on, without gaps but for what nobody asks for."""
        missing = place - len(self._memo)
        if missing > MOST_OPCODES:
            raise ValueError("it numbers more values than any batch")
        self._memo.extend([None] * (missing + 1))
        self._memo[place] = self._stack[-1]


def _of(kind: type[T], value: Any) -> T:
    if not isinstance(value, kind):
        raise ValueError(f"it has a {type(value).__name__} where a batch has a {kind.__name__}")
    return value


def _admitted(name: str) -> Name:
    if name not in ADMITTED:
        raise ValueError(f"it names {name.replace(' ', '.')!r}, as no batch does")
    return Name(ADMITTED[name])


def read_batch(
    data: bytes, path: Readable, key: str = "labels", classes: int = 10
) -> tuple[tuple[int, ...], bytes, list[int]]:
    """Shape and bytes of the images, and the labels of this key, of one pickled batch.

    `InputError` if it is none, or labels are not of so many classes.
    """
    try:
        batch = Machine().run(data)
    except Exception as error:  # a damaged pickle can raise anything
        raise InputError(f"{path} is refused as a CIFAR batch: {error!s:.200}") from error
    match batch:
        case {"data": Call("array", _, (_, tuple(shape), Call("dtype", ("u1", *_)), 0, raw))}:
            pass
        case {"data": Call("buffer", (raw, Call("dtype", ("u1", *_)), tuple(shape), "C"))}:
            pass
        case _:
            raise InputError(f"{path} is not a CIFAR batch: it has no uint8 array 'data'")
    if not _whole(shape):
        raise InputError(f"{path} is not a CIFAR batch: its array has no shape")
    labels = batch.get(key)
    if not isinstance(labels, list) or not _whole(labels) or not set(labels) <= set(range(classes)):
        raise InputError(f"{path} is not a CIFAR batch: it has no list '{key}' of 0..{classes - 1}")
    return shape, _bytes(raw, path), labels


def _whole(values: Iterable[Any]) -> bool:
    return all(type(value) is int for value in values)


def _bytes(raw: Any, path: Readable) -> bytes:
    match raw:
        case bytes() | bytearray():
            return bytes(raw)
        case str(text) | Call("encode", (str(text), "latin1")):
            try:
                return text.encode("latin1")
            except UnicodeEncodeError as error:
                raise InputError(f"{path} is damaged: its pixels are not bytes") from error
    raise InputError(f"{path} is not a CIFAR batch: its array has no data")
