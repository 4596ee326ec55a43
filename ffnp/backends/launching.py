"""Launches of CUDA kernels whose arguments are checked against the kernel's own declaration.

CuPy passes to a kernel whatever it is given: a float64 array or a Python number where the kernel
expects something else gives wrong numbers without a word. So the parameter lists are read from
the source: names, types, and the shapes in their comments.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ffnp.backends.activity import Array

TYPES = {
    "double": np.float64,
    "float": np.float32,
    "long long": np.int64,
    "unsigned long long": np.uint64,
    "int": np.int32,
    "unsigned char": np.uint8,
}
NULL = np.uintp(0)  # eight bytes, as a pointer has

_KERNEL = re.compile(r"^KERNEL\(.*?\) (\w+)\(\n(.*?)\n\) \{$", re.MULTILINE | re.DOTALL)
_ARRAY = re.compile(
    r"\s*(?:const )?([\w ]+)\* (?:__restrict__ )?(\w+),?\s*// \(([^)]*)\)( or null)?"
)
_AXIS = re.compile(r"([A-Z]|(?=\d))(?: \+ )?(\d*)")
_SCALAR = re.compile(r"([\w ]+?) (\w+)(?:,|$)")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel."""

    name: str  # as declared; the type without `const` and `*`
    type: str
    # of an array: for `(L + 1, N, 2)` it is `(("L", 1), ("N", 0), ("", 2))`. None: a number
    shape: tuple[tuple[str, int], ...] | None = None
    nullable: bool = False  # whether a null pointer may stand for the array


def declarations(source: str) -> dict[str, list[Parameter]]:
    """The parameters of every `KERNEL` in a source text, by name."""
    return {name: list(_parameters(text)) for name, text in _KERNEL.findall(source)}


def _parameters(text: str) -> Iterator[Parameter]:
    for line in text.splitlines():
        array = _ARRAY.match(line)
        if array:
            kind, name, shape, null = array.groups()
            axes = tuple((letter, int(more or 0)) for letter, more in _AXIS.findall(shape))
            yield Parameter(name, kind, axes, bool(null))
        else:
            for kind, name in _SCALAR.findall(line.strip()):
                yield Parameter(name, kind.strip())


class Kernels:
    """The kernels of a module compiled from `source`, with `real` as `dtype`."""

    def __init__(self, module: Any, source: str, dtype: np.dtype[Any]) -> None:
        types = {name: np.dtype(kind) for name, kind in TYPES.items()} | {"real": dtype}
        self._module = module
        self._functions: dict[str, Any] = {}
        self._parameters = {
            name: [(parameter, types[parameter.type]) for parameter in parameters]
            for name, parameters in declarations(source).items()
        }

    def launch(
        self, kernel: str, grid: tuple[int, ...], block: tuple[int, ...], /, **arguments: Any
    ) -> None:
        """Launch a kernel.

        Parameters
        ----------
        kernel : str
        grid, block : tuple of int
            Blocks, and threads of a block.
        **arguments : array, number or None
            By the names in the declaration, without the lengths of axes. Numbers are converted
            to the declared type; None is a null pointer.

        Raises
        ------
        TypeError
            An array is not of the declared dtype, shape or C order, or an argument is missing or
            unknown.
        """
        lengths = {"": 0}  # of axes; a fixed length is 0 + itself
        packed = []
        for parameter, dtype in self._parameters[kernel]:
            if parameter.name in lengths:
                packed.append(dtype.type(lengths[parameter.name]))
                continue
            if parameter.name not in arguments:
                raise TypeError(f"{kernel}: {parameter.name} is missing")
            value = arguments.pop(parameter.name)
            if parameter.shape is not None:
                _check(kernel, parameter, dtype, value, lengths)
                packed.append(NULL if value is None else value)
            else:
                packed.append(dtype.type(value))
        if arguments:
            raise TypeError(f"{kernel}: no parameter {', '.join(arguments)}")
        if kernel not in self._functions:
            self._functions[kernel] = self._module.get_function(kernel)
        self._functions[kernel](grid, block, tuple(packed))


def _check(
    kernel: str, parameter: Parameter, dtype: np.dtype[Any], array: Array, lengths: dict[str, int]
) -> None:
    """Raise `TypeError` unless an array fits; note in `lengths` the axes met for the first time."""
    if array is None and parameter.nullable:
        return
    where = f"{kernel}: {parameter.name}"
    if array is None or array.dtype != dtype or not array.flags.c_contiguous:
        found = "null" if array is None else f"{array.dtype} with strides {array.strides}"
        raise TypeError(f"{where} is {found}, not {dtype} in C order")
    shape = parameter.shape or ()
    fits = len(shape) == array.ndim
    for (axis, more), length in zip(shape, array.shape, strict=False):
        fits &= lengths.setdefault(axis, length - more) == length - more
    if not fits:
        raise TypeError(f"{where} is {array.shape}, where the axes are {lengths}")
