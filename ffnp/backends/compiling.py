"""Loops compiled by numba, whose machine code is cached on disk where that can be done."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache


class Cache(FunctionCache):
    """numba's cache of a function: one that is damaged, or on a full disk, costs time alone."""

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


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called; it holds no lock of the interpreter's."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = njit(nogil=True, **options)(function)
        dispatcher._cache = Cache(function)  # as its `enable_caching` does, with numba's own
        return dispatcher

    return decorate
