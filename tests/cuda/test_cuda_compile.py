"""The kernels through NVIDIA's own compilers, for every architecture that ffnp names."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from ffnp.backends.cuda_source import compiler_options, kernels_source
from ffnp.backends.launching import declarations

pytestmark = pytest.mark.cuda_check
ARCHITECTURES = (70, 75, 80, 86, 89, 90)
OPTIONS = {dtype: compiler_options(np.dtype(dtype)) for dtype in ("float32", "float64")}


@pytest.mark.parametrize(
    ("dtype", "architecture"), list(zip(3 * list(OPTIONS), ARCHITECTURES, strict=True))
)
def test_nvrtc_compiles_every_kernel(nvrtc, dtype, architecture):
    cubin = nvrtc(kernels_source(), (*OPTIONS[dtype], "-ftz=true", f"-arch=sm_{architecture}"))
    for name in declarations(kernels_source()):
        assert f".text.{name}\0".encode() in cubin


@pytest.mark.parametrize(
    "options", [OPTIONS["float32"], pytest.param(OPTIONS["float64"], marks=pytest.mark.slow)]
)
def test_nvcc_spills_no_registers(options, tmp_path):
    if shutil.which("nvcc") is None or shutil.which("g++") is None:
        pytest.skip("nvcc or its g++ is not installed")
    source = tmp_path / "kernels.cu"
    source.write_text(kernels_source())
    command = ["nvcc", "-cubin", "-arch=sm_80", "-Xptxas", "-v", *options]
    command += ["-o", str(tmp_path / "kernels.cubin"), str(source)]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    spills = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores", report)
    assert len(spills) == len(declarations(kernels_source()))
    assert set(spills) == {("0", "0")}
