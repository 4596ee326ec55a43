"""A training told to a tracker of experiments, such as trackio or wandb."""

from collections.abc import Iterator
from typing import Any

from ffnp.errors import InputError
from ffnp.runs.watching import Watcher
from ffnp.training.trainer import Trainer

CALLS = ("init", "log", "finish")


class Tracker(Watcher):
    """Tells whatever has `init`, `log` and `finish` how a training goes.

    Within `with`, a training that fails is finished, too.

    Parameters
    ----------
    tracker : module or object
        trackio, wandb, or anything with their `init(project=..., config=...)`, `log(values)` and
        `finish()`.
    project : str
    **options
        Others of `init`, e.g. `name="first"`.
    """

    def __init__(self, tracker: Any, project: str = "ffnp", **options: Any) -> None:
        missing = [name for name in CALLS if not callable(getattr(tracker, name, None))]
        if missing:
            raise InputError(
                f"the tracker has no {', '.join(missing)}: give trackio, wandb, or what has "
                f"{', '.join(CALLS)}"
            )
        self._tracker, self._options = tracker, {"project": project, **options}
        self._open = False

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def start(self, trainer: Trainer) -> None:
        """Begin a run of the tracker's, with the training's configuration."""
        self._tracker.init(config=trainer.model.config.to_dict(), **self._options)
        self._open = True

    def epoch(self, record: dict[str, Any]) -> bool | None:
        """Log an epoch's record: numbers by name, e.g. `losses/1`, `test_error/all`."""
        self._tracker.log(dict(_flat(record)))
        return None

    def end(self, result: Any) -> None:
        """Log the trained model's errors, if it was evaluated, and finish."""
        if result.test is not None:
            self._tracker.log(dict(_flat({"final_error": result.test.to_dict()})))
        self.finish()

    def finish(self) -> None:
        """End the tracker's run, if it is open."""
        if self._open:
            self._open = False
            self._tracker.finish()


def _flat(values: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Numbers within dictionaries and lists, whose places count from 1, by their path."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield from _flat(value, f"{name}/{key}" if name else key)
    elif isinstance(values, list | tuple):
        for i, value in enumerate(values, start=1):
            yield from _flat(value, f"{name}/{i}")
    else:
        yield name, values
