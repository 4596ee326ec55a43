"""A few threads that work side by side, with one BLAS thread each."""

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any

from threadpoolctl import ThreadpoolController

Task = Callable[[], None]


class Team:
    """Threads that call functions side by side.

    BLAS may share out each product among threads of its own, but then the threads meet after
    every product, all other passes run on one core, and what one core has in its cache is
    another's part of the next pass. Here a thread takes its images through many operations before
    it meets the others. Meanwhile BLAS is kept to one thread; its number is restored afterwards.

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
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._local = threading.local()

    @property
    def number(self) -> int | None:
        """The calling thread's, from 0, while the team is at work; None otherwise."""
        return getattr(self._local, "number", None)

    def __call__(self, tasks: Sequence[Task]) -> None:
        """Call each function in a thread of its own, the first in the caller's; wait for all.

        Whatever one of them raises is raised again, when all have ended.
        """
        while len(self._todo) < len(tasks) - 1:
            self._hire()
        with self._blas_alone():
            for todo, task in zip(self._todo, tasks[1:], strict=False):
                todo.put(partial(copy_context().run, task))  # with NumPy's errstate
            self._local.number = 0
            try:
                tasks[0]()
            finally:
                self._local.number = None
                failures = [self._done.get() for _ in tasks[1:]]
        for failure in filter(None, failures):
            raise failure

    @contextmanager
    def _blas_alone(self) -> Iterator[None]:
        """One BLAS thread for a while (threadpoolctl's own context takes 30 times as long)."""
        for library, _ in self._blas:
            library.set_num_threads(1)
        try:
            yield
        finally:
            for library, threads in self._blas:
                library.set_num_threads(threads)

    def _hire(self) -> None:
        todo: SimpleQueue[Any] = SimpleQueue()
        self._todo.append(todo)
        arguments = (self._local, len(self._todo), todo, self._done)
        threading.Thread(target=_serve, args=arguments, daemon=True).start()
        weakref.finalize(self, todo.put, None)  # the thread ends with the team


def _serve(
    local: threading.local,
    number: int,
    todo: "SimpleQueue[Task | None]",
    done: "SimpleQueue[BaseException | None]",
) -> None:
    local.number = number
    while (task := todo.get()) is not None:
        failure = None
        try:
            task()
        except BaseException as error:
            failure = error
        del task  # a thread that waits keeps no array alive
        done.put(failure)
