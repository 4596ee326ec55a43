"""Whether a GPU can be used, and if not, what would help."""

import numpy as np

from ffnp.errors import InputError, importing, in_short


def check_gpu(device: int) -> None:
    """Raise `InputError`, with the remedy, if a GPU cannot be used.

    The CUDA libraries are only looked for when they are used: so a kernel is compiled and run,
    and two matrices are multiplied.
    """
    with importing("CuPy", "cupy", "cuda12"):
        import cupy

        from ffnp.backends.cupy_backend import CupyBackend

        runtime = cupy.cuda.runtime  # an empty folder called cupy is imported, too
    try:
        devices = runtime.getDeviceCount()
    except Exception as error:
        raise InputError(
            f"CuPy is installed, but no GPU answers ({in_short(error)}): "
            "see that `nvidia-smi` lists one"
        ) from error
    if device >= devices:
        raise InputError(f"there is no GPU {device}: choose a device in 0..{devices - 1}")
    try:
        with cupy.cuda.Device(device):
            backend = CupyBackend(device)
            square, product = (backend.to_device(np.zeros((2, 2), np.float32)) for _ in range(2))
            backend.multiply([(square, square, product)])
            backend.sgd(product[0], square[0], square[1], step=1, lr=1.0, momentum=0.9)
            backend.to_host(product)  # waits: what went wrong on the device is raised here
    except Exception as error:
        raise InputError(
            f"GPU {device} answers, but CUDA's libraries do not work ({in_short(error)}): "
            "pip install 'ffnp[cuda12]'"
        ) from error
