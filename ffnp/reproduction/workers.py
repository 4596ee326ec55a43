"""Who runs: processes of this machine, or a cluster; all that spreading knows of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

TIMEOUT = 15  # seconds for a cluster to answer
STOPPED = "stopped: the same command goes on from here"


@dataclass(frozen=True)
class Workers:
    """How to submit a call, how futures come back, and what a worker's death raises."""

    submit: Callable[..., Any]  # a function and its plain arguments to a future
    as_completed: Callable[[Iterable[Any]], Iterator[Any]]
    death: type[Exception]
