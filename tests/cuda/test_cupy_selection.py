"""Where CuPy or a GPU is missing: a clear line, and exit status 2."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from small_training import StopAfter, make_trainer, same_bits, small_dataset

from ffnp import Config
from ffnp.backends.selection import make_backend, unavailable
from ffnp.errors import InputError, TrainingError
from ffnp.runs.experiment import resume, train
from ffnp.scoring.evaluation import scores
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
    def dot(*args, **kwargs):
        raise ImportError("libcublas.so.12: cannot open shared object file")

    monkeypatch.setattr(cupy, "dot", dot)


def does_not_compile(cupy, monkeypatch):
    class CompileException(Exception):
        """As CuPy's: no RuntimeError."""

    def get_function(self, name):
        raise CompileException("kernels.cu(1): error: what is this")

    monkeypatch.setattr(cupy.RawModule, "get_function", get_function)


def broken(cupy, monkeypatch):
    monkeypatch.delattr(cupy, "cuda")


def full(cupy, monkeypatch):
    cupy.DEVICE.room = 0


def full_for_a_context(cupy, monkeypatch):
    def set_device(device):
        raise cupy.CUDARuntimeError("cudaErrorMemoryAllocation: out of memory")

    monkeypatch.setattr(cupy.runtime, "getDevice", lambda: 1)
    monkeypatch.setattr(cupy.runtime, "setDevice", set_device)


def exclusive(cupy, monkeypatch):
    def empty(shape, dtype):
        raise cupy.CUDARuntimeError("cudaErrorDevicesUnavailable: busy or unavailable")

    monkeypatch.setattr(cupy, "empty", empty)


def old_driver(cupy, monkeypatch, version=11040):
    def count():
        raise cupy.CUDARuntimeError("cudaErrorInsufficientDriver: insufficient", status=35)

    monkeypatch.setattr(cupy.runtime, "getDeviceCount", count)
    monkeypatch.setattr(cupy.runtime, "driverGetVersion", lambda: version)


def no_driver(cupy, monkeypatch):
    old_driver(cupy, monkeypatch, 0)


MISSING = {
    not_installed: r"CuPy is not installed: pip install 'ffnp\[gpu\]'",
    no_gpu: r"no GPU answers \(.*: cudaErrorNoDevice: .*\): see that `nvidia-smi` lists one",
    no_compiler: r"CUDA's libraries do not work \(.*: Failure finding libnvrtc.*\): pip install ",
    no_cublas: r"CUDA's libraries do not work \(.*: libcublas.*\): pip install 'ffnp",
    does_not_compile: r"CUDA's libraries do not work \(CompileException: kernels.cu\(1\).*\): pip",
    broken: r"CuPy is installed, but does not work \(AttributeError: .*\): pip install",
    full: r"GPU 0 has no room \(OutOfMemoryError: .*\): see with `nvidia-smi` what uses it",
    full_for_a_context: r"GPU 0 has no room \(CUDARuntimeError: .*\): see with `nvidia-smi`",
    exclusive: r"GPU 0 is in use by a process that shares it with no other \(.*\): choose another",
    old_driver: r"no GPU answers \(.*Insufficient.*\): its driver is for CUDA 11.4: update it",
    no_driver: r"no GPU answers \(.*Insufficient.*\): install NVIDIA's driver",
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


@pytest.mark.parametrize("device", [0, 1])
def test_no_other_device_is_touched(cupy, device):
    """Where device 0 is full or exclusive, a context there fails."""
    cupy.DEVICE.devices = 2
    backend = make_backend("cupy", device)
    backend.to_device(np.zeros(3))
    assert cupy.DEVICE.contexts == {device}


def test_models_on_two_devices_work_side_by_side_and_from_any_thread(cupy):
    """Each as alone on its own; the stand-in refuses arrays of other devices."""
    cupy.DEVICE.devices = 2
    config = Config(hidden=(9, 8), batch_size=20, epochs=1, pixel_dropout=0.2, unit_dropout=0.5)
    trainers = [
        make_trainer(config, small_dataset(), make_backend("cupy", device)) for device in (0, 1)
    ]
    flats = [trainer.model.method.parameters.flat for trainer in trainers]
    assert [flat.device.id for flat in flats] == [0, 1]
    runs = [trainer.run() for trainer in trainers]
    for _ in zip(*runs, strict=True):
        pass
    first, second = (trainer.model for trainer in trainers)
    assert same_bits(first, second)
    with ThreadPoolExecutor(2) as threads:
        images = small_dataset().test.images
        found = threads.map(lambda model: list(scores(model, images)), (first, second))
        one, other = (np.concatenate(each, axis=1) for each in found)
    np.testing.assert_array_equal(one, other)


def test_a_run_of_device_1_is_resumed_where_there_is_one_gpu(cupy, tmp_path):
    cupy.DEVICE.devices = 2
    config = Config(hidden=(9, 8), batch_size=20, epochs=1, backend="cupy", device=1)
    with pytest.raises(TrainingError, match="--resume"):
        train(config, tmp_path / "run", StopAfter(2), dataset=small_dataset())
    cupy.DEVICE.devices = 1
    cupy.runtime.setDevice(0)
    resume(tmp_path / "run", device=0, dataset=small_dataset())


def test_the_command_resumes_on_another_device(cupy, ffnp, tmp_path):
    cupy.DEVICE.devices = 2
    config = Config(
        hidden=(9, 8), batch_size=20, epochs=1, backend="cupy", device=1,
        limit_train=60, limit_test=20,
    )  # fmt: skip
    with pytest.raises(TrainingError, match="--resume"):
        train(config, tmp_path / "run", StopAfter(2))
    cupy.DEVICE.devices = 1
    cupy.runtime.setDevice(0)
    status, _, err = ffnp("train", "--resume", tmp_path / "run")
    assert status == 2 and "there is no GPU 1: choose a device in 0..0" in err
    status, _, err = ffnp("train", "--resume", tmp_path / "run", "--device", 0)
    assert status == 0, err


def test_auto_takes_the_gpu_that_answers(cupy):
    assert unavailable("cupy") is None
    assert make_backend("auto").name == "cupy"
