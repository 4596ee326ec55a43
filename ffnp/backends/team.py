"""A few threads that work side by side, with one BLAS thread each."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any

from threadpoolctl import ThreadpoolController

from ffnp.errors import FFNPError

Task = Callable[[], None]


class Team:
    """Threads that call functions side by side.

    BLAS may share out each product among threads of its own, but then the threads meet after
    every product, all other passes run on one core, and what one core has in its cache is
    another's part of the next pass. Here a thread takes its images through many operations before
    it meets the others. Meanwhile BLAS is kept to one thread; its number is restored afterwards.
    Callers in several threads wait for each other.

    Attributes
    ----------
    threads : int
        As many as BLAS had when the team was made: `OPENBLAS_NUM_THREADS` and threadpoolctl's
        limits hold.
    """

    def __init__(self) -> None:
        libraries = ThreadpoolController().select(user_api="blas").lib_controllers
        self._blas = [(library, library.num_threads) for library in libraries]
        self.threads = max((threads for _, threads in self._blas), default=1)
        self._todo: list[SimpleQueue[Any]] = []
        self._process, self._lock = os.getpid(), threading.Lock()
        self._local = threading.local()

    @property
    def at_work(self) -> bool:
        """Whether the calling thread is within a task of the team."""
        return getattr(self._local, "at_work", False)

    def __call__(self, tasks: Sequence[Task]) -> None:
        """Call each function in a thread of its own, the first in the caller's; wait for all.

        Within a task, one after the other. Whatever one of them raises is raised again, when all
        have ended: a KeyboardInterrupt too, since they write where the next call will.
        """
        if self.at_work:  # the others are, too
            for task in tasks:
                task()
            return
        if self._process != os.getpid():  # a fork has none of the threads, that hold the lock
            self._process, self._todo, self._lock = os.getpid(), [], threading.Lock()
        call = _Call(len(tasks) - 1)
        with self._lock, self._blas_alone():
            while len(self._todo) < len(tasks) - 1:
                self._hire()
            for todo, task in zip(self._todo, tasks[1:], strict=False):
                todo.put((call, partial(copy_context().run, task)))  # with NumPy's errstate
            self._local.at_work = True
            try:
                tasks[0]()
            finally:
                self._local.at_work = False
                call.wait()
        for failure in call.failures:
            raise failure

    @contextmanager
    def _blas_alone(self) -> Iterator[None]:
        """One BLAS thread for a while (threadpoolctl's own context takes 30 times as long).

        threadpoolctl 3.8 lets one thread alone set the number, until that thread gives it up.
        """
        for library, _ in self._blas:
            library.set_num_threads(1)
        try:
            yield
        finally:
            for library, threads in self._blas:
                library.set_num_threads(threads)
                getattr(library, "clear_controlling_thread", lambda: None)()

    def _hire(self) -> None:
        todo: SimpleQueue[Any] = SimpleQueue()
        arguments = (self._local, todo)
        try:
            threading.Thread(target=_serve, args=arguments, daemon=True).start()
        except RuntimeError as error:
            raise FFNPError(
                f"the system gives no thread beside {threading.active_count()}: raise its limit "
                "(ulimit -u), or set OPENBLAS_NUM_THREADS=1"
            ) from error
        self._todo.append(todo)
        weakref.finalize(self, todo.put, None)  # the thread ends with the team


class _Call:
    """So many tasks of one call, done by other threads."""

    def __init__(self, tasks: int) -> None:
        self._tasks = tasks
        self._ended: list[None] = []
        self._bell: SimpleQueue[None] = SimpleQueue()
        self.failures: list[BaseException] = []

    def do(self, task: Task) -> None:
        """By another thread."""
        try:
            task()
        except BaseException as error:
            self.failures.append(error)
        self._ended.append(None)
        self._bell.put(None)

    def wait(self) -> None:
        """Until all have ended; a signal's exception counts as a failure, and ends nothing."""
        while len(self._ended) < self._tasks:  # the bell may have rung for an interrupted `get`
            try:
                self._bell.get()
            except BaseException as interrupt:
                self.failures.append(interrupt)


def _serve(local: threading.local, todo: "SimpleQueue[tuple[_Call, Task] | None]") -> None:
    local.at_work = True
    while (order := todo.get()) is not None:
        call, task = order
        call.do(task)
        del order, call, task  # a thread that waits keeps no array alive
