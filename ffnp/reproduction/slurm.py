"""Runs as jobs of a Slurm cluster, one a run, through submitit."""

import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ffnp.errors import FFNPError, InputError, TrainingError, brief, importing, in_short
from ffnp.files import writing
from ffnp.reproduction.running import StopFile
from ffnp.reproduction.workers import STOPPED, Workers

FOLDER = "slurm"  # within the output folder: what submitit keeps of jobs, and their logs
MINUTES = 240  # of a job; what is not done by then is requeued, and goes on
CORES = 2
REQUEUES = 1000  # more than a run can need
PAUSE = 1.0  # seconds between looks at the jobs


@dataclass(frozen=True)
class Requeued:
    """A call as a job makes it, and once more when it is requeued: a run goes on from its folder.

    What goes wrong is given back as plain values, since submitit keeps no exceptions.
    """

    run: Callable[..., tuple[Any, list[str]]]

    def __call__(self, task: dict[str, Any], out: str, stop: str) -> dict[str, Any]:
        """The run's result and notes, or its error's text and notes."""
        told: list[int] = []  # that the job's time is over, or that it has to give way
        requeue = signal.signal(signal.SIGUSR2, lambda number, frame: told.append(number))
        try:
            result, notes = self.run(task, out, stop, also=lambda: bool(told))
            return {"result": result, "notes": notes}
        except Exception as error:
            stopped = told and isinstance(error, TrainingError) and not Path(stop).exists()
            if stopped and callable(requeue):  # submitit's, which ends the process
                requeue(told[0], None)
            expected = isinstance(error, FFNPError)
            text = str(error) if expected else f"it failed with {in_short(error)}"
            return {"error": text, "notes": getattr(error, "__notes__", [])}
        finally:
            signal.signal(signal.SIGUSR2, requeue)

    def checkpoint(self, *arguments: Any) -> Any:
        """What submitit puts into the queue when the job's time is over or it is preempted."""
        return import_module("submitit").helpers.DelayedSubmission(self, *arguments)


@dataclass(eq=False)
class Future:
    """A job, until its result is there, or it is taken from the queue."""

    job: Any
    taken: bool = False

    def done(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.taken or self.job.done()

    def take(self) -> None:
        """Take the job from the queue, or end it."""
        self.taken = True
        with suppress(Exception):  # it has just ended, or Slurm is gone
            self.job.cancel(check=False)

    def waits(self) -> bool:
        """Whether it has not begun: a job that has writes a log."""
        return not self.job.paths.stdout.exists()

    def result(self, timeout: float) -> tuple[Any, list[str]]:
        """The call's result and notes."""
        if self.taken:
            raise TrainingError(STOPPED)
        try:
            found = self.job.result()
        except Exception as error:  # whatever becomes of a job
            raise FFNPError(
                f"its job {self.job.job_id} ended without a result: see {self.job.paths.stderr}"
            ) from error
        if "error" in found:
            failed = FFNPError(found["error"])
            for text in found["notes"]:
                failed.add_note(text)
            raise failed
        return found["result"], found["notes"]


@contextmanager
def slurm_jobs(partition: str, out: Path, stop: StopFile) -> Iterator[Workers]:
    """Jobs of a partition; `out` is on a disk that its nodes share."""
    queue = _executor(partition, out / FOLDER)
    futures: list[Future] = []

    def submit(run: Callable[..., Any], *arguments: Any) -> Future:
        try:
            futures.append(Future(queue.submit(Requeued(run), *arguments)))
        except Exception as error:
            reason = brief(" ".join(str(error).split()))
            raise FFNPError(
                f"Slurm takes no run for partition {partition}: {reason}: `sinfo` lists them"
            ) from error
        return futures[-1]

    def completed(some: Iterable[Future]) -> Iterator[Future]:
        left = set(some)
        while left:
            if stop.asked:  # those that run see it, too, and save their states
                for future in filter(Future.waits, left):
                    future.take()
            done = {future for future in left if future.done()}
            left -= done
            yield from done
            if left and not done:
                time.sleep(PAUSE)

    try:
        yield Workers(submit, completed, FFNPError)
    finally:
        for future in futures:
            if not future.done():
                future.take()


def _executor(partition: str, folder: Path) -> Any:
    """What puts calls into Slurm's queue."""
    with importing("submitit", "submitit", "slurm"):
        submitit: Any = import_module("submitit")
    with writing(folder):
        folder.mkdir(mode=0o700, exist_ok=True)  # submitit's files are pickles
    try:
        queue = submitit.SlurmExecutor(folder, max_num_timeout=REQUEUES)
    except RuntimeError as error:
        raise InputError(
            "there is no Slurm here (no command srun): run this where jobs are submitted from"
        ) from error
    queue.update_parameters(partition=partition, job_name="ffnp", time=MINUTES, cpus_per_task=CORES)
    return queue
