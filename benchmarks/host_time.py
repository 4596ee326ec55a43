"""Host microseconds of a training step on the CuPy backend, without a GPU: ffnp's own Python.

    python benchmarks/host_time.py                     # this checkout
    python benchmarks/host_time.py --against CHECKOUT  # and another one, in turn

With CuPy installed (`pip install '.[cuda-check]'`), whose arrays these are, views and all; what
would go to the device, launches and products, is replaced by nothing. What CuPy spends on those is
not in the figures, and no GPU either.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np

from ffnp.bench import CASES, Step

STEPS = 200  # of a batch of steps that is timed


class Idle:
    """`cupy` without a device: its arrays lie in host memory, and nothing is done with them."""

    def __init__(self) -> None:
        import cupy

        self._cupy = cupy
        for name in ("__setitem__", "__imul__", "__iadd__", "set"):
            setattr(cupy.ndarray, name, lambda self, *_, **__: self)
        device = SimpleNamespace(use=lambda: None, id=0)
        runtime = SimpleNamespace(getDevice=int, setDevice=lambda number: None)
        self.cuda = SimpleNamespace(Device=lambda number: device, runtime=runtime)
        self.operations = 0

    def empty(self, shape: Sequence[int], dtype: Any) -> Any:
        """An array of CuPy's class."""
        return self.asarray(np.zeros(shape, dtype))

    def asarray(self, a: Any) -> Any:
        """The same, of the size of a host array."""
        memory = self._cupy.cuda.memory.UnownedMemory(a.ctypes.data, max(a.nbytes, 1), a, 0)
        pointer = self._cupy.cuda.memory.MemoryPointer(memory, 0)
        return self._cupy.ndarray(a.shape, a.dtype, pointer)

    def matmul(self, *arrays: Any, out: Any = None) -> None:
        """Nothing but a count."""
        self.operations += 1

    dot = matmul

    def RawModule(self, **source: Any) -> Any:  # noqa: N802
        """Kernels that do nothing."""

        def launch(grid: Any, block: Any, arguments: Any) -> None:
            self.operations += 1

        return SimpleNamespace(get_function=lambda name: launch)


def idle_step(case: str) -> tuple[Callable[[], None], Idle]:
    """A step whose device does nothing."""
    idle = Idle()
    sys.modules["cupy"] = idle  # type: ignore[assignment]
    from ffnp.backends.cupy_backend import CupyBackend

    return Step(CupyBackend(), CASES[case], np.dtype(np.float32)), idle


def serve(case: str) -> None:
    """For each line that comes in, print the microseconds of a step, a mean of many."""
    step, idle = idle_step(case)
    for _ in range(STEPS):
        step()
    for _ in sys.stdin:
        idle.operations, start = 0, time.process_time()
        for _ in range(STEPS):
            step()
        seconds = time.process_time() - start
        print(json.dumps([1e6 * seconds / STEPS, idle.operations / STEPS]), flush=True)


@click.command(help=__doc__)
@click.option("--against", type=click.Path(path_type=Path, exists=True), help="Another checkout.")
@click.option("--case", type=click.Choice(list(CASES)), default="mnist")
@click.option("--rounds", default=30)
@click.option("--served", is_flag=True, hidden=True)
def main(against: Path | None, case: str, rounds: int, served: bool) -> None:
    """Time this checkout, and another in turn."""
    if served:
        return serve(case)
    here = Path(__file__).resolve().parents[1]
    servers = {}
    for name, checkout in {"this": here, "other": against}.items():
        if checkout is not None:
            servers[name] = subprocess.Popen(
                [sys.executable, __file__, "--served", "--case", case],
                env={**os.environ, "PYTHONPATH": str(Path(checkout).resolve())},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
    figures: dict[str, list[list[float]]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, server in servers.items():
            print(file=server.stdin, flush=True)
            figures[name].append(json.loads(server.stdout.readline()))
    for name, server in servers.items():
        server.communicate()
        microseconds = [each for each, _ in figures[name]]
        median, least = statistics.median(microseconds), min(microseconds)
        operations = figures[name][-1][1]
        click.echo(
            f"{name}: {median:.1f} us a step (least {least:.1f}), {operations:.0f} operations"
        )


if __name__ == "__main__":
    main()
