"""Fixtures: the CuPy backend over the strict stand-in, and over a real GPU."""

import os
import sys
from functools import cache

import gpu_shim
import pytest
import strict_cupy


@pytest.fixture
def cupy(monkeypatch):
    """The strict stand-in, in the place of `cupy`."""
    if gpu_shim.compiler() is None:
        pytest.skip("g++ is not installed: the kernels cannot run on the CPU")
    monkeypatch.setitem(sys.modules, "cupy", strict_cupy)
    monkeypatch.setattr(strict_cupy, "DEVICE", strict_cupy.Device())
    return strict_cupy


@pytest.fixture
def backend(cupy):
    """The CuPy backend on the stand-in."""
    from ffnp.backends.cupy_backend import CupyBackend

    return CupyBackend()


@cache
def missing_gpu():
    """Why there is no GPU to test on; None if there is one."""
    from ffnp.backends.cupy_backend import probe

    return probe(0)


@pytest.fixture
def gpu():
    """The CuPy backend on a real GPU."""
    reason = missing_gpu()
    if reason and os.environ.get("FFNP_REQUIRE_GPU") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    from ffnp.backends.cupy_backend import CupyBackend

    return CupyBackend()
