"""Whether a GPU can be used, and if not, what would help."""

import numpy as np


def probe(device: int) -> str | None:
    """Why a GPU cannot be used, with the remedy; None if it can.

    The CUDA libraries are only looked for when they are used: so a kernel is compiled and run,
    and two matrices are multiplied.
    """
    try:
        import cupy

        from ffnp.backends.cupy_backend import CupyBackend
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            raise
        return "CuPy is not installed: pip install 'ffnp[cuda12]'"
    try:
        devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"CuPy is installed, but no GPU answers ({error}): see that `nvidia-smi` lists one"
    if device >= devices:
        return f"there is no GPU {device}: choose a device in 0..{devices - 1}"
    try:
        with cupy.cuda.Device(device):
            backend = CupyBackend(device)
            square, product = (backend.to_device(np.zeros((2, 2), np.float32)) for _ in range(2))
            backend.multiply([(square, square, product)])
            backend.sgd(product[0], square[0], square[1], step=1, lr=1.0, momentum=0.9)
            backend.to_host(product)  # waits: what went wrong on the device is raised here
    except (RuntimeError, ImportError) as error:
        reason = str(error).partition("\n")[0]
        return (
            f"GPU {device} answers, but CUDA's libraries do not work ({reason}): "
            "pip install 'ffnp[cuda12]'"
        )
    return None
