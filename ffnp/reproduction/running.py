"""Runs done side by side, on this machine or on a Dask cluster; finished ones are not repeated."""

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from ffnp.config import Config
from ffnp.errors import FFNPError, InputError
from ffnp.experiment import Result, Silent, resume, train
from ffnp.reproduction.experiments import Task
from ffnp.runs import CONFIG, Run
from ffnp.storage import read_json, write_atomically
from ffnp.training import Trainer

RESULTS, FOLDERS = "results", "runs"  # within the output folder


class Stoppable(Silent):
    """Stops a training, with its state saved, when SIGINT or SIGTERM arrive."""

    def __init__(self) -> None:
        self._asked = False

    @contextmanager
    def listening(self) -> Iterator["Stoppable"]:
        """Inside, the signals ask to stop; only a process's main thread may listen."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self._ask) for number in numbers]
        try:
            yield self
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _ask(self, *_: Any) -> None:
        self._asked = True

    def batch(self, trainer: Trainer) -> bool:
        """Whether a signal has arrived."""
        return self._asked


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
    if _deciding(result["config"]) != _deciding(task.config.to_dict()):
        raise InputError(f"{path} has another configuration: give another --out, or remove it")
    return result


def _deciding(config: dict[str, Any]) -> dict[str, Any]:
    """What of a configuration decides the result: not where the data lie."""
    return {name: value for name, value in config.items() if name != "data_dir"}


def run_task(task: Task, out: Path) -> dict[str, Any]:
    """Train, or continue, or find finished one task; its result is stored and given back."""
    stored = finished(out, task)
    if stored is not None:
        return stored
    folder = out / FOLDERS / task.name
    with Stoppable().listening() as watcher:
        if (folder / CONFIG).exists():
            if _deciding(Run(folder).config().to_dict()) != _deciding(task.config.to_dict()):
                raise InputError(f"{folder} has another configuration: give another --out")
            result = resume(folder, watcher=watcher)
        else:
            if folder.exists():  # killed before its first file
                folder.rmdir()
            result = train(task.config, folder, watcher)
    found = _plain(result)
    path = result_path(out, task)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(found, indent=1).encode() + b"\n")
    return found


def _plain(result: Result) -> dict[str, Any]:
    """What is kept of a result: no path, and the record of the epochs."""
    found = result.to_dict()
    del found["run_dir"]
    found["config"]["data_dir"] = None
    return found | {"metrics": result.metrics}


def run_tasks(
    tasks: Sequence[Task],
    out: Path,
    jobs: int = 1,
    scheduler: str | None = None,
    done: Callable[[Task], None] = lambda task: None,
) -> None:
    """Run what is not finished, in `jobs` processes or on a Dask cluster.

    Parameters
    ----------
    tasks : sequence of Task
    out : Path
        Results and run folders are kept here; on a disk that a cluster's workers share.
    jobs : int
        Processes of this machine; the cores are divided among their BLAS threads.
    scheduler : str, optional
        Address of a Dask scheduler: the runs go to its workers instead.
    done : callable
        Called with each task that has ended well.

    Raises
    ------
    FFNPError
        The first that a run raised, when the others have ended.
    """
    for task in tasks:
        finished(out, task)  # a wrong configuration is known before anything runs
    if scheduler is not None:
        _on_cluster(tasks, out, scheduler, done)
        return
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _limit_threads, (threads,)) as pool:
        futures = {pool.submit(run_task, task, out): task for task in tasks}
        try:
            _collect(futures, as_completed(futures), done)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _collect(futures: Any, completed: Iterator[Any], done: Callable[[Task], None]) -> None:
    for future in completed:
        future.result()
        done(futures[future])


def _limit_threads(threads: int) -> None:
    """Give this process its share of the cores."""
    threadpool_limits(threads)
    try:
        import numba
    except ImportError:
        return
    numba.set_num_threads(min(threads, numba.get_num_threads()))


def _on_cluster(
    tasks: Sequence[Task], out: Path, address: str, done: Callable[[Task], None]
) -> None:
    try:
        from distributed import Client
        from distributed import as_completed as dask_completed
    except ModuleNotFoundError as error:
        raise InputError("--scheduler needs Dask: pip install 'ffnp[dask]'") from error
    try:
        client = Client(address, timeout=20)
    except (OSError, ValueError) as error:
        raise FFNPError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        futures = {
            client.submit(
                run_plain, asdict(task), str(out.resolve()), key=f"{task.name}-{out.name}",
                pure=False, retries=3,
            ): task
            for task in tasks
        }  # fmt: skip
        _collect(futures, dask_completed(futures), done)


def run_plain(task: dict[str, Any], out: str) -> None:
    """`run_task` of plain values, as a cluster's worker receives it."""
    run_task(Task(task["row"], Config.from_dict(task["config"])), Path(out))
