"""The kernels through NVIDIA's own compilers, for every architecture that ffnp names."""

import importlib
import re
import shutil
import subprocess

import numpy as np
import pytest

from ffnp.backends.cupy_backend import compiler_options, kernels_source
from ffnp.backends.launching import declarations

pytestmark = pytest.mark.cuda_check
ARCHITECTURES = (70, 75, 80, 86, 89, 90)


@pytest.fixture(params=["float32", "float64"])
def options(request):
    return compiler_options(np.dtype(request.param))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nvrtc_compiles_every_kernel(options, architecture):
    try:
        core = importlib.import_module("cupy._core.core")
        compiler = importlib.import_module("cupy.cuda.compiler")
        own = core.assemble_cupy_compiler_options(())
        program = compiler._NVRTCProgram(kernels_source(), "kernels.cu", method="cubin")
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"no NVRTC: pip install 'ffnp[cuda-check]' ({error})")
    cubin, _ = program.compile((*own, *options, "-ftz=true", f"-arch=sm_{architecture}"))
    for name in declarations(kernels_source()):
        assert f".text.{name}\0".encode() in cubin


def test_nvcc_spills_no_registers(options, tmp_path):
    if shutil.which("nvcc") is None:
        pytest.skip("nvcc is not installed")
    source = tmp_path / "kernels.cu"
    source.write_text(kernels_source())
    command = ["nvcc", "-cubin", "-arch=sm_80", "-Xptxas", "-v", *options]
    command += ["-o", str(tmp_path / "kernels.cubin"), str(source)]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    spills = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores", report)
    assert len(spills) == len(declarations(kernels_source()))
    assert set(spills) == {("0", "0")}
