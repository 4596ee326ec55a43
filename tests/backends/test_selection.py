"""A package that is optional may be broken in any way: it is a reason, and another is taken."""

import ast
import errno
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ffnp.backends
from ffnp.backends.selection import make_backend, unavailable
from ffnp.errors import InputError

BANNER = '''
try:
    raise ImportError("libcuda.so.1: cannot open shared object file")
except ImportError as error:
    raise ImportError("""
==========
Failed to import CuPy.
==========""") from error
'''
NO_DRIVER = """
class cuda:
    class runtime:
        def getDeviceCount():
            raise RuntimeError("CUDA driver version is insufficient for CUDA runtime version")
"""
BROKEN = {
    BANNER: "does not work (ImportError: libcuda.so.1: cannot open shared object file): pip ins",
    NO_DRIVER: "no GPU answers (RuntimeError: CUDA driver version is insufficient",
    "import a_part_that_is_missing": "(ModuleNotFoundError: No module named 'a_part_that_is_mi",
    "raise ValueError('numpy.dtype size changed')": "(ValueError: numpy.dtype size changed): pip",
    "raise OSError(2, 'No such file')": "(FileNotFoundError: [Errno 2] No such file): pip",
    "raise SystemExit": "does not work (SystemExit): pip",
    "1 / 0": "does not work (ZeroDivisionError: division by zero): pip",
    "def f(:": "does not work (SyntaxError: invalid syntax",
    None: "(AttributeError: module 'cupy' has no attribute 'cuda'): pip",
}


def forget(monkeypatch, *names):
    """Let modules be imported anew, in the test alone."""
    for name in [each for each in sys.modules if each.partition(".")[0] in names or each in names]:
        monkeypatch.delitem(sys.modules, name)


def install(monkeypatch, folder, package, content):
    """In place of a package: a module of this content, or an empty folder."""
    forget(monkeypatch, package)
    monkeypatch.setitem(sys.modules, package, ModuleType(package))  # to be taken back afterwards
    if content is None:  # which Python takes for a package, if it finds no other
        return
    del sys.modules[package]
    (folder / f"{package}.py").write_text(content)
    monkeypatch.setitem(sys.modules, package, None)  # so that whatever is imported goes again
    del sys.modules[package]
    monkeypatch.syspath_prepend(folder)


@pytest.mark.parametrize("content", BROKEN, ids=[str(each)[:12] for each in BROKEN])
def test_a_broken_cupy_is_a_reason(monkeypatch, tmp_path, ffnp, content):
    install(monkeypatch, tmp_path, "cupy", content)
    assert BROKEN[content] in unavailable("cupy")
    assert make_backend("auto").name in ("numba", "numpy")
    with pytest.raises(InputError, match="backend 'cupy' is not available: "):
        make_backend("cupy")
    status, out, err = ffnp("info", "--json")
    assert (status, err) == (0, "")
    assert BROKEN[content] in json.loads(out)["backends"]["cupy"]


@pytest.mark.parametrize(
    "content, reason",
    [
        ("raise OSError('libllvmlite.so: cannot open')", "(OSError: libllvmlite.so: cannot open)"),
        ("raise ImportError('Numba needs NumPy 2.3 or less')", "needs NumPy 2.3 or less): pip"),
        ("raise SystemError('initialization failed')", "(SystemError: initialization failed)"),
        ("raise ValueError('numpy.dtype size changed')", "(ValueError: numpy.dtype size changed)"),
        ("raise RuntimeError('cannot cache function')", "set NUMBA_CACHE_DIR to a directory to wr"),
        (None, "numba is installed, but does not work (ImportError: cannot import name 'njit'"),
    ],
)
def test_a_broken_numba_is_a_reason(monkeypatch, tmp_path, content, reason):
    monkeypatch.setitem(sys.modules, "cupy", None)
    install(monkeypatch, tmp_path, "numba", content)
    for name in ("compiling", "numba_backend", "numba_kernels", "numba_objectives"):
        forget(monkeypatch, f"ffnp.backends.{name}")
        monkeypatch.delattr(ffnp.backends, name, raising=False)
    assert reason in unavailable("numba")
    assert make_backend("auto").name == "numpy"


def double(x):
    return 2 * x


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """Compile a function as in a process of its own, with a cache in `tmp_path`."""
    numba = pytest.importorskip("numba")
    from ffnp.backends.compiling import compiled

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return compiled()


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04x", b"cffnp\nnothing\n."])
def test_a_damaged_cache_is_made_again(compiled, tmp_path, suffix, content):
    assert compiled(double)(2.0) == 4
    for path in tmp_path.rglob(f"*.{suffix}"):
        path.write_bytes(content)
    assert compiled(double)(2.0) == 4
    again = compiled(double)
    assert again(2.0) == 4
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_full_disk_costs_the_cache_alone(compiled, monkeypatch):
    from numba.core.caching import FunctionCache

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FunctionCache, "save_overload", full)
    assert compiled(double)(2.0) == 4


def test_compilation_is_told_once_and_timed_and_what_is_cached_is_not(compiled):
    from ffnp.backends.numba_backend import NumbaBackend

    told = []
    with NumbaBackend().compiling(lambda: told.append("compiling")) as seconds:
        assert seconds() == 0
        function = compiled(double)
        assert (function(2.0), function(2)) == (4, 4)
        assert (told, seconds() > 0) == (["compiling"], True)
    with NumbaBackend().compiling(lambda: told.append("again")) as seconds:
        assert compiled(double)(2.0) == 4
        assert (told, seconds()) == (["compiling"], 0)


@pytest.mark.parametrize("name", ["numba_kernels", "numba_objectives"])
def test_what_is_compiled_takes_nothing_from_other_files(name):
    """numba's cache knows the file of a function alone: machine code of a former constant stays."""
    path = Path(ffnp.backends.__file__).with_name(f"{name}.py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    taken = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [each.module for each in taken] == ["ffnp.backends.compiling"]
