"""Everything that needs a GPU, in one command, with a report to send back.

    FFNP_REQUIRE_GPU=1 python benchmarks/gpu_report.py --out gpu_report.json

From a checkout with `pip install '.[cuda12,test]'`. Takes about five minutes.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from ffnp.backends.selection import make_backend, unavailable
from ffnp.bench import CASES, Step, machine, products, validate

COMMANDS = {
    "tests": ["pytest", "-m", "gpu", "-q", "-rs"],
    "gradcheck": ["ffnp_cli", "gradcheck", "--backend", "cupy", "--json"],
    "bench": ["ffnp_cli", "bench", "--backend", "cupy", "--json"],
    "train": ["ffnp_cli", "train", "--backend", "cupy", "--epochs", "5", "--json"],
}
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


def step_times() -> dict[str, Any]:
    """Host and device microseconds of a step and of its products alone, and losses validated."""
    from cupyx.profiler import benchmark

    backend, dtype, found = make_backend("cupy"), np.dtype(np.float32), {}
    for name, shapes in CASES.items():
        validate(backend, shapes, dtype)
        figures = {"gflop": shapes.flop / 1e9}
        works = {"step": Step(backend, shapes, dtype), "products": products(backend, shapes, dtype)}
        for part, work in works.items():
            times = benchmark(work, n_repeat=300, n_warmup=20)
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
def main(out: Path) -> None:
    """Run all parts; exit status 1 if one failed."""
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "machine": machine,
        "device": device,
        "step_times": step_times,
    }
    parts |= {name: lambda command=command: run(command) for name, command in COMMANDS.items()}
    folder = tempfile.TemporaryDirectory()
    parts["train"] = lambda: run([*COMMANDS["train"], "--out", f"{folder.name}/run"])
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
