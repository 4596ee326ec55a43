"""Where CuPy or a GPU is missing: a clear line, and exit status 2."""

import sys

import pytest

from ffnp.backends.selection import make_backend, unavailable
from ffnp.errors import InputError
from ffnp_cli.main import main


def not_installed(cupy, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)


def no_gpu(cupy, monkeypatch):
    cupy.DEVICE.devices = 0


def no_compiler(cupy, monkeypatch):
    def get_function(self, name):
        raise RuntimeError("Failure finding libnvrtc.so: No such file\nmore")

    monkeypatch.setattr(cupy.RawModule, "get_function", get_function)


def no_cublas(cupy, monkeypatch):
    def matmul(*args, **kwargs):
        raise ImportError("libcublas.so.12: cannot open shared object file")

    monkeypatch.setattr(cupy, "matmul", matmul)


MISSING = {
    not_installed: r"CuPy is not installed: pip install 'ffnp\[cuda12\]'",
    no_gpu: r"no GPU answers \(.*: cudaErrorNoDevice: .*\): see that `nvidia-smi` lists one",
    no_compiler: r"CUDA's libraries do not work \(.*: Failure finding libnvrtc.*\): pip install ",
    no_cublas: r"CUDA's libraries do not work \(.*: libcublas.*\): pip install 'ffnp",
}


@pytest.mark.parametrize("missing", MISSING)
def test_says_what_is_missing(cupy, monkeypatch, missing):
    missing(cupy, monkeypatch)
    with pytest.raises(InputError, match=f"backend 'cupy' is not available: .*{MISSING[missing]}"):
        make_backend("cupy")
    assert make_backend("auto").name in ("numba", "numpy")


def test_one_line_and_exit_status_2(cupy, monkeypatch, capsys):
    no_gpu(cupy, monkeypatch)
    monkeypatch.setattr(sys, "argv", ["ffnp", "train", "--backend", "cupy"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_device_that_does_not_exist(cupy):
    with pytest.raises(InputError, match="there is no GPU 3: choose a device in 0..0"):
        make_backend("cupy", 3)


def test_auto_takes_the_gpu_that_answers(cupy):
    assert unavailable("cupy") is None
    assert make_backend("auto").name == "cupy"
