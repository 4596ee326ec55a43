"""A strict stand-in for `cupyx`, beside `strict_cupy`."""

import sys
import time
import warnings
from types import SimpleNamespace

import numpy as np
import strict_cupy


def benchmark(func, args=(), kwargs={}, n_repeat=10000, *, name=None, n_warmup=10):  # noqa: B006
    """As `cupyx.profiler.benchmark`: with no name, it asks the function for one."""
    name = func.__name__ if name is None else name
    assert isinstance(name, str)
    for _ in range(min(n_warmup, 1)):
        func(*args, **kwargs)
    seconds = []
    for _ in range(n_repeat):
        start = time.perf_counter()
        func(*args, **kwargs)
        seconds.append(time.perf_counter() - start)
    return SimpleNamespace(cpu_times=np.array(seconds), gpu_times=np.array([seconds]))


def allow_synchronize(allow):
    """As `cupyx.allow_synchronize`, which is to be removed."""
    warnings.warn("cupyx.allow_synchronize will be removed in future releases", stacklevel=2)
    assert not allow
    return strict_cupy.steady_state()


profiler = sys.modules[__name__]
