"""Every backend against the readable reference: values, dtypes, what is written, allocation."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from backend_cases import CASES, CLASSES, activity, blank, check, some_labels

import ffnp.backends
from ffnp.backends import Backend, dividing, numpy_backend
from ffnp.backends.selection import make_backend
from ffnp.backends.signs import Signs
from ffnp.config import Config
from ffnp.errors import InputError, InputWarning
from ffnp.model import DataDescription, Model
from ffnp.network.labels import candidate_labels
from ffnp.network.sharing import learn
from ffnp.objectives import Pairwise, SigmoidGoodness, SoftmaxOverLabels
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.objectives.collaboration import LayerObjective
from ffnp.scaling import Scaling
from ffnp.training.optimizers import Adam
from ffnp.training.sources import Pixels

BLOCK = 500  # numbers: a real block holds all of these small batches
WIDTH = 37
TOLERANCES = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-13}  # of an array's largest


@pytest.fixture(autouse=True)
def divide_small_batches_into_blocks_too(monkeypatch):
    monkeypatch.setattr(dividing, "BLOCK", BLOCK)


@pytest.fixture(params=["numpy", "numba"])
def backend(request):
    return make_backend(request.param)


@pytest.fixture(params=TOLERANCES, ids=str)
def dtype(request):
    return request.param


@pytest.fixture
def random():
    return np.random.default_rng(0)


def close(have, want):
    atol = TOLERANCES[have.dtype] * np.abs(want).max()
    np.testing.assert_allclose(have, want, rtol=0, atol=atol)


@pytest.mark.parametrize("method", CASES)
def test_agrees_with_the_reference(backend, random, dtype, method):
    for case in CASES[method](random, dtype):
        check(backend, method, case, TOLERANCES)


# --- forward --------------------------------------------------------------------------------


def test_rows_ordered_by_label_agree_with_the_reference(monkeypatch, random, dtype):
    """As numpy does with many classes."""
    monkeypatch.setattr(numpy_backend, "MANY_CLASSES", 1)
    for case in CASES["delta_labelled"](random, dtype):
        check(make_backend("numpy"), "delta_labelled", case, TOLERANCES)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_activate_passes_on_what_is_not_finite(backend, random, value):
    out = activity(random, 33, 2, WIDTH, np.dtype(np.float32), slope=False)
    out.values[20, 1, 7] = value
    ones = np.ones((33, 2), np.float32)
    backend.activate(ones, np.zeros(WIDTH, np.float32), ACTIVATIONS["relu"], out)
    assert not np.isfinite(out.goodness[20, 1])
    assert np.isfinite(out.goodness).sum() == 65


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["reference", "numpy", "numba"])
def test_activate_labelled_passes_on_what_is_not_finite(random, name, value):
    out = activity(random, 33, 2, WIDTH, np.dtype(np.float32), slope=False)
    shared = np.ones((33, WIDTH), np.float32)
    shared[20, 7] = value  # of both rows of the image
    weights, bias = np.zeros((CLASSES, WIDTH), np.float32), np.zeros(WIDTH, np.float32)
    labels = some_labels(random, 33, 2)
    relu = ACTIVATIONS["relu"]
    make_backend(name).activate_labelled(shared, weights, labels, 3.0, bias, relu, out)
    assert not np.isfinite(out.goodness[20]).any()
    assert np.isfinite(out.goodness).sum() == 64


# --- objective ------------------------------------------------------------------------------


FINE = Signs.GOODNESS | Signs.LABEL | Signs.GRADIENT


@pytest.mark.parametrize(
    "change, signs",
    [
        ({}, FINE),
        ({"totals": [1.0, np.nan]}, FINE | Signs.TOTAL_NOT_FINITE),
        ({"weights": [1.0, -np.inf]}, FINE | Signs.WEIGHT_NOT_FINITE),
        ({"gradient": [0.0, 0.0]}, FINE ^ Signs.GRADIENT),
        ({"goodness": [[[2.0, 1.0]], [[1.0, 2.0]]]}, FINE ^ Signs.LABEL),
        ({"goodness": [[[0.0, 0.0]], [[0.0, 0.0]]]}, Signs.GRADIENT),
    ],
    ids=repr,
)
def test_each_sign_is_of_its_own_array(change, signs):
    arrays = {name: [0.0, 1.0] for name in ("totals", "weights", "gradient")}
    arrays |= {"goodness": [[[2.0, 1.0]], [[2.0, 2.0]]]} | change
    assert Backend().examine(**{name: np.array(each) for name, each in arrays.items()}) == signs


@pytest.mark.parametrize("name", ["reference", "numpy", "numba"])
def test_the_entropy_of_an_image_does_not_depend_on_the_others(name, dtype):
    logits, totals = np.array([[0.0, 0.0], [-2000.0, -2000.0]], dtype), np.zeros(2)
    labels = np.zeros(2, np.int32)
    make_backend(name).cross_entropy(logits, np.zeros(2, dtype), labels, totals, np.zeros(2, dtype))
    assert totals[0] == pytest.approx(2 * np.log(2))
    np.testing.assert_allclose(logits, [[-0.25, 0.25]] * 2)


@pytest.mark.parametrize("name", ["reference", "numpy", "numba"])
def test_a_wrong_label_as_good_as_the_true_one_is_an_error(name, dtype):
    goodness = np.array([[[5, 3, 5], [5, 3, 4]], [[1, 1, 1], [1, 1, 1]]], dtype)  # (L, N, R)
    totals, coefficients = np.zeros(3), np.empty_like(goodness)
    objective = LayerObjective(SigmoidGoodness(20.0), "none")
    make_backend(name).evaluate(objective, goodness, coefficients, totals)
    assert totals[-1] == 1


def test_a_goodness_that_is_not_a_number_is_chosen_first(backend):
    labels = np.empty((1, 2), np.int32)
    backend.best_labels(np.array([[1.0, 3.0, np.nan, 2.0]]), kept=0, out_labels=labels)
    assert labels.tolist() == [[2, 1]]


@pytest.mark.parametrize("name", ["reference", "numpy", "numba"])
def test_a_wrong_logit_as_high_as_the_true_one_is_an_error(name, dtype):
    logits, bias = np.array([[1, 2, 0], [1, 1, 0]], dtype), np.array([1, 0, 0], dtype)
    totals, labels = np.zeros(2), np.zeros(2, np.int32)
    make_backend(name).cross_entropy(logits, bias, labels, totals, np.empty(3, dtype))
    assert totals[1] == 1


@pytest.mark.parametrize("name", ["reference", "numpy", "numba"])
def test_of_labels_of_equal_goodness_the_lowest_is_first(name, dtype):
    goodness = np.where(np.arange(129) % 3, 5, 7)[None].astype(dtype)
    labels = np.full((1, 129), 6, np.int32)
    expected = [*range(0, 129, 3), *(i for i in range(129) if i % 3)]
    make_backend(name).best_labels(goodness, 0, labels)
    assert labels[0].tolist() == expected


@pytest.mark.parametrize("name", ["reference", "numpy", "numba"])
def test_totals_of_batches_are_added_up(name):
    """The reference too, which all others are compared with."""
    backend, random = make_backend(name), np.random.default_rng(0)
    logits, goodness = random.normal(size=(7, CLASSES)), random.random((2, 7, 3))
    labels, objective = random.integers(0, CLASSES, 7), LayerObjective(Pairwise(1.0), "none")
    totals = {"classes": np.zeros(2), "rows": np.zeros(3)}
    for batches in (1, 2):
        bias, d_bias = np.zeros(CLASSES), np.zeros(CLASSES)
        backend.cross_entropy(logits.copy(), bias, labels, totals["classes"], d_bias)
        backend.evaluate(objective, goodness, np.empty_like(goodness), totals["rows"])
        if batches == 1:
            once = {name: added.copy() for name, added in totals.items()}
    for name, added in totals.items():
        assert (once[name] > 0).all()
        np.testing.assert_allclose(added, 2 * once[name], err_msg=name)


@pytest.mark.parametrize("objective", [SigmoidGoodness(0.0), Pairwise(1.0), SoftmaxOverLabels()])
def test_coefficients_of_images_far_on_the_right_side_are_zero(backend, dtype, objective):
    goodness = np.zeros((1, 50, 2), dtype)
    goodness[0, :, 0] = far_apart(dtype)
    coefficients = np.ones_like(goodness)
    backend.evaluate(LayerObjective(objective, "none"), goodness, coefficients, np.zeros(2))
    assert_zero_or_normal(coefficients)


def test_gradients_of_logits_far_apart_are_zero(backend, dtype):
    logits = np.zeros((50, 3), dtype)
    logits[:, 0] = far_apart(dtype)
    labels = np.zeros(50, np.int32)
    backend.cross_entropy(logits, np.zeros(3, dtype), labels, np.zeros(2), np.zeros(3, dtype))
    assert_zero_or_normal(logits)


@pytest.mark.parametrize("rows", [2, 3])
def test_coefficients_lost_beside_the_greatest_are_zero_but_of_a_pair(backend, dtype, rows):
    eps = np.finfo(dtype).eps
    goodness = np.zeros((2, 3, rows), dtype)
    # of softmax: exp(-difference) on each side, beside 1/2 or more of the first image
    goodness[1, 1:, 0] = -np.log([16 * eps, eps])
    coefficients = np.empty_like(goodness)
    objective = LayerObjective(SoftmaxOverLabels(), "none")
    backend.evaluate(objective, goodness, coefficients, np.zeros(3))
    there = (coefficients != 0).all(axis=2)
    assert there.tolist() == [[True] * 3, [True, True, rows == 2]]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_rows_of_0_are_left_out_of_products_over_rows_and_change_none(
    backend, random, dtype, share
):
    n, r = 9, 4
    coefficients = (random.random((2, n, r)) < share).astype(dtype)
    products, shapes = [], [(5, 7), (7, 6)]
    for own, (inputs, outputs) in zip(coefficients, shapes, strict=True):
        rows, delta = (random.random((n * r, width)).astype(dtype) for width in (inputs, outputs))
        delta *= own.reshape(-1, 1)
        images, summed = (random.random((n, width)).astype(dtype) for width in (inputs, outputs))
        pairs = (rows, delta), (images, summed)
        products.append([(a.T, b, blank(inputs, outputs, dtype=dtype)) for a, b in pairs])
    whole = [a @ b for of_layer in products for a, b, _ in of_layer]
    found = backend.lean(coefficients, products)
    left = [own.size if share == 1 else max(1, np.count_nonzero(own)) for own in coefficients]
    assert [len(b) for _, b, _ in found] == [left[0], n, left[1], n]
    backend.multiply(found)
    for (_, _, out), expected in zip(found, whole, strict=True):
        close(out, expected)


def far_apart(dtype):
    """50 numbers x whose exp(-x) come to be subnormal."""
    return np.linspace(0.4, 0.98, 50) * -np.log(np.finfo(dtype).smallest_subnormal)


def assert_zero_or_normal(array):
    assert (array == 0).any()
    assert array.any()
    assert (np.abs(array[array != 0]) > 1e12 * np.finfo(array.dtype).tiny).all()


# --- optimisers -----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["reference", "numpy", "numba"], indirect=True)
@pytest.mark.parametrize("decay", [0.0, 3.0])
@pytest.mark.parametrize("size", [1, 1000, 70000, 150001])
def test_adam_follows_the_textbook_for_several_steps(backend, random, dtype, size, decay):
    weights, mean, variance = random.normal(size=size), np.zeros(size), np.zeros(size)
    got = [array.astype(dtype) for array in (weights, mean, variance)]
    for step in range(1, 6):
        gradient = random.normal(size=size).astype(dtype)
        given = gradient.copy()
        backend.adam(got[0], gradient, got[1], got[2], step, 1e-2, decay)
        np.testing.assert_array_equal(gradient, given)
        mean = 0.9 * mean + 0.1 * gradient.astype(np.float64)
        variance = 0.999 * variance + 0.001 * gradient.astype(np.float64) ** 2
        first, second = mean / (1 - 0.9**step), variance / (1 - 0.999**step)
        weights -= 1e-2 * (first / (np.sqrt(second) + 1e-8) + decay * weights)
    for have, want in zip(got, (weights, mean, variance), strict=True):
        assert have.dtype == dtype
        close(have, want)


def test_adam_leaves_padding_at_zero(backend, dtype):
    weights, gradient, mean, variance = (np.zeros(16, dtype) for _ in range(4))
    backend.adam(weights, gradient, mean, variance, 1, 1e-3)
    assert not weights.any()


@pytest.mark.parametrize("backend", ["reference", "numpy", "numba"], indirect=True)
@pytest.mark.parametrize("decay", [0.0, 3.0])
@pytest.mark.parametrize("size", [1, 150001])
def test_sgd_follows_the_textbook_for_several_steps(backend, random, dtype, size, decay):
    weights, velocity = random.normal(size=size), np.zeros(size)
    got = [array.astype(dtype) for array in (weights, velocity)]
    for step in range(1, 6):
        gradient = random.normal(size=size).astype(dtype)
        backend.sgd(got[0], gradient, got[1], step, 1e-2, 0.9, decay)
        velocity = 0.9 * velocity + gradient
        weights -= 1e-2 * (velocity + decay * weights)
    for have, want in zip(got, (weights, velocity), strict=True):
        assert have.dtype == dtype
        close(have, want)


@pytest.mark.parametrize("margin", [1.0, 1e4])
def test_flush_removes_what_is_below_the_margin_and_nothing_else(backend, dtype, margin):
    least = margin * np.finfo(dtype).tiny
    kept = [2 * least, -2 * least, -1.0, np.inf, np.nan, 0.0]
    gone = [least / 2, -least / 2, least / 64, -least / 1024]
    zeros = len(gone) * [0]
    values, expected = (  # in many blocks
        np.array(300 * [kept + small, small + kept], dtype).reshape(600, 5, 2)
        for small in (gone, zeros)
    )
    padded = np.full((600, 7, 2), least / 2, dtype)
    padded[:, 1:6] = values
    backend._flush(padded[:, 1:6], margin)
    np.testing.assert_array_equal(padded[:, 1:6], expected)
    assert (padded[:, [0, 6]] == np.array(least / 2, dtype)).all()


# --- a whole step ---------------------------------------------------------------------------


def stepper(backend, rows):
    """A function that makes one training step, and the weights that it updates."""
    random = np.random.default_rng(0)
    data = DataDescription((784,), 10, True, Scaling(33.3, 78.6, 10.0))
    model = Model.create(Config(hidden=(500, 500), labels=rows), data, backend)
    method = model.method
    optimizer = Adam(method.parameters, slice(None))
    images = Pixels(method, random.integers(0, 256, (300, 784), dtype=np.uint8), data.scaling)
    batch, totals = method.training_batch(200), np.zeros(3)
    labels = candidate_labels(random.integers(0, 10, 200), 10, rows, random)
    batch.take(labels, random.permutation(300)[:200])

    def step():
        optimizer.step(1e-3, learn(method, batch, images, totals, range(method.depth)))

    return step, method.parameters.flat


@pytest.mark.parametrize("rows", [2, 10])
def test_a_step_allocates_next_to_nothing_after_the_first(backend, rows):
    step, _ = stepper(backend, rows)
    step()
    tracemalloc.start()
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150_000  # one layer's activity has 800,000 bytes at least


def test_same_bits_twice(backend):
    weights = []
    for _ in range(2):
        step, flat = stepper(backend, 2)
        for _ in range(3):
            step()
        weights.append(flat.tobytes())
    assert weights[0] == weights[1]


def test_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="unknown backend 'torch': choose one of auto, numpy"):
        make_backend("torch")


def test_empty_arrays_are_aligned_and_apart(backend, dtype):
    shapes = [(5, 300), (7,), (200, 2, 500), (3_000_000,), (1, 1025)]
    arrays = [backend.empty(shape, dtype) for shape in shapes]
    for i, array in enumerate(arrays):
        array[...] = i
    for i, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.flags.c_contiguous
        assert (array == i).all()
    assert arrays[2].ctypes.data % 64 == 0


def test_a_gpu_is_for_cupy_alone():
    with pytest.warns(InputWarning, match="^device 3 has no effect on backend numpy$"):
        make_backend("numpy", 3)
    with pytest.raises(InputError, match="^the device is of type str"):
        make_backend("numpy", "x")


def test_without_numba_auto_is_numpy_and_numba_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    for name in ("compiling", "numba_backend", "numba_kernels", "numba_objectives"):
        monkeypatch.delitem(sys.modules, f"ffnp.backends.{name}", raising=False)
        monkeypatch.delattr(ffnp.backends, name, raising=False)
    assert make_backend("auto").name == "numpy"
    with pytest.raises(InputError, match=r"pip install 'ffnp\[fast\]'"):
        make_backend("numba")


def test_importing_ffnp_does_not_import_numba():
    code = "import sys, ffnp.runs.experiment; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
