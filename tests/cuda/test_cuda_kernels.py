"""Every kernel, run on the CPU by the shim, against the readable reference."""

from dataclasses import fields

import gpu_shim
import numpy as np
import pytest

from ffnp.activations import ACTIVATIONS
from ffnp.backends import Backend
from ffnp.backends.activity import Activity
from ffnp.collaboration import GAMMAS, LayerObjective
from ffnp.data.scaling import Scaling
from ffnp.labels import candidate_labels
from ffnp.objectives import OBJECTIVES

CLASSES = 11
SIZES = [(1, 1, 1), (31, 1, 31), (16, 2, 32), (33, 3, 33), (7, 10, 127), (2, 2, 129)]  # (N, R, H)
TOLERANCE = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-14}  # of an array's largest


@pytest.fixture(params=gpu_shim.ORDERS)
def order(request, cupy):
    """The order in which the threads of a block run."""
    cupy.DEVICE.order = request.param


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def random():
    return np.random.default_rng(0)


def mapped(function, argument):
    """An argument with its arrays mapped."""
    if isinstance(argument, Activity):
        parts = {f.name: getattr(argument, f.name) for f in fields(argument)}
        return Activity(**{k: None if v is None else function(v) for k, v in parts.items()})
    return function(argument) if isinstance(argument, np.ndarray) else argument


def arrays(argument):
    """The arrays of an argument, by name."""
    if isinstance(argument, Activity):
        named = {field.name: getattr(argument, field.name) for field in fields(argument)}
        return {name: array for name, array in named.items() if array is not None}
    return {"": argument}


def doubled(array):
    """A float64 copy of a float array; a copy of any other."""
    return array.astype(np.float64) if array.dtype.kind == "f" else array.copy()


def compare(backend, cupy, method, arguments, written, undefined=(), scales=None):
    """One launch against the reference in float64: what is `written` agrees, the rest is untouched.

    The tolerance of an array is that of the dtype, times its largest entry, or its part in
    `scales` if that is larger: what its entries are differences of.
    """
    expected = {name: mapped(doubled, argument) for name, argument in arguments.items()}
    getattr(Backend(), method)(**expected)
    got = {name: mapped(backend.to_device, argument) for name, argument in arguments.items()}
    before = len(cupy.DEVICE.operations)
    tolerance = max(
        TOLERANCE[a.dtype] for name in written for a in arrays(arguments[name]).values()
    )
    with cupy.steady_state():
        getattr(backend, method)(**got)
    assert len(cupy.DEVICE.operations) == before + 1
    for name in set(got) - set(undefined):
        for part, array in arrays(got[name]).items():
            if isinstance(array, cupy.ndarray):
                have, want = backend.to_host(array), arrays(expected[name])[part]
                given = arrays(arguments[name])[part]
                assert (have.dtype, have.shape) == (given.dtype, given.shape)
                if name in written:
                    atol = tolerance * max(np.abs(want).max(), (scales or {}).get(name, 0))
                    np.testing.assert_allclose(have, want, 0, atol, err_msg=f"{name}.{part}")
                else:
                    np.testing.assert_array_equal(have, given, err_msg=f"{name}.{part}")


def activity(random, n, r, h, dtype, slope):
    a = np.maximum(random.normal(size=(n, r, h)), 0).astype(dtype)
    kept = random.normal(size=a.shape).astype(dtype) if slope else None
    return Activity(a, kept, *(random.random((n, r)).astype(dtype) for _ in range(2)))


def some_labels(random, n, r):
    return candidate_labels(random.integers(0, CLASSES, n), CLASSES, r, random)


# --- forward --------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [None, 10.0])
@pytest.mark.parametrize("kind", ["slice", "index"])
@pytest.mark.parametrize("pixels", [1, 31, 127, 129])
@pytest.mark.parametrize("images", [np.uint8, np.float32, np.float64])
def test_standardise(backend, cupy, order, random, dtype, images, pixels, kind, length):
    arguments = {
        "images": random.integers(0, 256, (9, pixels)).astype(images),
        "rows": slice(2, 9) if kind == "slice" else random.permutation(9)[:7],
        "scaling": Scaling(33.3, 78.6, length),
        "out": np.zeros((7, pixels), dtype),
    }
    compare(backend, cupy, "standardise", arguments, {"out"})


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activate_labelled(backend, cupy, order, random, dtype, name, size, kept):
    n, r, h = size
    arguments = {
        "product": random.normal(size=(n, h)).astype(dtype),
        "label_weights": random.normal(size=(CLASSES, h)).astype(dtype),
        "labels": some_labels(random, n, r),
        "label_scale": 3.0,
        "bias": random.normal(size=h).astype(dtype),
        "activation": ACTIVATIONS[name],
        "out": activity(random, n, r, h, dtype, kept),
    }
    compare(backend, cupy, "activate_labelled", arguments, {"out"})


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activate(backend, cupy, order, random, dtype, name, size, kept):
    n, r, h = size
    out = activity(random, n, r, h, dtype, kept)
    out.values[...] = random.normal(size=out.values.shape)
    arguments = {
        "scale": random.random((n, r)).astype(dtype),
        "bias": random.normal(size=h).astype(dtype),
        "activation": ACTIVATIONS[name],
        "out": out,
    }
    compare(backend, cupy, "activate", arguments, {"out"})


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_passed_on(backend, random, value, name):
    values = np.ones((2, 2, 33), np.float32)
    values[1, 1, 7] = value
    out = mapped(backend.to_device, activity(random, 2, 2, 33, np.dtype(np.float32), False))
    out.values[...] = backend.to_device(values)
    ones, zeros = np.ones((2, 2), np.float32), np.zeros(33, np.float32)
    activation = ACTIVATIONS[name]
    backend.activate(backend.to_device(ones), backend.to_device(zeros), activation, out)
    with np.errstate(invalid="ignore"):
        expected = activation.value(values[1, 1, 7])
    np.testing.assert_allclose(backend.to_host(out.values)[1, 1, 7], expected)
    assert np.isfinite(backend.to_host(out.goodness)).sum() == 3 + np.isfinite(expected)


def test_large_preactivations_do_not_overflow(backend, random, dtype):
    """The activations where exp would be infinite, and where it vanishes."""
    values = np.array([-1e4, -100, -1e-3, 0, 1e-3, 100, 1e4], dtype).reshape(1, 1, 7)
    for activation in ACTIVATIONS.values():
        out = mapped(backend.to_device, activity(random, 1, 1, 7, dtype, True))
        out.values[...] = backend.to_device(values)
        one, zeros = (backend.to_device(np.array(x, dtype)) for x in ([[1]], [0] * 7))
        backend.activate(one, zeros, activation, out)
        for have, function in ((out.values, activation.value), (out.slope, activation.slope)):
            rtol = TOLERANCE[dtype]
            np.testing.assert_allclose(backend.to_host(have), function(values), rtol, rtol)


# --- objectives -----------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("n", "r"), [(1, 2), (31, 3), (257, 2), (7, 10)])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_evaluate(backend, cupy, order, random, dtype, name, n, r, layers, gamma):
    goodness = (20 * random.random((layers, n, r))).astype(dtype)
    arguments = {
        "objective": LayerObjective(OBJECTIVES[name](20.0, 0.7), gamma),
        "goodness": goodness,
        "out_coefficients": np.zeros_like(goodness),
        "out_totals": np.arange(layers + 1.0),
    }
    # sigmoids are differences of numbers near 1, entropies of numbers near h log h
    scales = {"out_coefficients": 1 / n, "out_totals": goodness.sum() / r}
    compare(backend, cupy, "evaluate", arguments, {"out_coefficients", "out_totals"}, scales=scales)


# --- gradients ------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_delta(backend, cupy, order, random, dtype, size, slope):
    n, r, h = size
    arguments = {
        "coefficients": random.normal(size=(n, r)).astype(dtype),
        "scale": random.random((n, r)).astype(dtype),
        "activity": activity(random, n, r, h, dtype, slope),
        "out_d_bias": np.zeros(h, dtype),
    }
    compare(backend, cupy, "delta", arguments, {"activity", "out_d_bias"})


def labelled_outputs(random, n, r, h, dtype):
    return {
        "labels": some_labels(random, n, r),
        "label_scale": 3.0,
        "out_sum": np.zeros((n, h), dtype),
        "out_d_label_weights": np.zeros((CLASSES, h), dtype),
        "out_d_bias": np.zeros(h, dtype),
    }


@pytest.mark.parametrize("slope", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_delta_labelled(backend, cupy, order, random, dtype, size, slope):
    n, r, h = size
    arguments = {
        "coefficients": random.normal(size=(n, r)).astype(dtype),
        "activity": activity(random, n, r, h, dtype, slope),
        **labelled_outputs(random, n, r, h, dtype),
    }
    written = {"out_sum", "out_d_label_weights", "out_d_bias"}
    compare(backend, cupy, "delta_labelled", arguments, written, undefined={"activity"})


@pytest.mark.parametrize("size", SIZES)
def test_reduce_labelled(backend, cupy, order, random, dtype, size):
    n, r, h = size
    arguments = {
        "d_z": random.normal(size=(n, r, h)).astype(dtype),
        **labelled_outputs(random, n, r, h, dtype),
    }
    written = {"out_sum", "out_d_label_weights", "out_d_bias"}
    compare(backend, cupy, "reduce_labelled", arguments, written)


@pytest.mark.parametrize("slope", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_backpropagate(backend, cupy, order, random, dtype, size, slope):
    n, r, h = size
    arguments = {
        "d_values": random.normal(size=(n, r, h)).astype(dtype),
        "activity": activity(random, n, r, h, dtype, slope),
        "out_d_bias": np.zeros(h, dtype),
    }
    compare(backend, cupy, "backpropagate", arguments, {"activity", "out_d_bias"})


@pytest.mark.parametrize("n", [1, 31, 32, 257])
def test_cross_entropy(backend, cupy, order, random, dtype, n):
    arguments = {
        "logits": random.normal(size=(n, CLASSES)).astype(dtype),
        "bias": random.normal(size=CLASSES).astype(dtype),
        "labels": random.integers(0, CLASSES, n).astype(np.int32),
        "out_totals": np.arange(2.0),
        "out_d_bias": np.zeros(CLASSES, dtype),
    }
    compare(backend, cupy, "cross_entropy", arguments, {"logits", "out_totals", "out_d_bias"})


# --- optimisers -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 31, 32, 33, 127, 129, 1000])
def test_adam(backend, cupy, order, random, dtype, size):
    weights, gradient, mean, variance = (random.normal(size=size).astype(dtype) for _ in range(4))
    arguments = {
        "weights": weights, "gradient": gradient, "mean": mean, "variance": np.abs(variance),
        "step": 3, "lr": 1e-2, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
    }  # fmt: skip
    compare(backend, cupy, "adam", arguments, {"weights", "mean", "variance"})


@pytest.mark.parametrize("size", [1, 31, 32, 33, 127, 129, 1000])
def test_sgd(backend, cupy, order, random, dtype, size):
    weights, gradient, velocity = (random.normal(size=size).astype(dtype) for _ in range(3))
    arguments = {
        "weights": weights, "gradient": gradient, "velocity": velocity, "lr": 1e-2, "momentum": 0.9
    }  # fmt: skip
    compare(backend, cupy, "sgd", arguments, {"weights", "velocity"})
