"""All weights and biases in one flat buffer, so that an optimiser makes one sweep."""

from collections.abc import Mapping
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
        self.backend = backend
        self.shapes = dict(shapes)
        self._spans, end = dict[str, slice](), 0
        for name, shape in shapes.items():
            start, end = end, end + -(-int(np.prod(shape)) // ALIGNMENT) * ALIGNMENT
            self._spans[name] = slice(start, end)
        self.flat = zeros(backend, end, dtype)
        self.flat_gradient = zeros(backend, end, dtype)
        self.weights = self.views(self.flat)
        self.gradients = self.views(self.flat_gradient)

    def views(self, flat: Array) -> dict[str, Array]:
        """The tensors of a flat array laid out like `flat`, by name."""
        return {
            name: flat[self._spans[name]][: int(np.prod(shape))].reshape(shape)
            for name, shape in self.shapes.items()
        }

    def span(self, prefix: str) -> slice:
        """The span of the flat arrays with the tensors whose names start with `prefix`."""
        spans = [span for name, span in self._spans.items() if name.startswith(prefix)]
        return slice(spans[0].start, spans[-1].stop)

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
