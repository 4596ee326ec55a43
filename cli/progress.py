"""Progress bars of a training, and a stop that loses nothing."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from ffnp.runs.progress import Progress
from ffnp.training.trainer import Trainer

GRACE = 2.0  # seconds in which a second Ctrl-C is the first one's impatience


@contextmanager
def on_signals(act: Callable[[], None]) -> Iterator[None]:
    """Inside, the first SIGINT, SIGTERM or SIGHUP calls `act`, one after GRACE interrupts at once.

    SIGHUP, that the terminal is gone, stays ignored where it is (nohup).
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    gone = getattr(signal, "SIGHUP", None)  # Windows has none
    if gone is not None and signal.getsignal(gone) is not signal.SIG_IGN:
        numbers.append(gone)
    first: list[float] = []

    def handle(number: int, frame: object) -> None:
        first.append(time.monotonic())
        if len(first) == 1:
            act()
        elif first[-1] - first[0] > GRACE:
            raise KeyboardInterrupt

    before = [signal.signal(number, handle) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


class Bars(Progress):
    """Shows epochs and batches on stderr, and stops after the batch at hand when asked to."""

    def __init__(self) -> None:
        super().__init__()
        self._stop = self._begun = False

    def stop(self) -> None:
        """Ask to stop; at once, where no batch is being trained yet."""
        if not self._begun:
            raise KeyboardInterrupt
        self._stop = True

    def bar(self, **options: Any) -> Any:
        """A bar, where stderr is a terminal."""
        return tqdm(**options, disable=not sys.stderr.isatty())

    def start(self, trainer: Trainer) -> None:
        """Set up the bars where training stands."""
        super().start(trainer)
        self._begun = True

    def batch(self, trainer: Trainer) -> bool:
        """Move on by a batch; whether to stop."""
        super().batch(trainer)
        return self._stop
