"""Runs of a second to make pages of."""

from dataclasses import replace

import numpy as np

from ffnp import Config, train
from ffnp.data.arrays import Arrays

MNIST = Config(
    limit_train=300, limit_test=100, hidden=(12, 10), epochs=2, batch_size=100, backend="numpy"
)


def floats(*shape, classes=4):
    """Random images of floats, from -1 to 1: more than a network can learn of."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (60, *shape)).astype(np.float32)
    y = np.arange(60) % classes
    return Arrays(x[:40], y[:40], x[40:], y[40:])


def trained(folder, config, **changes):
    """Train in a folder, which is given back."""
    train(replace(config, **changes), folder)
    return folder
