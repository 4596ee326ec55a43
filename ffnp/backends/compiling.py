"""Loops compiled by numba, whose machine code is cached on disk where that can be done.

numba finds it again by its own version, Python's, the processor, the types of the arguments and
the file of the function: what decides of the code must be in that file, or be an argument.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.event import Event, TimingListener, install_listener


class Cache(FunctionCache):
    """numba's cache of a function: one that is damaged, or on a full disk, costs time alone.

    With `njit(cache=True)` either is an error of the first call. No public way leads to another
    cache, or to another place of one package's alone (numba's issues 10434 and 9350).
    """

    def load_overload(self, *arguments: Any) -> Any:
        """The machine code for a signature; None if it is to be compiled."""
        try:
            return super().load_overload(*arguments)
        except Exception:  # whatever unpickling raises
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, *arguments: Any) -> None:
        """Keep machine code for the next process, if the disk takes it."""
        with suppress(OSError):
            super().save_overload(*arguments)


class Compilation(TimingListener):
    """Is told by numba when it compiles (what comes from the cache is not compiled).

    A function that another one calls is compiled within it, and by one thread at a time.
    """

    def __init__(self, begins: Callable[[], None]) -> None:
        super().__init__()
        self._begins, self._said = begins, False

    @property
    def seconds(self) -> float:
        """That were spent so far, but for what is being compiled."""
        return self.duration if self.done else 0.0

    def on_start(self, event: Event) -> None:
        """A function is compiled."""
        if not self._said:
            self._said = True
            self._begins()
        super().on_start(event)


@contextmanager
def listening(begins: Callable[[], None]) -> Iterator[Compilation]:
    """Inside, listen to numba; `begins` is called when a function is first compiled."""
    compilation = Compilation(begins)
    with install_listener("numba:compile", compilation):
        yield compilation


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called; it holds no lock of the interpreter's."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = njit(nogil=True, **options)(function)
        dispatcher._cache = Cache(function)  # as its `enable_caching` does, with numba's own
        return dispatcher

    return decorate
