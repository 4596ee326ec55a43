"""Options of `ffnp train` for a run of a second, and runs of a reproduction in this process."""

from concurrent.futures import Future, as_completed
from contextlib import contextmanager

from ffnp.errors import FFNPError
from ffnp.reproduction.workers import Workers

SMALL = "--limit-train 300 --limit-test 100 --hidden 20,10 --epochs 2 --batch-size 100".split()
SMALL += ["--backend", "numpy"]  # numba takes a second to be imported


@contextmanager
def in_this_process(jobs=1, out=None):
    """In place of worker processes; `out` is the worker's own output folder, if it has one."""

    def submit(run, task, given, stop):
        future = Future()
        try:
            future.set_result(run(task, out or given, stop))
        except FFNPError as error:
            future.set_exception(error)
        return future

    yield Workers(submit, as_completed, MemoryError)
