"""Runs done side by side: in processes of this machine, or on a Dask cluster."""

import logging
import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from threadpoolctl import threadpool_info, threadpool_limits

from ffnp.config import Config
from ffnp.errors import (
    FFNPError,
    InputWarning,
    TrainingError,
    brief,
    importing,
    in_short,
    noting,
)
from ffnp.files import writing
from ffnp.reproduction.experiments import Task
from ffnp.reproduction.running import StopFile, accepted, finished, run_task, store

TIMEOUT = 15  # seconds for a scheduler to answer
SOON = 3  # seconds without a worker until it is said
STOPPED = "stopped: the same command goes on from here"


@dataclass(frozen=True)
class Workers:
    """Who runs: how to submit a call, how futures come back, and what a worker's death raises."""

    submit: Callable[..., Any]  # a function and its plain arguments to a future
    as_completed: Callable[[Iterable[Any]], Iterator[Any]]
    death: type[Exception]


def run_tasks(
    tasks: Sequence[Task],
    out: Path,
    jobs: int = 1,
    scheduler: str | None = None,
    done: Callable[[Task], None] = lambda task: None,
    failed: Callable[[Task, str], None] = lambda task, reason: None,
    stop: StopFile | None = None,
) -> None:
    """Run what is not finished, in `jobs` processes or on a Dask cluster.

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
    if scheduler is None:
        workers = _processes(min(jobs, len(waiting)))
    else:
        workers = _cluster(scheduler, stop)
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


def run_plain(task: dict[str, Any], out: str, stop: str) -> tuple[dict[str, Any], list[str]]:
    """`run_task` of plain values, as a worker receives it, and the texts of its warnings.

    An error has them as its notes.
    """
    notes: list[str] = []
    with noting(notes.append):
        try:
            config = Config.from_dict(task["config"])
            return run_task(Task(task["row"], config), Path(out), StopFile(Path(stop))), notes
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
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    before = [pool["num_threads"] for pool in threadpool_info()]  # the environment's, if it says
    threadpool_limits(min([threads, *before]))


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)  # killed: whoever starts again must not find this process in its folders


@contextmanager
def _cluster(address: str, stop: StopFile) -> Iterator[Workers]:
    with importing("Dask", "distributed", "dask"):
        dask: Any = import_module("distributed")
    logging.disable(logging.CRITICAL)  # one line is enough
    client = None
    try:
        with _answering(f"no Dask scheduler answers at {address}"):
            client = _within(TIMEOUT, lambda: dask.Client(address, timeout=TIMEOUT))
        _await_workers(client, address, stop)
        with _answering(f"the workers of {address} do not answer"):
            found = _within(TIMEOUT, lambda: client.run(version, "ffnp", on_error="return"))
        lacking = [str(name) for name, each in found.items() if each != version("ffnp")]
        if lacking:
            raise FFNPError(
                f"ffnp {version('ffnp')} is not installed for the workers {', '.join(lacking)}: "
                "install it there, as here"
            )

        def completed(futures: Iterable[Any]) -> Iterator[Any]:
            left = set(futures)
            while left:
                with _answering(_gone(address)), suppress(TimeoutError):
                    dask.wait(left, timeout=1, return_when="FIRST_COMPLETED")
                if client.status != "running":
                    raise FFNPError(_gone(address))
                done = {future for future in left if future.done()}
                left -= done
                yield from done
                if left and not done:
                    _await_workers(client, address, stop)

        submit = partial(client.submit, pure=False)  # a task of its own, whatever ran before
        yield Workers(submit, completed, dask.KilledWorker)
    finally:
        if client is not None:
            with suppress(Exception):  # of a scheduler that is gone
                client.close(timeout=SOON)
        logging.disable(logging.NOTSET)


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """What a call gives, in a thread that is given up if that takes longer: `TimeoutError`."""
    found: list[Any] = []
    failed: list[Exception] = []

    def work() -> None:
        try:
            found.append(call())
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)  # it must not keep the process
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError(f"no answer within {seconds:g} seconds")
    return found[0]


def _gone(address: str) -> str:
    return f"the scheduler at {address} is gone: the same command goes on from here"


@contextmanager
def _answering(otherwise: str) -> Iterator[None]:
    """Turn whatever goes wrong between here and a cluster into one line."""
    try:
        yield
    except FFNPError:
        raise
    except Exception as error:
        raise FFNPError(f"{otherwise}: {brief(in_short(error))}") from error


def _await_workers(client: Any, address: str, stop: StopFile) -> None:
    """Until the cluster has a worker: a warning says what is waited for, and stopping ends it."""
    begun, told = time.monotonic(), False
    while True:
        with _answering(_gone(address)):
            if _within(TIMEOUT, client.nthreads):
                return
        if stop.asked:
            raise TrainingError(STOPPED)
        if not told and time.monotonic() - begun > SOON:
            text = f"the scheduler at {address} has no workers: start some, or end this by Ctrl-C"
            warnings.warn(text, InputWarning, stacklevel=2)
            told = True
        time.sleep(0.1)
