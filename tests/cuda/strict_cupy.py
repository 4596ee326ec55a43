"""A strict stand-in for `cupy`: arrays in host memory that behave as if they were on a GPU.

It has only the names that ffnp uses, with CuPy's own parameters (see cupy_signatures.json). It
refuses what CuPy refuses or does slowly without a word: NumPy functions and operands, index
arrays from the host, lists. Kernels run by the shim. Everything that a device would do is
recorded; in `steady_state` nothing may allocate, copy to or from the host, or wait.
"""

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations
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
    contexts : set of int
        The GPUs on which a context was made: by making them current, and by what they do.
    room : int
        The bytes that an array may have.
    """

    operations: list = field(default_factory=list)
    uploads: list = field(default_factory=list)
    steady: bool = False
    order: str = "forward"
    devices: int = 1
    contexts: set = field(default_factory=set)
    room: int = 1 << 40
    thread: threading.local = field(default_factory=threading.local)

    @property
    def current(self):
        """The calling thread's device."""
        return getattr(self.thread, "device", 0)


DEVICE = Device()


class CUDARuntimeError(RuntimeError):
    """As `cupy.cuda.runtime.CUDARuntimeError`."""

    def __init__(self, message, status=None):
        super().__init__(message)
        self.status = status


class OutOfMemoryError(MemoryError):
    """As `cupy.cuda.memory.OutOfMemoryError`."""


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
    DEVICE.contexts.add(DEVICE.current)
    strangers = {array.device.id for array in arrays} - {DEVICE.current}
    if strangers:
        raise CUDARuntimeError(f"cudaErrorIllegalAddress: arrays of devices {strangers}")
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


class ndarray:
    """As `cupy.ndarray`; no subclass of NumPy's, so that nothing of NumPy's takes it."""

    __array_ufunc__ = None  # NumPy's operators and functions refuse it
    __hash__ = None

    def __init__(self, array, device=None):
        self._array = array
        self.device = SimpleNamespace(id=DEVICE.current if device is None else device)

    def __array__(self, *_, **__):
        raise TypeError("implicit conversion to a NumPy array is not allowed: use asnumpy")

    dtype = property(lambda self: self._array.dtype)
    shape = property(lambda self: self._array.shape)
    strides = property(lambda self: self._array.strides)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    itemsize = property(lambda self: self._array.itemsize)
    flags = property(lambda self: SimpleNamespace(c_contiguous=self._array.flags.c_contiguous))
    nbytes = property(lambda self: self._array.nbytes)
    T = property(lambda self: self._view(self._array.T))

    def _view(self, array):
        return ndarray(array, self.device.id)

    def __len__(self):
        return len(self._array)

    def reshape(self, *shape):
        view = self._array.reshape(*shape)
        assert np.shares_memory(view, self._array), "reshape copies"
        return self._view(view)

    def set(self, arr):
        """From pageable host memory: in pieces, for what is whole goes through the driver's own."""
        refuse_if_steady("an upload")
        if type(arr) is not np.ndarray or arr.dtype != self.dtype or arr.shape != self.shape:
            raise TypeError(f"set {self.dtype} {self.shape} from {type(arr)}")
        assert self._array.flags.c_contiguous
        self._array[...] = arr
        DEVICE.uploads.append((arr.dtype, arr.nbytes))

    def __getitem__(self, key):
        return self._view(np.asarray(self._array[index(key)]))

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


def made(name, array):
    refuse_if_steady(f"an array made by {name}")
    result = ndarray(array)
    record(name, result)
    return result


def empty(shape, dtype):
    """As `cupy.empty`: filled with what spoils every result."""
    refuse_if_steady("an allocation")
    array = np.empty(shape, dtype)
    if array.nbytes > DEVICE.room:
        raise OutOfMemoryError(f"Out of memory allocating {array.nbytes:,} bytes")
    DEVICE.contexts.add(DEVICE.current)
    array[...] = np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).max
    return ndarray(array)


def asnumpy(a):
    """As `cupy.asnumpy`: a copy."""
    if not isinstance(a, ndarray):
        raise TypeError(f"asnumpy of {type(a)}")
    refuse_if_steady("a download")
    return a._array.copy()


def dot(a, b, out):
    """As `cupy.dot` of matrices of one dtype."""
    arrays = a, b, out
    a, b, c = map(host, arrays)
    assert a.ndim == b.ndim == c.ndim == 2 and a.dtype == b.dtype == c.dtype
    assert c.flags.c_contiguous and not (np.shares_memory(a, c) or np.shares_memory(b, c))
    np.matmul(a, b, out=c)
    record("matmul", *arrays)
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
        for one, other in combinations(arrays, 2):  # all are __restrict__
            assert not np.may_share_memory(one._array, other._array), f"{self._name}: an overlap"
        record(self._name, *arrays, grid=grid, block=block)
        gpu_shim.launch(self._library, self._name, grid, block, values, DEVICE.order)


class CudaDevice:
    """As `cupy.cuda.Device`."""

    def __init__(self, device=None):
        if not 0 <= device < DEVICE.devices:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

        self.id = device

    def __enter__(self):
        self._before = DEVICE.current
        setDevice(self.id)
        return self

    def __exit__(self, *_):
        setDevice(self._before)  # even 0, which had no context

    def use(self):
        setDevice(self.id)
        return self


def getDevice():
    """As `cupy.cuda.runtime.getDevice`."""
    return DEVICE.current


def setDevice(device):
    """As `cupy.cuda.runtime.setDevice`, which makes a context."""
    if not 0 <= device < DEVICE.devices:
        raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
    DEVICE.thread.device = device
    DEVICE.contexts.add(device)


def getDeviceCount():
    """As `cupy.cuda.runtime.getDeviceCount`."""
    if DEVICE.devices == 0:
        raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
    return DEVICE.devices


def getDeviceProperties(device):
    """As `cupy.cuda.runtime.getDeviceProperties`."""
    numbers = {"major": 0, "minor": 0, "multiProcessorCount": 1, "totalGlobalMem": DEVICE.room}
    return {"name": b"stand-in", **numbers}


class MemoryPool:
    """As `cupy.cuda.MemoryPool`; allocations within a step are refused elsewhere."""

    def used_bytes(self):
        return 0

    total_bytes = used_bytes


__version__ = "stand-in"
get_default_memory_pool = MemoryPool
runtime = SimpleNamespace(
    getDeviceProperties=getDeviceProperties,
    driverGetVersion=int,
    runtimeGetVersion=int,
    getDevice=getDevice,
    setDevice=setDevice,
    getDeviceCount=getDeviceCount,
    CUDARuntimeError=CUDARuntimeError,
)
cuda = SimpleNamespace(Device=CudaDevice, runtime=runtime)
