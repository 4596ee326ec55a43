"""Whole trainings: wall time against bare steps, what an epoch adds to its steps, peak memory.

    python benchmarks/epoch.py --backend numba --epochs 20
    python benchmarks/epoch.py --run mnist --run mnist-layer --epochs 10
    python benchmarks/epoch.py --run cifar10 --data-dir DATA --epochs 2

Each run is one training in a process of its own, stored in a run's folder. *Bare
steps* are those of `ffnp bench`, measured before and after; *overhead* is what of the training's
time lies outside its steps: shuffling, wrong labels, metrics, checkpoints.
"""

import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

import ffnp
from ffnp.backends.selection import make_backend
from ffnp.bench import CASES, Step, interleaved, machine, peak_memory
from ffnp.training.trainer import Trainer

RUNS = {  # a case of the bare step, the training's options, batches of an epoch
    "mnist": ("mnist", {}, 300),
    "mnist-all-labels": ("mnist-all-labels", {"objective": "softmax"}, 300),
    "mnist-layer": ("mnist", {"schedule": "layer", "gamma": "previous"}, 300),
    "cifar10": ("cifar10", {"dataset": "cifar10"}, 250),
}
PHASES = 3  # of the schedule "layer", with three layers
ROUNDS = 100


def train(options: dict[str, Any], folder: str, connection: Any) -> None:
    """Train and store a run; sends its result, the steps' seconds, and megabytes at most."""
    in_steps, step = 0.0, Trainer._step

    def timed(*anything: Any) -> None:
        nonlocal in_steps
        start = time.perf_counter()
        step(*anything)
        in_steps += time.perf_counter() - start

    Trainer._step = timed  # type: ignore[method-assign]
    result = ffnp.train(ffnp.Config(**options), folder)
    connection.send((result.to_dict(), in_steps, peak_memory()))


def in_a_process(function: Callable[..., None], *arguments: Any) -> Any:
    """What a function sends from a fresh process."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=function, args=(*arguments, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise click.ClickException("the training failed; see above") from None
    finally:
        process.join()


def measure(name: str, backend: str, epochs: int, data_dir: str | None) -> dict[str, float]:
    """One training between two measurements of the bare step."""
    case, options, batches = RUNS[name]
    step = Step(make_backend(backend), CASES[case], np.dtype(np.float32))
    before = interleaved({"step": step}, ROUNDS)["step"]
    options = {"backend": backend, "epochs": epochs, "data_dir": data_dir, **options}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result, in_steps, peak = in_a_process(train, options, f"{folder}/run")
        wall = time.perf_counter() - start
    bare = (before + interleaved({"step": step}, ROUNDS)["step"]) / 2
    seconds = result["train_seconds"]
    return {
        "wall_seconds": wall,
        "train_seconds": seconds,
        "bare_step_ms": 1e3 * bare,
        "wall_against_bare_steps": wall / (epochs * batches * bare),
        "training_against_bare_steps": seconds / (epochs * batches * bare),
        "overhead_percent": 100 * (seconds - in_steps) / seconds,
        "peak_memory_mb": peak,
        "test_error": result["test_error"]["all"],
    }


@click.command(help=__doc__)
@click.option("--run", "runs", type=click.Choice(list(RUNS)), multiple=True, default=("mnist",))
@click.option("--backend", "names", multiple=True, default=("numpy", "numba"), show_default=True)
@click.option("--epochs", default=3, show_default=True)
@click.option("--data-dir", help="Where CIFAR-10 is.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the figures here.")
def main(
    runs: tuple[str, ...],
    names: tuple[str, ...],
    epochs: int,
    data_dir: str | None,
    path: Path | None,
) -> None:
    """Train, print a table, compare the schedules if both were run."""
    found: dict[str, Any] = {"machine": machine(), "epochs": epochs, "runs": {}}
    click.echo("\n".join(f"{key}: {value}" for key, value in found["machine"].items()))
    for backend in names:
        for name in runs:
            figures = measure(name, backend, epochs, data_dir)
            found["runs"].setdefault(backend, {})[name] = figures
            click.echo(f"\n{name}, {backend}, {epochs} epochs")
            click.echo("\n".join(f"  {key:26}{value:10.3f}" for key, value in figures.items()))
        if {"mnist", "mnist-layer"} <= set(runs):
            one, three = (found["runs"][backend][run] for run in ("mnist", "mnist-layer"))
            ratio = three["train_seconds"] / one["train_seconds"]
            found["runs"][backend]["layer_against_network"] = ratio
            click.echo(f"\nlayer, {PHASES} x {epochs} epochs, against network: {ratio:.3f}")
    if path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
