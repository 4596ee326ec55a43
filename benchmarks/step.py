"""Time one training step of each backend against its matrix products alone.

    python benchmarks/step.py --case mnist --case wide --backend numba --json step.json

The floor and the steps are called in turn in one process; each figure is a median of many.
"""

import json
from pathlib import Path

import click
import numpy as np

from ffnp.benchmark import Shapes, compare, machine

CASES = {
    "mnist": Shapes(),
    "mnist-all-labels": Shapes(rows=10),
    "cifar10": Shapes(pixels=3072),
    "wide": Shapes(hidden=(2000, 2000, 2000)),
}


@click.command(help=__doc__)
@click.option("--case", "cases", type=click.Choice(list(CASES)), multiple=True, default=CASES)
@click.option("--backend", "names", multiple=True, default=("numpy", "numba"), show_default=True)
@click.option("--rounds", default=200, show_default=True, help="Calls a median is taken of.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the figures here.")
def main(
    cases: tuple[str, ...], names: tuple[str, ...], rounds: int, dtype: str, path: Path | None
) -> None:
    """Validate, measure, print a table."""
    found = {"machine": machine(), "dtype": dtype, "rounds": rounds, "cases": {}}
    click.echo("\n".join(f"{key}: {value}" for key, value in found["machine"].items()))
    click.echo(f"{'case':18}{'':10}{'ms':>9}{'GFLOP/s':>9}  floor ratio")
    for case in cases:
        measured = compare(names, CASES[case], np.dtype(dtype), rounds)
        found["cases"][case] = measured
        click.echo(
            f"{case:18}{'floor':10}{1e3 * measured['floor_seconds']:9.3f}{measured['gflops']:9.0f}"
        )
        for name, figures in measured["backends"].items():
            click.echo(
                f"{'':18}{name:10}{1e3 * figures['seconds']:9.3f}{figures['gflops']:9.0f}"
                f"{figures['floor_ratio']:13.3f}"
            )
    if path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
