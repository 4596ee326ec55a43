"""Launches of CUDA kernels whose arguments are checked against the kernel's own declaration.

CuPy passes to a kernel whatever it is given: a float64 array or a Python number where the kernel
expects something else gives wrong numbers without a word. So the parameter lists are read from
the source: names, types, and the shapes in their comments.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

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
        self._kernels: dict[str, Kernel] = {}
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
        if kernel not in self._kernels:
            function = self._module.get_function(kernel)
            self._kernels[kernel] = Kernel(kernel, function, self._parameters[kernel])
        self._kernels[kernel](grid, block, arguments)


class Kernel:
    """A compiled kernel, and what it was found to take.

    Arrays are checked once for all that have the same dtypes, shapes and strides.
    """

    def __init__(
        self, name: str, function: Any, parameters: list[tuple[Parameter, np.dtype[Any]]]
    ) -> None:
        self._name, self._function, self._parameters = name, function, parameters
        axes = {axis for each, _ in parameters for axis, _ in each.shape or ()}
        places = [(place, *each) for place, each in enumerate(parameters)]
        self._arrays = [(i, each.name) for i, each, _ in places if each.shape is not None]
        self._numbers = [
            (i, each.name, dtype.type)
            for i, each, dtype in places
            if each.shape is None and each.name not in axes
        ]
        self._axes = [(i, each.name, dtype.type) for i, each, dtype in places if each.name in axes]
        self._known: dict[tuple[Any, ...], list[Any]] = {}

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], arguments: dict[str, Any]
    ) -> None:
        """Launch it; see `Kernels.launch`."""
        if len(arguments) != len(self._arrays) + len(self._numbers):
            self._refuse(arguments)
        try:
            given = [arguments[name] for _, name in self._arrays]
            numbers = [(i, kind(arguments[name])) for i, name, kind in self._numbers]
        except KeyError:
            self._refuse(arguments)
        layout = tuple(
            [None if each is None else (each.dtype, each.shape, each.strides) for each in given]
        )
        known = self._known.get(layout)
        if known is None:
            known = self._known[layout] = self._checked(arguments)
        packed = known.copy()
        for (i, _), array in zip(self._arrays, given, strict=True):
            if array is not None:
                packed[i] = array
        for i, number in numbers:
            packed[i] = number
        self._function(grid, block, tuple(packed))

    def _refuse(self, arguments: dict[str, Any]) -> NoReturn:
        wanted = [name for _, name, *_ in sorted((*self._arrays, *self._numbers))]
        for name in wanted:
            if name not in arguments:
                raise TypeError(f"{self._name}: {name} is missing")
        unknown = ", ".join(name for name in arguments if name not in wanted)
        raise TypeError(f"{self._name}: no parameter {unknown}")

    def _checked(self, arguments: dict[str, Any]) -> list[Any]:
        """What is passed, with null pointers and the lengths of axes in their places."""
        lengths = {"": 0}  # of axes; a fixed length is 0 + itself
        packed: list[Any] = [NULL] * len(self._parameters)
        for parameter, dtype in self._parameters:
            if parameter.shape is not None:
                _check(self._name, parameter, dtype, arguments[parameter.name], lengths)
        for i, name, kind in self._axes:
            packed[i] = kind(lengths[name])
        return packed


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
