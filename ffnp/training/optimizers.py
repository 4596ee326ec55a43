"""Optimisers over a span of a network's flat parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ffnp.backends.activity import Array, Product
from ffnp.network.parameters import Parameters, zeros
from ffnp.network.sharing import descend


class Optimizer:
    """Updates the weights of one span from their gradient.

    Parameters
    ----------
    parameters : Parameters
    span : slice
        Which part of the flat parameters it updates.
    decay : float
        Decoupled weight decay: a step takes lr * decay of each weight away.

    Attributes
    ----------
    span : slice
    gradient : (P,) array
        The span's gradient.
    state : dict of str to array
        The moments that it remembers, by name, on the device.
    steps : int
        Updates made so far.
    """

    moments: tuple[str, ...]

    def __init__(self, parameters: Parameters, span: slice, decay: float = 0.0) -> None:
        self._backend, self.span, self._decay = parameters.backend, span, decay
        self._weights = parameters.flat[span]
        self.gradient = parameters.flat_gradient[span]
        length, dtype = len(self._weights), self._weights.dtype
        self.state = {name: zeros(self._backend, length, dtype) for name in self.moments}
        self.steps = 0

    def step(self, lr: float, products: Sequence[Product]) -> None:
        """Update the weights in place with learning rate `lr`.

        `products` are what the gradient still lacks; see `ffnp.network.sharing.descend`.
        """
        self.steps += 1
        arrays = (self._weights, self.gradient, *self.state.values())
        whole = slice(0, len(self.gradient))

        def update(span: slice) -> None:
            self.update(arrays if span == whole else [array[span] for array in arrays], lr)

        descend(self._backend, products, self.gradient, update)

    def update(self, arrays: Sequence[Array], lr: float) -> None:
        """Update weights, given first, by their gradient and moments, in place."""
        raise NotImplementedError


class Adam(Optimizer):
    """Adam with bias correction (Kingma and Ba, 2015, algorithm 1); with decay, AdamW."""

    moments = ("mean", "variance")

    def update(self, arrays: Sequence[Array], lr: float) -> None:
        weights, gradient, mean, variance = arrays
        self._backend.adam(weights, gradient, mean, variance, self.steps, lr, self._decay)


class SGD(Optimizer):
    """Gradient descent with momentum: v = momentum * v + gradient; W -= lr * (v + decay * W)."""

    moments = ("velocity",)

    def __init__(
        self, parameters: Parameters, span: slice, decay: float = 0.0, momentum: float = 0.9
    ) -> None:
        super().__init__(parameters, span, decay)
        self._momentum = momentum

    def update(self, arrays: Sequence[Array], lr: float) -> None:
        weights, gradient, velocity = arrays
        self._backend.sgd(weights, gradient, velocity, self.steps, lr, self._momentum, self._decay)


@dataclass(frozen=True)
class Earlier:
    """What trainings have left, beside the weights, to one that goes on from them.

    Attributes
    ----------
    epochs, batches : int
        How many there were, in all.
    steps : tuple of int
        Updates that each optimiser has made; empty before the first training.
    moments : dict of str to array
        Copies, on the host, of what the optimisers remember.
    """

    epochs: int = 0
    batches: int = 0
    steps: tuple[int, ...] = ()
    moments: Mapping[str, Any] = field(default_factory=dict)
