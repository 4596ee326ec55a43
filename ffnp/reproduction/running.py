"""One run of a table or figure: trained, continued where it stopped, or found finished."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ffnp.errors import InputError, TrainingError
from ffnp.experiment import Result, Silent, resume, train
from ffnp.reproduction.experiments import Task
from ffnp.runs import CONFIG, Run
from ffnp.storage import read_json, write_atomically, writing
from ffnp.training import Trainer

RESULTS, FOLDERS = "results", "runs"  # within the output folder


class StopFile(Silent):
    """Stops trainings, with their states saved, once a file exists: in any process that sees it.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def asked(self) -> bool:
        """Whether the file exists."""
        return self.path.exists()

    def ask(self) -> None:
        """Make the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()

    def batch(self, trainer: Trainer) -> bool:
        """Whether to stop after this batch."""
        return self.asked


def result_path(out: Path, task: Task) -> Path:
    """Where a task's result is kept."""
    return out / RESULTS / f"{task.name}.json"


def finished(out: Path, task: Task) -> dict[str, Any] | None:
    """A task's stored result; None if it has none.

    Raises
    ------
    InputError
        If the result is of another configuration.
    """
    path = result_path(out, task)
    if not path.exists():
        return None
    result: dict[str, Any] = read_json(path)
    _check_same(path, result["config"], task)
    return result


def run_task(task: Task, out: Path, stop: StopFile | None = None) -> dict[str, Any]:
    """Train, or continue, or find finished one task; its result is stored and given back.

    Parameters
    ----------
    task : Task
    out : Path
    stop : StopFile, optional

    Raises
    ------
    InputError
        If the run's folder is of another configuration, or another process trains in it.
    TrainingError
        If the training fails, or was asked to stop.
    """
    stored = finished(out, task)
    if stored is not None:
        return stored
    if stop is not None and stop.asked:
        raise TrainingError("stopped before it began")
    folder = out / FOLDERS / task.name
    with _alone(folder):
        if (folder / CONFIG).exists():
            _check_same(folder, Run(folder).config().to_dict(), task)
            result = resume(folder, watcher=stop)
        else:
            if folder.exists():  # killed before its first file
                folder.rmdir()
            result = train(task.config, folder, stop)
    found = _plain(result)
    store(out, task, found)
    return found


def store(out: Path, task: Task, result: dict[str, Any]) -> None:
    """Keep a task's result."""
    path = result_path(out, task)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(result, indent=1).encode() + b"\n")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder; the system frees it when its holder ends in any way."""
    lock = folder.with_name(f".{folder.name}.lock")
    with writing(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another process trains in {folder}: wait for it, or give another --out"
            ) from error
        yield


def _check_same(where: Path, config: dict[str, Any], task: Task) -> None:
    if _deciding(config) != _deciding(task.config.to_dict()):
        raise InputError(f"{where} has another configuration: give another --out, or remove it")


def _deciding(config: dict[str, Any]) -> dict[str, Any]:
    """What of a configuration decides the result: not where the data lie."""
    return {name: value for name, value in config.items() if name != "data_dir"}


def _plain(result: Result) -> dict[str, Any]:
    """What is kept of a result: no path, and the record of the epochs."""
    found = result.to_dict()
    del found["run_dir"]
    found["config"]["data_dir"] = None
    return found | {"metrics": result.metrics}
