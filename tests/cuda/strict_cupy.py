"""A strict stand-in for `cupy`: arrays in host memory that behave as if they were on a GPU.

It has only the names that ffnp uses, with CuPy's own parameters (see cupy_signatures.json). It
refuses what CuPy refuses or does slowly without a word: NumPy functions and operands, index
arrays from the host, lists. Kernels run by the shim. Everything that a device would do is
recorded; in `steady_state` nothing may allocate, copy to or from the host, or wait.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import gpu_shim
import numpy as np


@dataclass(frozen=True)
class Operation:
    """One thing that the device does.

    Attributes
    ----------
    name : str
        Of the kernel, or e.g. `matmul`.
    arrays : tuple of (dtype, shape)
        The arrays it touches.
    grid, block : tuple of int
        Of a kernel.
    """

    name: str
    arrays: tuple
    grid: tuple = ()
    block: tuple = ()

    @property
    def dtypes(self):
        return [dtype for dtype, _ in self.arrays]


@dataclass
class Device:
    """What the pretended device has been told to do, and what it allows.

    Attributes
    ----------
    operations : list of Operation
        Kernel launches, products and so on, in order.
    uploads : list of (dtype, int)
        Copies from the host: dtype and bytes.
    steady : bool
        Whether allocations, host copies and waiting are refused.
    order : str
        In which order the shim runs a block's threads.
    devices : int
        How many GPUs there are.
    """

    operations: list = field(default_factory=list)
    uploads: list = field(default_factory=list)
    steady: bool = False
    order: str = "forward"
    devices: int = 1


DEVICE = Device()


class CUDARuntimeError(RuntimeError):
    """As `cupy.cuda.runtime.CUDARuntimeError`."""


@contextmanager
def steady_state():
    """Refuse allocations, copies to or from the host, and waiting."""
    DEVICE.steady = True
    try:
        yield
    finally:
        DEVICE.steady = False


def refuse_if_steady(what):
    if DEVICE.steady:
        raise AssertionError(f"{what} inside a step")


def record(name, *arrays, grid=(), block=()):
    touched = tuple((array.dtype, array.shape) for array in arrays)
    DEVICE.operations.append(Operation(name, touched, grid, block))


def host(value):
    """The NumPy array or Python number of an operand; others are refused."""
    if isinstance(value, ndarray):
        return value._array
    if type(value) in (int, float, bool):
        return value
    raise TypeError(f"unsupported operand of {type(value)} for a device array")


def index(key):
    """A basic index, as it is; index arrays and lists are refused."""
    for part in key if isinstance(key, tuple) else (key,):
        if not (part is None or part is Ellipsis or type(part) in (int, slice)):
            raise TypeError(f"index of {type(part)}: an upload, or a wait, at every use")
    return key


def reduction(name):
    def method(self, axis=None):
        return made(name, np.asarray(getattr(self._array, name)(axis=axis)))

    return method


class ndarray:
    """As `cupy.ndarray`; no subclass of NumPy's, so that nothing of NumPy's takes it."""

    __array_ufunc__ = None  # NumPy's operators and functions refuse it
    __hash__ = None

    def __init__(self, array):
        self._array = array

    def __array__(self, *_, **__):
        raise TypeError("implicit conversion to a NumPy array is not allowed: use asnumpy")

    dtype = property(lambda self: self._array.dtype)
    shape = property(lambda self: self._array.shape)
    strides = property(lambda self: self._array.strides)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    itemsize = property(lambda self: self._array.itemsize)
    flags = property(lambda self: SimpleNamespace(c_contiguous=self._array.flags.c_contiguous))
    T = property(lambda self: ndarray(self._array.T))

    def __len__(self):
        return len(self._array)

    def reshape(self, *shape):
        view = self._array.reshape(*shape)
        assert np.shares_memory(view, self._array), "reshape copies"
        return ndarray(view)

    def __getitem__(self, key):
        return ndarray(np.asarray(self._array[index(key)]))

    def __setitem__(self, key, value):
        self._array[index(key)] = host(value)
        record("assign", self)

    def __add__(self, other):
        return made("add", self._array + host(other))

    def __iadd__(self, other):
        self._array += host(other)
        record("add", self)
        return self

    def __imul__(self, other):
        self._array *= host(other)
        record("multiply", self)
        return self

    def __eq__(self, other):
        return made("equal", self._array == host(other))

    sum, any, all = map(reduction, ("sum", "any", "all"))

    def __bool__(self):
        refuse_if_steady("bool(array), which waits for the device,")
        return bool(self._array)


def made(name, array):
    refuse_if_steady(f"an array made by {name}")
    result = ndarray(array)
    record(name, result)
    return result


def empty(shape, dtype):
    """As `cupy.empty`: filled with what spoils every result."""
    refuse_if_steady("an allocation")
    array = np.empty(shape, dtype)
    array[...] = np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).max
    return ndarray(array)


def asarray(a):
    """As `cupy.asarray` of a NumPy array."""
    if type(a) is not np.ndarray:
        raise TypeError(f"asarray of {type(a)}")
    refuse_if_steady("an upload")
    copy = np.array(a, order="C")
    DEVICE.uploads.append((copy.dtype, copy.nbytes))
    return ndarray(copy)


def asnumpy(a):
    """As `cupy.asnumpy`: a copy."""
    if not isinstance(a, ndarray):
        raise TypeError(f"asnumpy of {type(a)}")
    refuse_if_steady("a download")
    return a._array.copy()


def matmul(x1, x2, /, out):
    """As `cupy.matmul` of matrices of one dtype."""
    a, b, c = host(x1), host(x2), host(out)
    assert a.ndim == b.ndim == c.ndim == 2 and a.dtype == b.dtype == c.dtype
    assert c.flags.c_contiguous and not (np.shares_memory(a, c) or np.shares_memory(b, c))
    np.matmul(a, b, out=c)
    record("matmul", x1, x2, out)
    return out


class RawModule:
    """As `cupy.RawModule`: compiled when a function is asked for."""

    def __init__(self, *, code=None, options=()):
        self._source, self._options = code, tuple(options)

    def get_function(self, name):
        return RawKernel(gpu_shim.build(self._source, self._options), name)


class RawKernel:
    """As `cupy.RawKernel`."""

    def __init__(self, library, name):
        self._library, self._name = library, name

    def __call__(self, grid, block, args):
        for argument in args:
            if not isinstance(argument, ndarray | np.generic):
                raise TypeError(f"{self._name}: a {type(argument)} would arrive as something else")
        values = [arg._array if isinstance(arg, ndarray) else arg for arg in args]
        arrays = [arg for arg in args if isinstance(arg, ndarray)]
        record(self._name, *arrays, grid=grid, block=block)
        gpu_shim.launch(self._library, self._name, grid, block, values, DEVICE.order)


class CudaDevice:
    """As `cupy.cuda.Device`."""

    def __init__(self, device=None):
        if not 0 <= device < DEVICE.devices:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def use(self):
        return self


def getDeviceCount():
    """As `cupy.cuda.runtime.getDeviceCount`."""
    if DEVICE.devices == 0:
        raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
    return DEVICE.devices


runtime = SimpleNamespace(getDeviceCount=getDeviceCount, CUDARuntimeError=CUDARuntimeError)
cuda = SimpleNamespace(Device=CudaDevice, runtime=runtime)
