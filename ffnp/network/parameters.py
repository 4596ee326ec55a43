"""All weights and biases in one flat buffer, so that an optimiser makes one sweep."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import numpy as np

from ffnp.backends.activity import Array
from ffnp.backends.reference import Backend
from ffnp.errors import InputError

ALIGNMENT = 16  # every tensor starts at a multiple of this many numbers (64 bytes in float32)


class Parameters:
    """Named tensors of a network, and their gradients, each a view of one flat array.

    Attributes
    ----------
    flat, flat_gradient : (P,) arrays
        On the backend's device. Padding between tensors stays 0.
    weights, gradients : dict of str to array
        Views by name, e.g. `layer1.weights` (in, out) and `layer1.bias` (out,).
    """

    def __init__(
        self, backend: Backend, shapes: Mapping[str, tuple[int, ...]], dtype: np.dtype[Any]
    ) -> None:
        sizes = [-(-int(np.prod(shape)) // ALIGNMENT) * ALIGNMENT for shape in shapes.values()]
        starts = [0, *accumulate(sizes)]
        self.backend = backend
        self.shapes = dict(shapes)
        self._starts = dict(zip(shapes, starts, strict=False))
        self._sizes = dict(zip(shapes, sizes, strict=True))
        self.flat = zeros(backend, starts[-1], dtype)
        self.flat_gradient = zeros(backend, starts[-1], dtype)
        self.weights = self.views(self.flat)
        self.gradients = self.views(self.flat_gradient)

    def views(self, flat: Array) -> dict[str, Array]:
        """The tensors of a flat array laid out like `flat`, by name."""
        return {
            name: flat[self._starts[name] :][: int(np.prod(shape))].reshape(shape)
            for name, shape in self.shapes.items()
        }

    def span(self, prefix: str) -> slice:
        """The span of the flat arrays with the tensors whose names start with `prefix`."""
        names = [name for name in self.shapes if name.startswith(prefix)]
        return slice(self._starts[names[0]], self._starts[names[-1]] + self._sizes[names[-1]])

    def initialise(self, random: np.random.Generator) -> None:
        """Draw each layer's weights and bias from U(-1/sqrt(in), 1/sqrt(in))."""
        drawn = {}
        for name, shape in self.shapes.items():
            if len(shape) == 2:  # a layer's bias follows its weights and shares their bound
                bound = 1 / np.sqrt(shape[0])
            drawn[name] = random.uniform(-bound, bound, shape)
        self.load(drawn)

    def load(self, tensors: Mapping[str, Any]) -> None:
        """Copy host tensors in; InputError if one is missing or of another shape."""
        flat = np.zeros(self.flat.shape, self.flat.dtype)
        for name, view in self.views(flat).items():
            if name not in tensors:
                raise InputError(f"no tensor '{name}' among {', '.join(sorted(tensors))}")
            if tensors[name].shape != view.shape:
                raise InputError(
                    f"tensor '{name}' has shape {tensors[name].shape}, the network {view.shape}"
                )
            view[...] = tensors[name]
        self.flat[...] = self.backend.to_device(flat)


def zeros(backend: Backend, length: int, dtype: np.dtype[Any]) -> Array:
    """A flat array of zeros on the device."""
    array = backend.empty((length,), dtype)
    array[...] = 0
    return array
