"""Progress bars of a training, and a stop that loses nothing."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from tqdm import tqdm

from ffnp.runs.experiment import Watcher
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


class Bars(Watcher):
    """Shows epochs and batches on stderr, and stops after the batch at hand when asked to."""

    def __init__(self) -> None:
        self._stop = False
        self._bars: list[Any] = []

    def stop(self) -> None:
        """Ask to stop; at once, where no batch is being trained yet."""
        if not self._bars:
            raise KeyboardInterrupt
        self._stop = True

    def close(self) -> None:
        """Leave the bars as they are."""
        for bar in reversed(self._bars):
            bar.close()

    def start(self, trainer: Trainer) -> None:
        """Set up the bars where training stands."""
        hidden, total = not sys.stderr.isatty(), trainer.phases * trainer.epochs
        rows = trainer.model.method.rows  # among which the true label is to win
        self._pairs = {1: "running error", 2: "pairs"}.get(rows, f"of {rows} labels")
        self._evaluated = trainer.model.config.evaluated
        done, batch = trainer.epochs_done, trainer.position.batch
        self._epochs = tqdm(desc="epochs", total=total, initial=done, unit="epoch", disable=hidden)
        self._batches = tqdm(
            desc="batches", total=trainer.batches, initial=batch, unit="batch", leave=False,
            disable=hidden,
        )  # fmt: skip
        self._bars = [self._epochs, self._batches]

    def batch(self, trainer: Trainer) -> bool:
        """Move on by a batch, with the running loss and pair error; whether to stop."""
        if self._batches.update() and trainer.totals_on_host:
            losses, error = trainer.losses()
            text = f"loss {np.mean(losses):.4f}, {self._pairs} {error:.2f}%"
            self._batches.set_postfix_str(text)
        return self._stop

    def epoch(self, record: dict[str, Any]) -> None:
        """Move on by an epoch, with its loss and errors."""
        text = f"loss {np.mean(record['losses']):.4f}, {self._pairs} {record['pair_error']:.2f}%"
        if "test_error" in record:
            train, test = record["train_error"]["all"], record["test_error"]["all"]
            text += f", error {train:.2f}% of training rows, {test:.2f}% of {self._evaluated} rows"
        self._epochs.set_postfix_str(text, refresh=False)
        self._epochs.update()
        self._batches.reset()
