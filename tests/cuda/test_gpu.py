"""On a real GPU: `pytest -m gpu`. FFNP_REQUIRE_GPU=1 makes its absence a failure."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from backend_cases import CASES, check
from test_cupy_training import SMALL, VARIANTS, trained, trained_alike

from ffnp import load
from ffnp.bench import Shapes, Step

pytestmark = pytest.mark.gpu
# CUDA's own exp and tanh, fused multiply-add: a few more roundings than on the CPU
TOLERANCES = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-13}
FLOAT32 = np.dtype(np.float32)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("method", CASES)
def test_agrees_with_the_reference(gpu, method, dtype):
    for case in CASES[method](np.random.default_rng(0), dtype):
        check(gpu, method, case, TOLERANCES)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_training_agrees_with_the_reference(gpu, variant, dtype):
    config = replace(SMALL, dtype=dtype, **VARIANTS[variant])
    mnist = load("mnist")
    _, got, _ = trained(config, mnist, gpu)
    trained_alike(config, mnist, got, factor=10)


def test_two_runs_give_the_same_bits(gpu):
    flats = []
    for _ in range(2):
        step = Step(gpu, Shapes(), FLOAT32)
        for _ in range(20):
            step()
        flats.append(gpu.to_host(step.method.parameters.flat).tobytes())
    assert flats[0] == flats[1]


def test_a_step_neither_allocates_nor_waits(gpu):
    import cupy
    import cupyx

    step = Step(gpu, Shapes(), FLOAT32)
    step()
    pool = cupy.get_default_memory_pool()
    before = pool.used_bytes(), pool.total_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it does not find every waiting
        forbidden = cupyx.allow_synchronize(False)
    with forbidden:
        for _ in range(5):
            step()
    assert (pool.used_bytes(), pool.total_bytes()) == before


def test_a_large_batch_agrees(gpu):
    """Grids and blocks as in real training: 3 x 500, and 2,000 rows of images and labels."""
    from ffnp.bench import validate

    validate(gpu, Shapes(rows=10), FLOAT32)
