"""Whoever watches a training, and may stop it."""

from typing import Any

from ffnp.training.trainer import Trainer


class Watcher:
    """Is told how a training goes, and may stop it; this one says nothing."""

    def start(self, trainer: Trainer) -> None:
        """Training begins, or goes on, from `trainer.position`."""

    def compiling(self) -> None:
        """The backend compiles what training calls: seconds, once on a machine, not counted.

        Said within the first batch, perhaps by another thread.
        """

    def batch(self, trainer: Trainer) -> bool:
        """A batch is done; True asks to stop here, with the state saved."""
        return False

    def epoch(self, record: dict[str, Any]) -> bool | None:
        """An epoch is done; `record` is its line of metrics. True ends the training with it."""
        return None

    def end(self, result: Any) -> None:
        """The training is finished; `result` is the `Result` of it."""
