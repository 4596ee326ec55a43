"""Runs done side by side: in processes of this machine, or on a cluster of Dask or Slurm."""

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from threadpoolctl import threadpool_info, threadpool_limits

from ffnp.config import Config
from ffnp.errors import FFNPError, InputWarning, TrainingError, in_short, noting
from ffnp.files import writing
from ffnp.reproduction.dask_cluster import dask_cluster
from ffnp.reproduction.experiments import Task
from ffnp.reproduction.running import StopFile, accepted, finished, run_task, store
from ffnp.reproduction.slurm import slurm_jobs
from ffnp.reproduction.workers import STOPPED, TIMEOUT, Workers


def run_tasks(
    tasks: Sequence[Task],
    out: Path,
    jobs: int = 1,
    scheduler: str | None = None,
    done: Callable[[Task], None] = lambda task: None,
    failed: Callable[[Task, str], None] = lambda task, reason: None,
    stop: StopFile | None = None,
    slurm: str | None = None,
) -> None:
    """Run what is not finished, in `jobs` processes or on a cluster.

    Parameters
    ----------
    out : Path
        Results and run folders are kept here; on a disk that a cluster's workers share.
    jobs : int
        Processes of this machine; the cores are divided among their threads.
    scheduler : str, optional
        Address of a Dask scheduler: the runs go to its workers instead.
    done, failed : callable
        Told of each task that has ended well, at once if it was finished before; of each other
        one, with the reason, while the rest goes on.
    stop : StopFile, optional
        Stops all; see `stop_file`.
    slurm : str, optional
        A partition of Slurm: each run is a job of it instead.

    Raises
    ------
    InputError
        If a stored result has another configuration; before anything runs.
    FFNPError
        If a run failed or was stopped, when all have ended.

    Warns
    -----
    InputWarning
        The workers' warnings, each once, when their runs end; what is waited for.
    """
    waiting = []
    for task in tasks:  # a wrong configuration is known before anything runs
        if finished(out, task) is None:
            waiting.append(task)
        else:
            done(task)
    if not waiting:
        return
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    stop = stop or stop_file(out)
    failures: list[str] = []
    if scheduler is not None:
        workers = dask_cluster(scheduler, stop)
    elif slurm is not None:
        workers = slurm_jobs(slurm, out.absolute(), stop)
    else:
        workers = _processes(min(jobs, len(waiting)))
    try:
        with workers as who:
            futures = {
                who.submit(run_plain, asdict(task), str(out.absolute()), str(stop.path)): task
                for task in waiting
            }
            for future in who.as_completed(futures):
                task = futures[future]
                try:
                    found, notes = _given(task, future.result(TIMEOUT))
                except BrokenProcessPool:
                    raise
                except Exception as error:  # whatever a worker raises
                    _warn(getattr(error, "__notes__", ()))
                    if not stop.asked:
                        reason = _reason(error, who.death)
                        failures.append(f"{task.name}: {reason}")
                        failed(task, reason)
                    continue
                _warn(notes)
                if finished(out, task) is None:  # a worker's disk is not ours
                    store(out, task, found)
                done(task)
        if stop.asked:
            raise TrainingError(STOPPED)
    except BrokenProcessPool as error:
        what = "stopped" if stop.asked else "a worker process was killed, or is out of memory"
        raise TrainingError(f"{what}: the same command goes on from here") from error
    except KeyboardInterrupt as interrupt:
        interrupt.add_note("the same command goes on from here")
        raise
    finally:
        with suppress(OSError):  # no other stop file has its name
            stop.path.unlink()
    if failures:
        raise TrainingError(f"{len(failures)} of {len(tasks)} runs failed, first {failures[0]}")


def stop_file(out: Path) -> StopFile:
    """A stop file of its own, in the output folder, where all workers see it."""
    return StopFile(out.absolute() / f".stop-{uuid4().hex}")


def run_plain(
    task: dict[str, Any], out: str, stop: str, also: Callable[[], bool] = lambda: False
) -> tuple[dict[str, Any], list[str]]:
    """`run_task` of plain values, as a worker receives it, and the texts of its warnings.

    An error has them as its notes. `also` is the worker's own reason to stop.
    """
    notes: list[str] = []
    with noting(notes.append):
        try:
            config = Config.from_dict(task["config"])
            stops = StopFile(Path(stop), also)
            return run_task(Task(task["row"], config), Path(out), stops), notes
        except Exception as error:
            for text in notes:
                error.add_note(text)
            raise


def _given(task: Task, given: Any) -> tuple[dict[str, Any], list[str]]:
    """What a worker gave back, checked: a result, and texts; `InputError` if it is none."""
    pair = given if isinstance(given, tuple | list) and len(given) == 2 else (None, [])
    result, notes = accepted(task, pair[0]), pair[1]
    return result, [text for text in notes if isinstance(text, str)]


def _warn(notes: Iterable[str]) -> None:
    for text in notes:
        warnings.warn(text, InputWarning, stacklevel=3)


def _reason(error: Exception, death: type[Exception]) -> str:
    if isinstance(error, MemoryError):
        return "out of memory: use fewer --jobs"
    if isinstance(error, FFNPError):
        return str(error)
    if isinstance(error, death):
        return "the workers that had it died"
    return f"it failed with {in_short(error)}"


@contextmanager
def _processes(jobs: int) -> Iterator[Workers]:
    usable = getattr(os, "sched_getaffinity", None)  # not on macOS
    cores = (os.cpu_count() or 1) if usable is None else len(usable(0))
    threads = max(1, cores // jobs)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _begin, (threads,)) as pool:
        yield Workers(pool.submit, as_completed, BrokenProcessPool)


def _begin(threads: int) -> None:
    """Begin a worker process: its share of the cores, and an end when its parent ends.

    Ctrl-C, and a terminal's end, reach all its processes, but only the parent acts on them, by the
    stop file.
    """
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    before = [pool["num_threads"] for pool in threadpool_info()]  # the environment's, if it says
    threadpool_limits(min([threads, *before]))


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)  # killed: whoever starts again must not find this process in its folders
