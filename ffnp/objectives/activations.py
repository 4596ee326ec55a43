"""Activations: phi(z) and its derivative phi'(z), elementwise and in z's dtype."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
LEAK = 0.01  # slope of leaky_relu below 0
GELU_SCALE = 0.7978845608028654  # sqrt(2 / pi)
GELU_CUBIC = 0.044715


@dataclass(frozen=True)
class Activation:
    """An activation and its derivative."""

    name: str
    value: Callable[[Array], Array]  # phi(z) and phi'(z)
    slope: Callable[[Array], Array]
    # whether a layer must keep phi'(z) for its gradient. relu need not: a phi'(z) = a
    keeps_slope: bool = True


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)): no overflow for any z, and exact to rounding where it is near 0."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, z.dtype.type(1), e) / (1 + e)


def softplus(z: Array) -> Array:
    """log(1 + exp(z)) without overflow for any z."""
    return np.logaddexp(z, 0, dtype=z.dtype)


def _gelu_tanh(z: Array) -> Array:
    return np.tanh(GELU_SCALE * (z + GELU_CUBIC * z * z * z))


def _gelu(z: Array) -> Array:
    return 0.5 * z * (1 + _gelu_tanh(z))


def _gelu_slope(z: Array) -> Array:
    t = _gelu_tanh(z)
    return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * GELU_SCALE * (1 + 3 * GELU_CUBIC * z * z)


def _tanh_slope(z: Array) -> Array:
    a = np.tanh(z)
    return 1 - a * a


def _sigmoid_slope(z: Array) -> Array:
    a = sigmoid(z)
    return a * (1 - a)


# gelu is Hendrycks and Gimpel's tanh form (NumPy has no erf): within 5e-4 of the exact one.
ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation(
            "relu", lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype), keeps_slope=False
        ),
        Activation(
            "leaky_relu",
            lambda z: np.maximum(z, LEAK * z),
            lambda z: np.where(z > 0, z.dtype.type(1), z.dtype.type(LEAK)),
        ),
        Activation("tanh", np.tanh, _tanh_slope),
        Activation("gelu", _gelu, _gelu_slope),
        Activation("softplus", softplus, sigmoid),
        Activation("sigmoid", sigmoid, _sigmoid_slope),
    )
}
