"""Seconds until something happens: imports, help, and `ffnp train` from command to first batch.

    python benchmarks/first_use.py                           # this environment
    python benchmarks/first_use.py --against OTHER/bin/python # and another one's ffnp, in turn

Each figure is a median of processes of their own, Python's start included, in a warm state: files
are in the system's cache, and numba's machine code is in its own. *compiling* is the first batch
with numba's cache empty; what it takes more than warm is compilation.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from ffnp.bench import machine

PROGRAM = "from ffnp_cli.main import main; main()"
TO_FIRST_BATCH = f"""
import os
from ffnp_cli import train
train.Bars.batch = lambda *_: os._exit(0)
{PROGRAM}
"""
EVERYTHING = "from ffnp import *"
CASES: dict[str, tuple[str, ...]] = {
    "python": ("pass",),
    "import ffnp": ("import ffnp",),
    EVERYTHING: (EVERYTHING,),
    "ffnp --help": (PROGRAM, "--help"),
    "ffnp train --help": (PROGRAM, "train", "--help"),
    "first batch, numpy": (TO_FIRST_BATCH, "train", "--backend", "numpy"),
    "first batch, numba": (TO_FIRST_BATCH, "train", "--backend", "numba"),
}
COMPILING = "compiling, numba"


def seconds(python: str, case: tuple[str, ...], **variables: str) -> float:
    """Of a process, from its start to its end."""
    code, *arguments = case
    with tempfile.TemporaryDirectory() as folder:
        if code == TO_FIRST_BATCH:
            arguments += ["--out", f"{folder}/run"]
        command = [python, "-c", code, *arguments]
        start = time.perf_counter()
        done = subprocess.run(
            command, env=os.environ | variables, cwd=folder, capture_output=True, text=True
        )  # not here, where another ffnp may be
        elapsed = time.perf_counter() - start
    if done.returncode:
        raise click.ClickException(f"{case}: {done.stderr}")
    return elapsed


def compiling(python: str) -> float:
    """Seconds to the first batch with an empty cache of numba's."""
    with tempfile.TemporaryDirectory() as cache:
        return seconds(python, CASES["first batch, numba"], NUMBA_CACHE_DIR=cache)


@click.command(help=__doc__)
@click.option("--against", help="Python of another environment with ffnp.")
@click.option("--rounds", default=11, show_default=True)
@click.option("--compilations", default=3, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the figures here.")
def main(against: str | None, rounds: int, compilations: int, path: Path | None) -> None:
    """Measure in turn, print a table."""
    pythons = {"this": sys.executable} | ({"other": against} if against else {})
    times: dict[str, dict[str, list[float]]] = {}
    for count in range(rounds + 1):
        for case, program in CASES.items():
            for name, python in pythons.items():
                found = seconds(python, program)
                if count:  # else files are read for the first time
                    times.setdefault(case, {}).setdefault(name, []).append(found)
    for _ in range(compilations):
        for name, python in pythons.items():
            times.setdefault(COMPILING, {}).setdefault(name, []).append(compiling(python))
    figures: dict[str, Any] = {"machine": machine(), "seconds": {}}
    click.echo("\n".join(f"{key}: {value}" for key, value in figures["machine"].items()))
    click.echo(f"\n{'seconds, medians':24}" + "".join(f"{name:>8}" for name in pythons))
    for case, of_case in times.items():
        medians = {name: float(np.median(each)) for name, each in of_case.items()}
        figures["seconds"][case] = medians
        click.echo(f"{case:24}" + "".join(f"{each:8.3f}" for each in medians.values()))
    if path:
        path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
