"""A training step and prediction of each backend against their matrix products alone.

    python benchmarks/step.py --json step.json
    python benchmarks/step.py --case mnist --backend numba --profile
    python benchmarks/step.py --recipe best

The floor is NumPy's products with BLAS's own threads, on arrays that exist already. The floor and
the backends are called in turn in one process; each figure is a median of many. Before they are
timed their results are compared with the reference backend's. The limit ratio counts what Adam
must move in memory into the floor.
"""

import json
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import click
import numpy as np

import ffnp
from ffnp.backends.reference import Backend
from ffnp.backends.selection import make_backend
from ffnp.bench import (
    CASES,
    Shapes,
    Step,
    compare_predictions,
    compare_steps,
    interleaved,
    is_busy,
    machine,
    validate,
)

PREDICTION = "mnist-prediction"
NETWORK = ("method", "gamma", "gamma_scale", "joined", "hidden_length")  # of a recipe
PARTS = ("unit_dropout", "pixel_dropout", "weight_decay")
IMAGES = 10_000  # that are predicted
LARGE = 1e10  # FLOP above which a tenth of the calls will do


class Profile:
    """Seconds that the calling thread spends in each operation of a backend.

    The caller takes the first part of a batch, and waits for the others: `run` is that waiting.
    """

    def __init__(self, backend: Backend) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner: list[float] = []  # of the calls under way: time spent in calls they make
        for name in dir(Backend):
            if not name.startswith("_") and callable(getattr(Backend, name)):
                setattr(backend, name, self._timed(name, getattr(backend, name)))
        self._caller = threading.current_thread()

    def _timed(self, name: str, operation: Any) -> Any:
        def timed(*arguments: Any, **named: Any) -> Any:
            if threading.current_thread() is not self._caller:
                return operation(*arguments, **named)
            self._inner.append(0.0)
            start = time.perf_counter()
            try:
                return operation(*arguments, **named)
            finally:
                elapsed = time.perf_counter() - start
                self.seconds[name] += elapsed - self._inner.pop()
                if self._inner:
                    self._inner[-1] += elapsed

        return timed


def profile(name: str, case: str, dtype: np.dtype[Any], rounds: int) -> dict[str, float]:
    """Mean milliseconds of each operation in a step, the rest as `python`."""
    backend = make_backend(name)
    step = Step(backend, CASES[case], dtype)
    step()
    watch = Profile(backend)
    start = time.perf_counter()
    for _ in range(rounds):
        step()
    total = time.perf_counter() - start
    found = watch.seconds | {"python": total - sum(watch.seconds.values()), "step": total}
    return {key: 1e3 * seconds / rounds for key, seconds in found.items()}


def print_profile(cases: tuple[str, ...], names: tuple[str, ...], dtype: str, rounds: int) -> Any:
    """Measure and print, largest first."""
    found: dict[str, Any] = {}
    for case in cases:
        for name in names:
            figures = found.setdefault(case, {})[name] = profile(
                name, case, np.dtype(dtype), rounds
            )
            total = figures["step"]
            click.echo(f"\n{case}, {name}, the calling thread:{'':8}ms of the step")
            for key, ms in sorted(figures.items(), key=lambda pair: -pair[1]):
                click.echo(f"  {key:34}{ms:9.3f}{ms / total:9.1%}")
    return found


def print_table(cases: tuple[str, ...], names: tuple[str, ...], dtype: str, rounds: int) -> Any:
    """Measure and print."""
    found: dict[str, Any] = {}
    click.echo(f"{'case':18}{'':10}{'ms':>9}{'GFLOP/s':>9}  floor ratio  limit ratio")
    for case in cases:
        if case == PREDICTION:
            few = max(1, rounds // 10)
            figures = compare_predictions(names, CASES["mnist"], np.dtype(dtype), few, IMAGES)
        else:
            calls = max(1, rounds // 10) if CASES[case].flop > LARGE else rounds
            figures = compare_steps(names, CASES[case], np.dtype(dtype), calls)
        found[case] = figures
        for name, each in figures.items():
            click.echo(
                f"{case if name == 'floor' else '':18}{name:10}{1e3 * each['seconds']:9.3f}"
                f"{each['gflops']:9.0f}{each['floor_ratio']:13.3f}"
                f"{each.get('limit_ratio', each['floor_ratio']):13.3f}"
                f"{'  busy machine' if is_busy(each) else ''}"
            )
    return found


def print_parts(recipe: str, names: tuple[str, ...], dtype: str, rounds: int) -> Any:
    """Measure and print what a recipe's masks and decay add to the step of its network."""
    given = ffnp.recipe(recipe)
    network, parts = ({k: given[k] for k in kind if k in given} for kind in (NETWORK, PARTS))
    kinds = {"plain": network, "with parts": network | parts}
    steps = {
        (name, kind): validate(
            make_backend(name), Shapes(rows=10, options=options), np.dtype(dtype)
        )
        for name in names
        for kind, options in kinds.items()
    }
    times = interleaved({" ".join(key): step for key, step in steps.items()}, rounds)
    for name in names:
        plain, whole = (1e3 * times[f"{name} {kind}"] for kind in kinds)
        click.echo(
            f"recipe {recipe}, {name}: {plain:.3f} ms without {', '.join(parts)}, {whole:.3f} "
            f"with: {whole / plain:.3f} of the time"
        )
    return times


@click.command(help=__doc__)
@click.option("--case", "cases", type=click.Choice([*CASES, PREDICTION]), multiple=True)
@click.option("--backend", "names", multiple=True, default=("numpy", "numba"), show_default=True)
@click.option("--rounds", default=200, show_default=True, help="Calls a median is taken of.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32")
@click.option("--profile", "profiling", is_flag=True, help="Where the time of a step goes.")
@click.option("--recipe", help="What its masks and decay add to a step.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the figures here.")
def main(
    cases: tuple[str, ...],
    names: tuple[str, ...],
    rounds: int,
    dtype: str,
    profiling: bool,
    recipe: str | None,
    path: Path | None,
) -> None:
    """Validate, measure, print a table."""
    found = {"machine": machine(), "dtype": dtype, "rounds": rounds}
    click.echo("\n".join(f"{key}: {value}" for key, value in found["machine"].items()))
    if recipe:
        found["seconds"] = print_parts(recipe, names, dtype, rounds)
    elif profiling:
        cases = tuple(case for case in cases or CASES if case != PREDICTION)
        found["profile_ms"] = print_profile(cases, names, dtype, rounds)
    else:
        found["cases"] = print_table(cases or (*CASES, PREDICTION), names, dtype, rounds)
    if path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
