"""A row's weight is a factor on its coefficients: a row of weight 2 is the row twice."""

from dataclasses import replace

import numpy as np
import pytest
from data_files import small_arrays
from small_training import StopAfter, same_bits

from ffnp import Config, from_arrays, resume, train
from ffnp.backends.selection import make_backend
from ffnp.errors import InputError, TrainingError
from ffnp.model import DataDescription, Model
from ffnp.network.sharing import Filled, learn

METHODS = {
    "collab": {},
    "previous": {"gamma": "previous"},
    "pairwise": {"method": "ff", "objective": "pairwise", "unit_dropout": 0.5},
    "softmax": {"objective": "softmax", "joined": "every"},
    "backprop-label": {"method": "backprop-label"},
    "backprop-pairwise": {"method": "backprop-pairwise"},
    "local-heads": {"method": "local-heads"},
}
SMALL = Config(hidden=(6, 5), epochs=2, batch_size=20, dtype="float64", backend="numpy")
X, Y, _, _ = small_arrays(4, 4, train=50, test=23, classes=4)


def gradient(config, backend, rows, sample_weight):
    """The flat gradient of some of the images, each joined with every label."""
    data = from_arrays(X, Y, name="small")
    backend = make_backend(backend)
    method = Model.create(config, DataDescription.of(data, config), backend).method
    batch = method.training_batch(len(rows))
    batch.x[...] = X[rows].reshape(len(rows), -1) / 99
    labels = (Y[rows][:, None].astype(np.int32) + np.arange(method.rows, dtype=np.int32)) % 4
    weight = None if sample_weight is None else np.asarray(sample_weight, config.dtype)
    batch.take(labels, sample_weight=weight)
    totals = np.zeros(method.losses + 1)
    backend.multiply(learn(method, batch, Filled(0), totals, range(method.depth)))
    return method.parameters.flat_gradient.copy(), totals


@pytest.mark.parametrize("backend", ["reference", "numpy", "numba"])
@pytest.mark.parametrize("method", METHODS)
def test_a_row_of_weight_2_is_the_row_twice(method, backend):
    config = replace(SMALL, **METHODS[method] | {"unit_dropout": 0.0})
    twice, _ = gradient(config, backend, [3, 8, 8, 9, 12, 12], None)
    once, _ = gradient(config, backend, [3, 8, 9, 12], 4 / 6 * np.array([1, 2, 1, 2]))
    np.testing.assert_allclose(once, twice, rtol=1e-12, atol=1e-15)
    assert np.abs(twice).max() > 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_weights_multiply_the_gradients_of_their_rows(method):
    config = replace(SMALL, **METHODS[method] | {"unit_dropout": 0.0})
    alone = [gradient(config, "reference", [row], None)[0] for row in (3, 8, 9)]
    weighted, _ = gradient(config, "reference", [3, 8, 9], [0.5, 0, 7])
    expected = (0.5 * alone[0] + 7 * alone[2]) / 3
    np.testing.assert_allclose(weighted, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_losses_count_every_row_once(method):
    config = replace(SMALL, **METHODS[method] | {"unit_dropout": 0.0})
    _, plain = gradient(config, "numba", [3, 8, 9], None)
    _, weighted = gradient(config, "numba", [3, 8, 9], [0.5, 0, 7])
    np.testing.assert_array_equal(plain, weighted)


def weighted(sample_weight, name="small"):
    return from_arrays(X, Y, name=name, sample_weight=sample_weight)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_of_1_change_no_bit(method, dtype):
    config = replace(SMALL, dtype=dtype, **METHODS[method])
    plain = train(config, dataset=weighted(None))
    assert same_bits(plain.model, train(config, dataset=weighted(np.ones(50))).model)


def test_weights_follow_their_rows_when_they_are_shuffled():
    """A row of weight 0 may hold anything."""
    weight = np.ones(50)
    weight[7] = 0
    x = X.copy()
    x[7] = X[11]
    config = replace(SMALL, scaling="raw")
    found = [
        train(config, dataset=from_arrays(each, Y, name="small", sample_weight=weight))
        for each in (X, x)
    ]
    assert same_bits(found[0].model, found[1].model)
    assert not same_bits(found[0].model, train(config, dataset=weighted(None)).model)


@pytest.mark.parametrize("setting", [{}, {"update": "sequential"}, {"schedule": "layer"}])
def test_a_stopped_run_goes_on_with_its_weights(tmp_path, setting):
    config = replace(SMALL, gamma="previous", **setting)
    data = weighted(np.arange(50) % 3)
    whole = train(config, dataset=data)
    with pytest.raises(TrainingError, match="stopped"):
        train(config, tmp_path / "run", StopAfter(4), dataset=data)
    with pytest.raises(InputError, match="trained on other data"):
        resume(tmp_path / "run", dataset=weighted(np.arange(50) % 2))
    assert same_bits(resume(tmp_path / "run", dataset=data).model, whole.model)


@pytest.mark.parametrize(
    "wrong", [[1.0], -np.ones(50), np.full(50, np.nan), np.zeros(50), ["a"] * 50, np.full(50, 1e16)]
)
def test_what_is_no_weight_is_refused(wrong):
    with pytest.raises(InputError, match="small: the training set has sample_weight"):
        weighted(wrong)
