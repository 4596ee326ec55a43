"""Bars that show how a training goes: in a terminal, or as widgets in a notebook."""

import sys
from typing import Any

import numpy as np

from ffnp.runs.watching import Watcher
from ffnp.training.trainer import Trainer

COMPILING = "compiling for this machine, once: some seconds, which are not counted"


class Progress(Watcher):
    """Shows epochs and batches by tqdm, which knows whether it is in a notebook.

    `ffnp.train(config, watcher=ffnp.Progress())`
    """

    def __init__(self) -> None:
        self._bars: list[Any] = []

    def bar(self, **options: Any) -> Any:
        """A bar of tqdm's."""
        from tqdm.auto import tqdm

        return tqdm(**options)

    def close(self) -> None:
        """Leave the bars as they are."""
        for bar in reversed(self._bars):
            bar.close()
        self._bars = []

    def start(self, trainer: Trainer) -> None:
        """Set up the bars where training stands."""
        self.close()
        total = trainer.phases * trainer.epochs
        rows = trainer.model.method.rows  # among which the true label is to win
        self._pairs = {1: "running error", 2: "pairs"}.get(rows, f"of {rows} labels")
        self._evaluated = trainer.model.config.evaluated
        done, batch = trainer.epochs_done, trainer.position.batch
        self._epochs = self.bar(desc="epochs", total=total, initial=done, unit="epoch")
        self._batches = self.bar(
            desc="batches", total=trainer.batches, initial=batch, unit="batch", leave=False
        )
        self._bars = [self._epochs, self._batches]

    def compiling(self) -> None:
        """Say so, above the bars."""
        self._batches.write(f"Note: {COMPILING}", file=sys.stderr)

    def batch(self, trainer: Trainer) -> bool:
        """Move on by a batch, with the running loss and pair error."""
        if self._batches.update() and trainer.totals_on_host:
            losses, error = trainer.losses()
            text = f"loss {np.mean(losses):.4f}, {self._pairs} {error:.2f}%"
            self._batches.set_postfix_str(text)
        return False

    def epoch(self, record: dict[str, Any]) -> bool | None:
        """Move on by an epoch, with its loss and errors."""
        text = f"loss {np.mean(record['losses']):.4f}, {self._pairs} {record['pair_error']:.2f}%"
        rows = {"train_error": "training", "test_error": self._evaluated}
        errors = [f"{record[n]['all']:.2f}% of {rows[n]} rows" for n in rows if n in record]
        if errors:
            text += f", error {', '.join(errors)}"
        self._epochs.set_postfix_str(text, refresh=False)
        self._epochs.update()
        self._batches.reset()
        return None

    def end(self, result: Any) -> None:
        """Leave the bars as they are."""
        self.close()
