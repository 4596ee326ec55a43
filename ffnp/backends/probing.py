"""Whether a GPU can be used, and if not, what would help."""

import re
from typing import Any

import numpy as np

from ffnp.errors import InputError, importing, in_short

INSUFFICIENT_DRIVER = 35  # CUDA's number for a driver that is missing or too old
REMEDIES = {  # by what CUDA calls an error
    r"cudaErrorMemoryAllocation|MemoryError|ALLOC_FAILED": (
        "has no room",
        "see with `nvidia-smi` what uses it, or choose another device",
    ),
    r"cudaErrorDevicesUnavailable": (
        "is in use by a process that shares it with no other",
        "choose another device",
    ),
    r"": ("answers, but CUDA's libraries do not work", "pip install 'ffnp[gpu]'"),
}


def check_gpu(device: int) -> None:
    """Raise `InputError`, with the remedy, if a GPU cannot be used.

    The CUDA libraries are only looked for when they are used: so a kernel is compiled and run,
    and two matrices are multiplied.
    """
    with importing("CuPy", "cupy", "gpu"):
        import cupy

        from ffnp.backends.cupy_backend import CupyBackend

        runtime = cupy.cuda.runtime  # an empty folder called cupy is imported, too
    try:
        devices = runtime.getDeviceCount()
    except Exception as error:
        raise InputError(
            f"CuPy is installed, but no GPU answers ({in_short(error)}): {_mend(runtime, error)}"
        ) from error
    if device >= devices:
        raise InputError(f"there is no GPU {device}: choose a device in 0..{devices - 1}")
    try:
        # The device stays the thread's: leaving `with Device(...)` would go to device 0, and make
        # a context there.
        backend = CupyBackend(device)
        square, product = (backend.to_device(np.zeros((2, 2), np.float32)) for _ in range(2))
        backend.multiply([(square, square, product)])
        backend.sgd(product[0], square[0], square[1], step=1, lr=1.0, momentum=0.9)
        backend.to_host(product)  # waits: what went wrong on the device is raised here
    except Exception as error:
        short = in_short(error)
        what, mend = next(REMEDIES[name] for name in REMEDIES if re.search(name, short))
        raise InputError(f"GPU {device} {what} ({short}): {mend}") from error


def _mend(runtime: Any, error: Exception) -> str:
    """What would help where the devices cannot be counted."""
    if getattr(error, "status", None) != INSUFFICIENT_DRIVER:
        return "see that `nvidia-smi` lists one"
    version = runtime.driverGetVersion()
    if version == 0:
        return "install NVIDIA's driver"
    return f"its driver is for CUDA {version // 1000}.{version % 1000 // 10}: update it"
