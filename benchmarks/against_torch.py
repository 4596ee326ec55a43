"""The same training step and prediction in PyTorch: how many times faster ffnp is.

    pip install torch                    # only for this
    python benchmarks/against_torch.py --json torch.json

The network in three styles: *usual* (a pass for the positives, a pass for the negatives, an Adam
a layer), *one batch* (positives and negatives in one, one Adam), *compiled* (that under
torch.compile, with the fused Adam); and prediction by a full pass for each label. Weights, images
and labels are the same, and results are compared before anything is timed
(`ffnp/bench/pytorch.py`). PyTorch's images are scaled beforehand, which ffnp does in each step.
"""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from ffnp.backends.selection import make_backend
from ffnp.bench import Shapes, machine

SHAPES, FLOAT32 = Shapes(), np.dtype(np.float32)


def print_table(title: str, seconds: dict[str, float], names: tuple[str, ...]) -> None:
    """Milliseconds, and how many times faster the backends are than each style."""
    click.echo(f"\n{title:24}{'ms':>9}" + "".join(f"{name + ' is':>12}" for name in names))
    for key, each in seconds.items():
        times = "" if key in names else "".join(f"{each / seconds[n]:11.2f}x" for n in names)
        click.echo(f"{key:24}{1e3 * each:9.2f}{times}")


@click.command(help=__doc__)
@click.option("--backend", "names", multiple=True, default=("numpy", "numba"), show_default=True)
@click.option("--rounds", default=200, show_default=True, help="Steps a median is taken of.")
@click.option("--images", default=10_000, show_default=True, help="That are predicted.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the figures here.")
def main(names: tuple[str, ...], rounds: int, images: int, path: Path | None) -> None:
    """Validate, measure, print two tables."""
    try:
        from ffnp.bench.pytorch import VERSION, prediction, training
    except ImportError as error:
        raise click.ClickException("PyTorch is not installed: pip install torch") from error
    about = machine() | {"torch": VERSION}
    click.echo("\n".join(f"{key}: {value}" for key, value in about.items()))
    found: dict[str, Any] = {"machine": about, "rounds": rounds, "images": images}
    backends = {name: make_backend(name) for name in names}
    found["step_seconds"], failures = training(backends, SHAPES, FLOAT32, rounds)
    for label, reason in failures.items():
        click.echo(f"{label}: not measured: {reason}", err=True)
    print_table("step", found["step_seconds"], names)
    few = max(1, rounds // 10)
    found["prediction_seconds"] = prediction(backends, SHAPES, FLOAT32, images, few)
    print_table(f"prediction of {images}", found["prediction_seconds"], names)
    if path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
