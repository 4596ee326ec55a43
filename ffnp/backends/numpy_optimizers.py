"""The NumPy backend's loops over flat arrays: a block goes through all passes while it is in cache.

`w`, `g` are weights and gradient, `m`, `v` moments, `t` a scratch array, all of one shape.
"""

import numpy as np

from ffnp.backends.activity import Array


def adam_block(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    t: Array,
    rate: float,
    keep: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    """m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2.

    w = keep w - rate m / (sqrt(v) + e).
    """
    np.multiply(g, 1 - beta1, out=t)
    m *= beta1
    m += t
    np.multiply(g, 1 - beta2, out=t)
    t *= g
    v *= beta2
    v += t
    np.sqrt(v, out=t)
    t += epsilon
    np.divide(m, t, out=t)
    t *= rate
    if keep != 1:
        w *= keep
    w -= t


def sgd_block(
    w: Array, g: Array, v: Array, t: Array, lr: float, keep: float, momentum: float
) -> None:
    """v = momentum v + g; w = keep w - lr v."""
    v *= momentum
    v += g
    np.multiply(v, lr, out=t)
    if keep != 1:
        w *= keep
    w -= t


def flush_block(values: Array, below: float | Array, size: Array, small: Array) -> None:
    """Set to 0 what is smaller than `below`; `size` and `small` (bool) are scratch arrays."""
    np.abs(values, out=size)
    np.less(size, below, out=small)
    np.copyto(values, 0, where=small)
