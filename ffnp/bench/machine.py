"""What figures were measured on."""

import os
import platform
import sys
from contextlib import suppress
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info


def machine() -> dict[str, Any]:
    """Processor, cores, versions, BLAS with its kernels and threads, and settings of threads."""
    processors = []
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        processors = [line.split(":", 1)[1].strip() for line in file if "model name" in line]
    blas = [
        f"{library['internal_api']} {library['version']}"
        f" ({library.get('architecture', 'unknown')}, {library['num_threads']} threads)"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]
    return {
        "system": platform.platform(),
        "processor": next(iter(processors), platform.processor()),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": ", ".join(blas),
        "variables": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(("OPENBLAS_", "OMP_", "MKL_", "NUMBA_"))
        },
    }


def peak_memory() -> float | None:
    """The most megabytes that this process has held; None where the system does not tell."""
    try:
        import resource  # which Windows has not
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)  # macOS counts bytes
