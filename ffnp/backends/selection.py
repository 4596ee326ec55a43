"""Which backend a name stands for, and which can be had here."""

import os
import warnings

from ffnp.backends.reference import Backend
from ffnp.errors import InputError, InputWarning, expect, importing

BACKENDS = ("auto", "numpy", "numba", "cupy", "reference")


def make_backend(name: str, device: int = 0) -> Backend:
    """A backend by name; what it stands on is imported here and not before.

    Parameters
    ----------
    name : {"auto", "numpy", "numba", "cupy", "reference"}
        `auto`: cupy where a GPU answers, else numba where it is installed, else numpy.
    device : int
        Which GPU, for cupy.

    Raises
    ------
    InputError
        If the name is unknown, or that backend is not available here; says why.

    Warns
    -----
    InputWarning
        A GPU is chosen, and the backend has none.
    """
    expect("the device", device, int, "give the GPU's number, from 0")
    if name not in BACKENDS:
        raise InputError(f"unknown backend '{name}': choose one of {', '.join(BACKENDS)}")
    if name == "auto":
        order = ("cupy", "numba", "numpy")
        name = next(each for each in order if unavailable(each, device) is None)
    elif reason := unavailable(name, device):
        raise InputError(f"backend '{name}' is not available: {reason}")
    if name == "cupy":
        from ffnp.backends.cupy_backend import CupyBackend

        return CupyBackend(device)
    if device:
        text = f"device {device} has no effect on backend {name}"
        warnings.warn(text, InputWarning, stacklevel=2)
    if name == "numba":
        from ffnp.backends.numba_backend import NumbaBackend

        return NumbaBackend()
    if name == "numpy":
        from ffnp.backends.numpy_backend import NumpyBackend

        return NumpyBackend()
    return Backend()


def unavailable(name: str, device: int = 0) -> str | None:
    """Why a backend (not `auto`) cannot be had here, with the remedy; None if it can."""
    try:
        if name == "cupy":
            from ffnp.backends.probing import check_gpu

            check_gpu(device)
        if name == "numba":
            _check_numba()
    except InputError as error:
        return str(error)
    return None


def _check_numba() -> None:
    with importing("numba", "numba", "fast"):
        try:
            import ffnp.backends.numba_backend  # noqa: F401
        except ImportError:
            raise
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            raise InputError(f"{error}: set NUMBA_CACHE_DIR to a directory to write to") from error
        except ValueError as error:
            variables = [name for name in os.environ if name.startswith("NUMBA_")]
            if not variables:
                raise
            raise InputError(f"{error}: unset {', '.join(variables)}") from error
