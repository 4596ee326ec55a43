"""The parameters of what ffnp uses of CuPy: `python tests/cuda/cupy_signatures.py` records them.

With CuPy installed; no GPU is needed.
"""

import importlib
import inspect
import json
import re
from functools import reduce
from pathlib import Path

RECORD = Path(__file__).with_suffix(".json")
NAMES = [
    "RawModule", "RawModule.get_function", "RawKernel.__call__",
    "empty", "asnumpy", "dot",
    "cuda.Device", "cuda.Device.use",
    "cuda.runtime.getDeviceCount", "cuda.runtime.getDevice", "cuda.runtime.setDevice",
    "ndarray.set", "ndarray.reshape",
]  # fmt: skip


def find(module, name):
    """An attribute by its dotted name."""
    return reduce(getattr, name.split("."), module)


def parameters(function):
    """Names of parameters, with stars and without `self`, as declared or as documented."""
    try:
        text = str(inspect.signature(function))
    except ValueError:  # compiled: the first line of the documentation is the signature
        text = inspect.getdoc(function).splitlines()[0]
    inner = re.search(r"\((.*)\)", text.partition(" ->")[0]).group(1)
    inner = re.sub(r"\([^)]*\)", "", inner)  # defaults with commas
    declared = [part.partition("=")[0].partition(":")[0] for part in inner.split(",")]
    names = [part.split()[-1] for part in declared if part.strip()]
    return [name for name in names if name != "self"]


def record(module):
    """Parameters by name."""
    return {name: parameters(find(module, name)) for name in NAMES}


if __name__ == "__main__":
    RECORD.write_text(json.dumps(record(importlib.import_module("cupy")), indent=1) + "\n")
