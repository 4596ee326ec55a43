"""Every kernel, run on the CPU by the shim, against the readable reference."""

import inspect
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import gpu_shim
import numpy as np
import pytest
from backend_cases import CASES, CLASSES, activity, arrays, blank, check, mapped, some_labels

from ffnp.backends import Backend
from ffnp.backends.activity import Activity
from ffnp.backends.cuda_source import OBJECTIVE_NUMBERS, kernels_source
from ffnp.backends.launching import declarations
from ffnp.objectives import SigmoidGoodness
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.objectives.collaboration import LayerObjective

TOLERANCES = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-14}  # of an array's largest


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def random():
    return np.random.default_rng(0)


# Orders find what threads do to each other, which is the same in float64.
@pytest.mark.parametrize(
    ("dtype", "order"),
    [*product(["float32"], gpu_shim.ORDERS), ("float64", "random")],
    indirect=["dtype"],
)
@pytest.mark.parametrize("method", CASES)
def test_agrees_with_the_reference(backend, cupy, random, dtype, method, order):
    cupy.DEVICE.order = order
    for case in CASES[method](random, dtype):
        check(backend, method, case, TOLERANCES)


@pytest.mark.parametrize("method", sorted(CASES.keys() - {"examine"}))
def test_is_one_device_operation_and_nothing_else(backend, cupy, random, dtype, method):
    case = next(CASES[method](random, dtype))
    arguments = {name: mapped(backend.to_device, value) for name, value in case.arguments.items()}
    with cupy.steady_state():
        getattr(backend, method)(**arguments)
    assert len(cupy.DEVICE.operations) == 1


def test_the_guard_is_one_launch_and_one_number_read_back(backend, cupy, monkeypatch, random):
    case, copied, asnumpy = next(CASES["examine"](random, np.dtype(np.float32))), [], cupy.asnumpy
    monkeypatch.setattr(cupy, "asnumpy", lambda a: copied.append(a.nbytes) or asnumpy(a))
    backend.examine(**{name: backend.to_device(array) for name, array in case.arguments.items()})
    assert [operation.name for operation in cupy.DEVICE.operations] == ["examine"]
    assert len(copied) == 1 and copied[0] <= 256


def test_every_kernel_and_every_method_has_cases(backend, cupy, random):
    cases_of = {name: list(cases(random, np.dtype(np.float32))) for name, cases in CASES.items()}
    for method, cases in cases_of.items():
        for case in cases:
            arguments = {k: mapped(backend.to_device, v) for k, v in case.arguments.items()}
            getattr(backend, method)(**arguments)
    launched = {operation.name for operation in cupy.DEVICE.operations} - {"matmul"}
    assert launched == set(declarations(kernels_source()))
    evaluated = {type(case.arguments["objective"].objective) for case in cases_of["evaluate"]}
    assert evaluated == set(OBJECTIVE_NUMBERS)
    methods = {name for name, _ in inspect.getmembers(Backend, inspect.isfunction)}
    others = {
        "empty",
        "to_device",
        "to_host",
        "run",
        "lean",
        "compiling",
    }  # which have tests of their own
    assert {m for m in methods if m[0] != "_"} == {*CASES, *others}


@pytest.mark.parametrize("check", ["sizes", pytest.param("dozens", marks=pytest.mark.slow)])
def test_no_access_outside_an_array(check):
    """Cases of each method under AddressSanitizer, in a process of their own."""
    if gpu_shim.compiler() is None:
        pytest.skip("g++ is not installed")
    library = gpu_shim.sanitizer()
    if library is None:
        pytest.skip("g++ has no AddressSanitizer")
    folder = Path(__file__).parent
    code = f"import test_cuda_kernels as tests; tests.check_{check}()"
    others = filter(None, [os.environ.get("PYTHONPATH")])  # with this ffnp
    paths = [str(folder), str(folder.parent), *others]
    environment = {
        "LD_PRELOAD": library,
        "ASAN_OPTIONS": "detect_leaks=0",
        gpu_shim.SANITIZE: "1",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-5000:]


def check_sizes():
    """About half of the dozen: every size, of one kind and then of the other."""
    check_dozens(lambda i: (i ^ i >> 1) % 2 == 0)


def check_dozens(chosen=lambda i: True):
    """About a dozen cases of each method in float32, in one order of threads."""
    import strict_cupy

    sys.modules["cupy"] = strict_cupy
    from ffnp.backends.cupy_backend import CupyBackend

    backend, random = CupyBackend(), np.random.default_rng(0)
    for method, cases in CASES.items():
        every = list(cases(random, np.dtype(np.float32)))
        for i, case in enumerate(every[:: len(every) // 12 | 1]):  # odd: it meets all sizes
            if chosen(i):
                check(backend, method, case, TOLERANCES)


def test_two_runs_give_the_same_bits_in_any_order_of_threads(backend, cupy, random):
    for method in ("delta_labelled", "cross_entropy", "evaluate"):
        *_, case = CASES[method](random, np.dtype(np.float32))
        results = set()
        for order in gpu_shim.ORDERS:
            cupy.DEVICE.order = order
            got = {name: mapped(backend.to_device, v) for name, v in case.arguments.items()}
            getattr(backend, method)(**got)
            written = [a for name in case.written for a in arrays(got[name]).values()]
            results.add(b"".join(backend.to_host(array).tobytes() for array in written))
        assert len(results) == 1, method


@pytest.mark.parametrize("method", ["delta", "backpropagate", "delta_labelled"])
def test_the_rows_of_an_image_which_cancel_are_summed_first(backend, random, method):
    """Large integers, whose sums by sign are not exact in float32; by image they are."""
    images, width = 300, 11
    a = (2**23 - random.integers(0, 100, (images, 2, width))).astype(np.float32)
    signs = np.tile(np.array([-0.5, 0.5], np.float32), (images, 1))
    d_z = 2 * signs[:, :, None] * a
    given = Activity(a, None, np.copy(d_z), signs, np.ones_like(signs))
    arguments = {"activity": given, "out_d_bias": blank(width, dtype=np.dtype(np.float32))}
    if method != "backpropagate":
        arguments["coefficients"] = signs
    if method == "delta":
        arguments["scale"] = np.ones_like(signs)
    if method == "delta_labelled":
        arguments |= {
            "labels": some_labels(random, images, 2), "label_scale": 1.0,
            "out_sum": np.empty((images, width), np.float32),
            "out_d_label_weights": np.empty((CLASSES, width), np.float32),
        }  # fmt: skip
    got = {name: mapped(backend.to_device, value) for name, value in arguments.items()}
    getattr(backend, method)(**got)
    want = d_z.astype(np.float64).sum(axis=(0, 1))
    np.testing.assert_array_equal(backend.to_host(got["out_d_bias"]), want)


def test_a_layer_hears_what_the_others_say_and_no_more(backend, dtype):
    """Small sums beside a large goodness: none of the layers' totals is a difference."""
    goodness = np.array([1e6, 0.125, 0.25]).reshape(3, 1, 1).repeat(2, 2).astype(dtype)
    heard = {"previous": [0, 1e6, 1e6], "next": [0.375, 0.25, 0], "others": [0.375, 1e6, 1e6]}
    for gamma, sums in heard.items():
        objective = LayerObjective(SigmoidGoodness(0.5), gamma, 0.5)
        out, totals = map(backend.to_device, (np.zeros_like(goodness), np.zeros(4)))
        backend.evaluate(objective, backend.to_device(goodness), out, totals)
        h = goodness[:, 0, 0].astype(np.float64) + 0.5 * np.array(sums)
        value = np.logaddexp(0, 0.5 - h) + np.logaddexp(0, h - 0.5)
        np.testing.assert_allclose(backend.to_host(totals)[:3], value, rtol=1e-6)


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
    values = np.array([-1e4, -100, -1e-3, 0, 1e-3, 100, 1e4], dtype).reshape(1, 1, 7)
    for activation in ACTIVATIONS.values():
        out = mapped(backend.to_device, activity(random, 1, 1, 7, dtype, True))
        out.values[...] = backend.to_device(values)
        one, zeros = (backend.to_device(np.array(x, dtype)) for x in ([[1]], [0] * 7))
        backend.activate(one, zeros, activation, out)
        for have, function in ((out.values, activation.value), (out.slope, activation.slope)):
            rtol = TOLERANCES[dtype]
            np.testing.assert_allclose(backend.to_host(have), function(values), rtol, rtol)
