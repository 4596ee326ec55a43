"""One run of a table or figure: trained, continued where it stopped, or found finished."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ffnp.config import Config
from ffnp.data.catalogue import lookup
from ffnp.data.verifying import verify
from ffnp.errors import FFNPError, InputError, TrainingError
from ffnp.files import GOOD_COPY, exists, write_atomically, writing
from ffnp.reproduction.experiments import Task
from ffnp.runs.experiment import Watcher, resume, train
from ffnp.runs.folder import Run
from ffnp.runs.records import is_epoch, is_errors, is_seconds
from ffnp.runs.storage import read_json
from ffnp.training.trainer import Trainer

RESULTS, FOLDERS = "results", "runs"  # within the output folder


class StopFile(Watcher):
    """Stops trainings, with their states saved, once a file exists: in any process that sees it.

    `also` is a reason of this process's own.
    """

    def __init__(self, path: Path, also: Callable[[], bool] = lambda: False) -> None:
        self.path = path
        self._also = also

    @property
    def asked(self) -> bool:
        """Whether the file exists, or there is the other reason."""
        return self._also() or self.path.exists()

    def ask(self) -> None:
        """Make the file."""
        with writing(self.path):
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
        If the result is damaged, or of another configuration.
    """
    for name in task.names:
        path = out / RESULTS / f"{name}.json"
        if exists(path):
            result: dict[str, Any] = read_json(path)
            try:
                if not _is_result(result):
                    raise InputError("it is not the result of a run")
                other = _differences(Config.from_dict(result["config"]), task)
            except InputError as error:
                mend = f"{GOOD_COPY}, or remove it, and the run is made again"
                raise InputError(f"{path} is damaged: {error}: {mend}") from error
            if not other:
                return result
            if name == task.name:
                raise _another(path, other)
    return None


def _is_result(result: Any) -> bool:
    try:
        return (
            isinstance(result["config"], dict)
            and is_errors(result["test_error"])
            and is_seconds(result["train_seconds"])
            and isinstance(result.get("data", ""), str)
            and all(map(is_epoch, result["metrics"]))
        )
    except (KeyError, TypeError):
        return False


def accepted(task: Task, result: Any) -> dict[str, Any]:
    """A task's result as a worker gave it back; `InputError` if it is none."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(result))
        if _is_result(plain) and not _differences(Config.from_dict(plain["config"]), task):
            return plain
    except (InputError, RecursionError, TypeError, ValueError):
        pass
    raise InputError(f"what the worker gave back is no result of {task.name}")


def run_task(task: Task, out: Path, stop: StopFile | None = None) -> dict[str, Any]:
    """Train, or continue, or find finished one task; its result is stored and given back.

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
    if not exists(folder):
        result = train(task.config, folder, stop)
    elif other := _differences(Run(folder).config(), task):
        raise _another(folder, other)
    else:
        result = resume(folder, watcher=stop)
    title = data_title(result.model.config)
    found = result.to_dict() | {"data": title, "metrics": result.metrics}
    del found["run_dir"]  # no path is kept
    found["config"]["data_dir"] = None
    store(out, task, found)
    return found


def store(out: Path, task: Task, result: dict[str, Any]) -> None:
    """Keep a task's result."""
    path = result_path(out, task)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(result, indent=1).encode() + b"\n")


def _differences(config: Config, task: Task) -> dict[str, Any]:
    """What decides another result, and how; not where the data lie, nor what is recorded."""
    mine, found = task.config.to_dict(), config.to_dict()
    free = {"data_dir", "evaluate_every", "analyse_every", "snapshot_every"}
    return {n: value for n, value in found.items() if n not in free and value != mine[n]}


def _another(where: Path, other: Mapping[str, Any]) -> InputError:
    return InputError(
        f"{where} is of another configuration ({', '.join(f'{n} {v}' for n, v in other.items())}): "
        "give the same, another --out, or remove it"
    )


def data_title(config: Config) -> str:
    """A data set's name in tables and figures, which says so if its files are not the published."""
    known = lookup(config.dataset)
    title = known.title.partition(":")[0]
    try:
        copy = next(known.copies(None if config.data_dir is None else Path(config.data_dir)), None)
    except FFNPError:  # a folder of the cluster's workers
        copy = None
    if copy is None:
        return f"{title} (files not here to check)"
    published = not any(check.problem for check in verify(copy))
    return title if published else f"{title} (not the published files)"


def data_titles(results: Sequence[tuple[Task, Mapping[str, Any] | None]]) -> dict[str, str]:
    """What each data set was when it was trained on; what is here now, where that is not known."""
    titles: dict[str, dict[str, None]] = {}  # distinct, in order
    for task, result in results:
        here = titles.setdefault(task.config.dataset, {})
        if result is not None and "data" in result:
            here[result["data"]] = None
    configs = {task.config.dataset: task.config for task, _ in results}
    return {n: " and ".join(found) or data_title(configs[n]) for n, found in titles.items()}
