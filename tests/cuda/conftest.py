"""Fixtures: the CuPy backend over the strict stand-in, and over a real GPU."""

import importlib
import os
import sys
from functools import cache

import gpu_shim
import pytest
import strict_cupy
import strict_cupyx

from ffnp.backends.selection import unavailable


@pytest.fixture
def cupy(monkeypatch):
    """The strict stand-in, in the place of `cupy`."""
    if gpu_shim.compiler() is None:
        pytest.skip("g++ is not installed: the kernels cannot run on the CPU")
    monkeypatch.setitem(sys.modules, "cupy", strict_cupy)
    for name in ("cupyx", "cupyx.profiler"):
        monkeypatch.setitem(sys.modules, name, strict_cupyx)
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
    return unavailable("cupy")


def skip(reason, variable):
    """Skip a test with its reason; fail it where the environment variable says 1."""
    if os.environ.get(variable) == "1":
        pytest.fail(f"{variable}=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture
def gpu():
    """The CuPy backend on a real GPU."""
    reason = missing_gpu()
    if reason:
        skip(reason, "FFNP_REQUIRE_GPU")
    from ffnp.backends.cupy_backend import CupyBackend

    return CupyBackend()


@pytest.fixture
def real_cupy():
    """The installed CuPy, which needs no GPU to be looked at."""
    try:
        return importlib.import_module("cupy")
    except ImportError as error:
        skip(f"no CuPy: pip install 'ffnp[cuda-check]' ({error})", "FFNP_REQUIRE_CUDA_CHECK")


@pytest.fixture
def nvrtc():
    """Compile CUDA source to machine code, with CuPy's own options and others."""
    try:
        core = importlib.import_module("cupy._core.core")
        compiler = importlib.import_module("cupy.cuda.compiler")
        own = core.assemble_cupy_compiler_options(())
        compiler._NVRTCProgram("", "empty.cu")
    except (ImportError, RuntimeError) as error:
        reason = f"no NVRTC: pip install 'ffnp[cuda-check]' ({error})"
        skip(reason, "FFNP_REQUIRE_CUDA_CHECK")

    def compile(source, options):
        program = compiler._NVRTCProgram(source, "kernels.cu", method="cubin")
        return program.compile((*own, *options))[0]

    return compile
