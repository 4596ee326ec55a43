"""Runs on the workers of a Dask cluster."""

import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

from ffnp.errors import FFNPError, InputWarning, TrainingError, brief, importing, in_short
from ffnp.reproduction.running import StopFile
from ffnp.reproduction.workers import STOPPED, TIMEOUT, Workers

SOON = 3  # seconds without a worker until it is said


@contextmanager
def dask_cluster(address: str, stop: StopFile) -> Iterator[Workers]:
    """The workers of the Dask scheduler at an address."""
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
