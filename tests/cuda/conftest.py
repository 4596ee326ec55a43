"""Fixtures: the CuPy backend over the strict stand-in, and over a real GPU."""

import sys

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
