"""Everything that needs a GPU, in one command, with a report to send back.

    FFNP_REQUIRE_GPU=1 python benchmarks/gpu_report.py --out gpu_report.json

From a checkout with `pip install '.[gpu,test]'`. Takes about five minutes; with --trial, which
shows whether the report itself works, seconds.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from ffnp.backends.selection import make_backend, unavailable
from ffnp.bench import CASES, Shapes, Step, machine, products, validate

COMMANDS = {
    "tests": ["pytest", "tests/cuda", "-m", "gpu", "-q", "-rs", "-n", "0"],  # one GPU
    "gradcheck": ["ffnp_cli", "gradcheck", "--backend", "cupy", "--json"],
    "bench": ["ffnp_cli", "bench", "--backend", "cupy", "--json"],
    "train": ["ffnp_cli", "train", "--backend", "cupy", "--json"],
}
LAST = {  # options of a command: of the whole report, and of a trial
    "train": (
        ["--epochs", "5"],
        "--limit-train 100 --limit-test 50 --epochs 1 --batch-size 50 --hidden 9,8".split(),
    ),
    "bench": ([], "--rounds 2 --hidden 9,8 --batch-size 20".split()),
    "gradcheck": ([], ["--objective", "pairwise"]),
    "tests": ([], ["-k", "waits or (adam and float32) or (sgd and float64)"]),
}
TRIAL = {"mnist": Shapes(batch=20, hidden=(9, 8))}
CHECKOUT = Path(__file__).parents[1]  # pytest finds the tests from here


def device() -> dict[str, Any]:
    """The GPU and CUDA's versions."""
    import cupy

    runtime = cupy.cuda.runtime
    properties = runtime.getDeviceProperties(0)
    return {
        "name": properties["name"].decode(),
        "compute_capability": f"{properties['major']}.{properties['minor']}",
        "multiprocessors": properties["multiProcessorCount"],
        "memory_bytes": properties["totalGlobalMem"],
        "driver": runtime.driverGetVersion(),
        "runtime": runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
    }


def step_times(cases: dict[str, Shapes], repeats: int) -> dict[str, Any]:
    """Host and device microseconds of a step and of its products alone, and losses validated."""
    from cupyx.profiler import benchmark

    backend, dtype, found = make_backend("cupy"), np.dtype(np.float32), {}
    for name, shapes in cases.items():
        validate(backend, shapes, dtype)
        figures = {"gflop": shapes.flop / 1e9}
        works = {"step": Step(backend, shapes, dtype), "products": products(backend, shapes, dtype)}
        for part, work in works.items():
            times = benchmark(work, name=part, n_repeat=repeats, n_warmup=20)
            figures[f"{part}_host_us"] = 1e6 * float(np.median(times.cpu_times))
            figures[f"{part}_device_us"] = 1e6 * float(np.median(times.gpu_times))
        found[name] = figures
    return found


def run(command: list[str]) -> dict[str, Any]:
    """Exit status and the end of the output of a Python module's command."""
    module, *arguments = command
    code = {"ffnp_cli": ["-c", "from ffnp_cli.main import main; main()"]}
    start = [sys.executable, *code.get(module, ["-m", module])]
    done = subprocess.run([*start, *arguments], capture_output=True, text=True, cwd=CHECKOUT)
    return {
        "status": done.returncode,
        "stdout": done.stdout[-20000:],
        "stderr": done.stderr[-5000:],
    }


def attempt(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a part of the report gives, or why it failed."""
    try:
        return work()
    except Exception as error:  # the report shall tell, not stop
        return {"status": 1, "error": f"{type(error).__name__}: {error}"}


@click.command(help=__doc__)
@click.option("--out", type=click.Path(path_type=Path), default=Path("gpu_report.json"))
@click.option("--trial", is_flag=True, help="Little of each part.")
@click.option("--without", multiple=True, type=click.Choice(list(COMMANDS)), help="Leave out.")
def main(out: Path, trial: bool, without: tuple[str, ...]) -> None:
    """Run all parts; exit status 1 if one failed."""
    cases, repeats = (TRIAL, 2) if trial else (CASES, 300)
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "machine": machine,
        "device": device,
        "step_times": lambda: step_times(cases, repeats),
    }
    folder = tempfile.TemporaryDirectory()
    for name in (each for each in COMMANDS if each not in without):
        more = [*LAST[name][trial], *(["--out", f"{folder.name}/run"] if name == "train" else [])]
        parts[name] = partial(run, [*COMMANDS[name], *more])
    reason = unavailable("cupy")
    if reason is not None:
        click.echo(f"nothing below will run: {reason}", err=True)
    report = {}
    for name, work in parts.items():
        report[name] = attempt(work)
        failed = report[name].get("status", 0) != 0
        click.echo(f"{name}: {'FAILED' if failed else 'done'}")
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    click.echo(f"written to {out}: please send it back, whatever it says")
    sys.exit(any(part.get("status", 0) for part in report.values()))


if __name__ == "__main__":
    main()
