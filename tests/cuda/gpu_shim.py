"""Builds CUDA source with g++ and the shim, and launches its kernels on NumPy arrays."""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from functools import cache
from pathlib import Path

import numpy as np

SHIM = Path(__file__).parent / "shim" / "shim.h"
ORDERS = ("forward", "reverse", "random")
FLAGS = ["-std=c++17", "-O1", "-g1", "-shared", "-fPIC", "-ffp-contract=off", "-w"]
FLAGS += ["-U_FORTIFY_SOURCE"]  # its longjmp takes a switch of stacks for an attack
SANITIZE = "FFNP_SHIM_SANITIZE"  # set: build with AddressSanitizer
ONE = threading.Lock()  # the shim runs one launch at a time
KEEP = "FFNP_SHIM_KEEP"  # a folder in which processes find what others have built


class ShimError(RuntimeError):
    """The kernel did what CUDA leaves undefined."""


def compiler():
    """The path of g++, or None."""
    return shutil.which("g++")


def sanitizer():
    """The path of AddressSanitizer's library, to be loaded before all others; or None."""
    command = [compiler(), "-print-file-name=libasan.so"]
    path = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return path if os.path.isabs(path) else None


@cache
def build(source, options):
    """A library with the kernels of a source text; `options` as for NVRTC."""
    if KEEP in os.environ:
        name = hashlib.sha256(repr((source, options)).encode()).hexdigest()
        kept = Path(os.environ[KEEP]) / f"{name}.so"
        if not kept.exists():
            compile_to(kept, source, options)
        return ctypes.CDLL(str(kept))
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "k.so"
        compile_to(library, source, options)
        return ctypes.CDLL(str(library))


def compile_to(library, source, options):
    """Compile kernels into a file."""
    names = re.findall(r"^KERNEL(?:\(.*?\))? (\w+)\(", source, re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        kernels, unit = (Path(folder) / name for name in ("k.cu", "unit.cpp"))
        kernels.write_text(source)
        exports = "\n".join(f"EXPORT({name})" for name in names)
        # in a namespace without a name, templates' shared memory is this file's own
        unit.write_text(f'#include "{SHIM}"\nnamespace {{\n#include "{kernels}"\n}}\n{exports}\n')
        extra = ["-fsanitize=address"] if os.environ.get(SANITIZE) else []
        command = [compiler(), *FLAGS, *extra, *options, "-o", str(library), str(unit)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ShimError(done.stderr)


def launch(library, name, grid, block, arguments, order="forward"):
    """Run a kernel; `arguments` are NumPy arrays and scalars, `grid` and `block` up to 3 long."""
    function = getattr(library, f"launch_{name}")
    function.restype = ctypes.c_char_p
    values = [pointer_bytes(argument) for argument in arguments]
    pointers = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
    sizes = [(ctypes.c_uint * 3)(*size, *[1] * (3 - len(size))) for size in (grid, block)]
    with ONE:
        error = function(*sizes, pointers, order.encode())
    if error:
        raise ShimError(f"{name}: {error.decode()}")


def pointer_bytes(argument):
    """The bytes that a kernel sees of an argument."""
    if isinstance(argument, np.ndarray):
        argument = np.uintp(argument.ctypes.data)
    data = argument.tobytes()
    return (ctypes.c_char * len(data)).from_buffer_copy(data)
