"""Progress bars of a training, and a stop that loses nothing."""

import signal
import sys
from types import FrameType
from typing import Any

import numpy as np
from tqdm import tqdm

from ffnp.training import Trainer


class Bars:
    """Shows epochs and batches on stderr; Ctrl-C or SIGTERM stop after the batch at hand.

    A context manager: the signals' handlers are its own inside.
    """

    def __init__(self) -> None:
        self._stop = False
        self._handlers: dict[signal.Signals, Any] = {}
        self._epochs: Any = None
        self._batches: Any = None

    def __enter__(self) -> "Bars":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for bar in (self._batches, self._epochs):
            if bar is not None:
                bar.close()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._stop:  # asked twice: now
            raise KeyboardInterrupt
        self._stop = True

    def start(self, trainer: Trainer) -> None:
        """Set up the bars where training stands."""
        hidden = not sys.stderr.isatty()
        total = trainer.phases * trainer.epochs
        self._epochs = tqdm(
            desc="epochs", total=total, initial=trainer.epochs_done, unit="epoch",
            disable=hidden,
        )  # fmt: skip
        self._batches = tqdm(
            desc="batches", total=trainer.batches, initial=trainer.position.batch,
            unit="batch", leave=False, disable=hidden,
        )  # fmt: skip

    def batch(self, trainer: Trainer) -> bool:
        """Move on by a batch, with the running loss and error; whether to stop."""
        if self._batches.update() and trainer.totals_on_host:
            losses, error = trainer.losses()
            self._batches.set_postfix_str(f"loss {np.mean(losses):.4f}, error {error:.2f}%")
        return self._stop

    def epoch(self, record: dict[str, Any]) -> None:
        """Move on by an epoch, with its loss and errors."""
        text = f"loss {np.mean(record['losses']):.4f}, error {record['train_error']:.2f}%"
        if "test_error" in record:
            text += f", test {record['test_error']['all']:.2f}%"
        self._epochs.set_postfix_str(text, refresh=False)
        self._epochs.update()
        self._batches.reset()
