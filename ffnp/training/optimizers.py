"""Optimisers over a span of a network's flat parameters."""

from collections.abc import Sequence
from typing import Protocol

from ffnp.backends.activity import Array, Product
from ffnp.network.parameters import Parameters, zeros
from ffnp.network.sharing import descend


class Optimizer(Protocol):
    """Updates the weights of one span from their gradient.

    Attributes
    ----------
    gradient : (P,) array
        The span's gradient.
    state : dict of str to array
        What it remembers, by name, on the device.
    steps : int
        Updates made so far.
    """

    gradient: Array
    state: dict[str, Array]
    steps: int

    def step(self, lr: float, products: Sequence[Product]) -> None:
        """Update the weights in place with learning rate `lr`.

        `products` are those that the gradient still lacks; see `ffnp.network.sharing.descend`.
        """
        ...


class Adam:
    """Adam with bias correction (Kingma and Ba, 2015, algorithm 1).

    Parameters
    ----------
    parameters : Parameters
    span : slice
        Which part of the flat parameters it updates.
    beta1, beta2, epsilon : float
    """

    def __init__(
        self,
        parameters: Parameters,
        span: slice,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        self._backend = parameters.backend
        self._weights = parameters.flat[span]
        self.gradient = parameters.flat_gradient[span]
        self._constants = (beta1, beta2, epsilon)
        self.state = {
            name: zeros(self._backend, len(self._weights), self._weights.dtype)
            for name in ("mean", "variance")
        }
        self.steps = 0

    def step(self, lr: float, products: Sequence[Product]) -> None:
        """See `Optimizer.step`."""
        self.steps += 1
        arrays = (self._weights, self.gradient, self.state["mean"], self.state["variance"])

        def update(part: slice) -> None:
            weights, gradient, mean, variance = (array[part] for array in arrays)
            self._backend.adam(weights, gradient, mean, variance, self.steps, lr, *self._constants)

        descend(self._backend, products, self.gradient, update)


class SGD:
    """Gradient descent with momentum: v = momentum * v + gradient; W -= lr * v.

    Parameters
    ----------
    parameters : Parameters
    span : slice
        Which part of the flat parameters it updates.
    momentum : float
    """

    def __init__(self, parameters: Parameters, span: slice, momentum: float = 0.9) -> None:
        self._backend = parameters.backend
        self._weights = parameters.flat[span]
        self.gradient = parameters.flat_gradient[span]
        self._momentum = momentum
        self.state = {"velocity": zeros(self._backend, len(self._weights), self._weights.dtype)}
        self.steps = 0

    def step(self, lr: float, products: Sequence[Product]) -> None:
        """See `Optimizer.step`."""
        self.steps += 1
        arrays = (self._weights, self.gradient, self.state["velocity"])

        def update(part: slice) -> None:
            weights, gradient, velocity = (array[part] for array in arrays)
            self._backend.sgd(weights, gradient, velocity, self.steps, lr, self._momentum)

        descend(self._backend, products, self.gradient, update)
