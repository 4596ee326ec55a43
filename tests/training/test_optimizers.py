"""Optimisers of weights whose unit falls silent: their moments decay, and end at 0."""

import numpy as np
import pytest

from ffnp.backends.selection import make_backend
from ffnp.network.parameters import Parameters
from ffnp.training.optimizers import SGD, Adam


def train(optimizer, backend):
    """The weights and moments after 1,500 steps; of four units two fall silent after ten."""
    parameters = Parameters(backend, {"weights": (8, 4)}, np.dtype(np.float32))
    random = np.random.default_rng(0)
    parameters.initialise(random)
    optimizer = optimizer(parameters, slice(None))
    for step in range(1500):
        inputs, delta = random.normal(size=(2, 8, 8)).astype(np.float32)
        delta[:, :2] *= step < 10
        optimizer.step(0.01, [(inputs.T, delta[:, :4], parameters.gradients["weights"])])
    return parameters.flat, optimizer.state


def subnormal(array):
    return ((array != 0) & (np.abs(array) < np.finfo(array.dtype).tiny)).any()


@pytest.mark.parametrize("optimizer", [Adam, SGD])
@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_moments_of_silent_weights_end_at_zero_and_no_weight_changes_by_it(
    monkeypatch, name, optimizer
):
    weights, moments = train(optimizer, make_backend(name))
    assert not any(map(subnormal, moments.values()))
    never = make_backend(name)
    monkeypatch.setattr(never, "_flush", lambda *_: None)
    same, decayed = train(optimizer, never)
    assert any(map(subnormal, decayed.values())), "nothing there to flush"
    np.testing.assert_array_equal(weights, same)


def after_two_flushes(name, optimizer, gradient):
    """The moments of one weight after 64 steps with the same gradient."""
    backend = make_backend(name)
    parameters = Parameters(backend, {"weights": (1, 1)}, np.dtype(np.float32))
    optimizer = optimizer(parameters, slice(None))
    product = np.full((1, 1), gradient, np.float32), np.ones((1, 1), np.float32)
    for _ in range(64):
        optimizer.step(0.01, [(*product, parameters.gradients["weights"])])
    return optimizer.state


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_every_moment_is_flushed_and_none_before_its_time(name):
    """A variance is a square: it is subnormal where its mean is far from that."""
    moments = after_two_flushes(name, Adam, 1e-18)
    assert not moments["variance"].any()
    assert moments["mean"].max() > 0.9e-18
    assert after_two_flushes(name, SGD, 1e-20)["velocity"].max() > 0.9e-19
