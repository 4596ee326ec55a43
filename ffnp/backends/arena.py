"""Host arrays in huge pages: fewer address translations for the sweeps of a step."""

import threading
from typing import Any

import numpy as np

from ffnp.backends.activity import Array

HUGE_PAGE = 1 << 21
CHUNK = 8 * HUGE_PAGE  # NumPy asks Linux for huge pages for arrays of 4 MiB and more
SMALLEST = 1 << 12  # bytes; less is left to NumPy
ALIGNMENT = 64


class Arena:
    """Uninitialised arrays, cut one after the other from large chunks.

    A chunk lives as long as any array cut from it. Callers in several threads get arrays apart.
    With 4 KiB pages a step of the 3x500 network spent a tenth of its sweeps' time on address
    translation.
    """

    def __init__(self) -> None:
        self._chunk = np.empty(0, np.uint8)
        self._used = 0
        self._lock = threading.Lock()

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised C-contiguous array, aligned to 64 bytes."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size < SMALLEST:
            return np.empty(shape, dtype)
        if size >= CHUNK:  # one of its own, freed with the array
            return _huge(size).view(dtype).reshape(shape)
        with self._lock:
            if self._used + size > len(self._chunk):
                self._chunk, self._used = _huge(CHUNK), 0
            piece = self._chunk[self._used : self._used + size]
            self._used += -(-size // ALIGNMENT) * ALIGNMENT
        return piece.view(dtype).reshape(shape)


def _huge(size: int) -> Array:
    """Bytes from the start of a huge page on."""
    raw = np.empty(size + HUGE_PAGE, np.uint8)
    return raw[-raw.ctypes.data % HUGE_PAGE :][:size]
