"""How the floor ratio of a training step depends on sizes, threads and precision.

    python benchmarks/scaling.py --json scaling.json --figure docs/figures/scaling.svg
    python benchmarks/scaling.py --axis width --json scaling.json      # one axis, the others kept

Each axis changes one thing of MNIST's step (784 pixels, 3 x 500, batch 200, R = 2, float32, all
cores). On the axis of classes the objective is softmax over all labels, so R grows with them; on
that of sampled classes R is 10 (and of 10 classes all). On the axis of prediction, which is of
some images, all labels are scored by all layers.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from threadpoolctl import threadpool_limits

from ffnp.bench import CASES, Shapes, compare_predictions, compare_steps, is_busy, machine
from ffnp.plotting import STYLES, check_suffix, drawing, new_figure

MNIST, CORES = CASES["mnist"], os.cpu_count() or 1
CLASSES = (10, 30, 100, 300, 1000)
PREDICTION = "prediction"
CALLS_FLOP = 1e11  # the calls of a case take about as much, 10 to `rounds` of them
IMAGES_FLOP, IMAGES = 2e10, (20, 200)  # images that are predicted take about as much; how many

Case = tuple[Shapes, str, int]  # dtype, threads


def axes() -> dict[str, dict[str, Case]]:
    """The cases, by axis and by the value that is changed."""
    return {
        "width": {
            str(width): (replace(MNIST, hidden=(width,) * 3), "float32", CORES)
            for width in (250, 500, 1000, 2000, 4000)
        },
        "depth": {
            str(depth): (replace(MNIST, hidden=(500,) * depth), "float32", CORES)
            for depth in (1, 2, 3, 5, 8)
        },
        "batch": {
            str(batch): (replace(MNIST, batch=batch), "float32", CORES)
            for batch in (50, 100, 200, 500, 1000, 2000)
        },
        "classes": {
            str(classes): (replace(MNIST, classes=classes, rows=classes), "float32", CORES)
            for classes in (2, 5, 10, 30, 100)
        },
        "sampled classes": {
            str(classes): (replace(MNIST, classes=classes, rows=10), "float32", CORES)
            for classes in CLASSES
        },
        PREDICTION: {
            f"{classes} classes": (replace(MNIST, classes=classes), "float32", CORES)
            for classes in CLASSES
        },
        "threads": {str(threads): (MNIST, "float32", threads) for threads in (1, 2)},
        "data": {
            "mnist": (MNIST, "float32", CORES),
            "fashion-mnist": (MNIST, "float32", CORES),
            "cifar10": (CASES["cifar10"], "float32", CORES),
        },
        "dtype": {
            f"{name} {dtype}": (CASES[name], dtype, CORES)
            for name in ("mnist", "cifar10")
            for dtype in ("float32", "float64")
        },
    }


def measure(axis: str, case: Case, names: tuple[str, ...], rounds: int) -> dict[str, Any]:
    """Times and floor ratios of one case; the times of prediction are of one image."""
    shapes, dtype, threads = case
    calls = int(np.clip(CALLS_FLOP / shapes.flop, min(10, rounds), rounds))
    with threadpool_limits(threads):
        if axis != PREDICTION:
            return compare_steps(names, shapes, np.dtype(dtype), calls)
        images = int(np.clip(IMAGES_FLOP / shapes.forward_flop(1, shapes.classes), *IMAGES))
        found = compare_predictions(names, shapes, np.dtype(dtype), min(10, rounds), images)
    for figures in found.values():
        figures["seconds"] /= images
        figures["floor_seconds"] /= images
    return found


@drawing()
def draw(found: dict[str, Any], names: tuple[str, ...], path: Path) -> None:
    """Floor ratio along each axis."""
    import matplotlib

    figure, panels = new_figure(2, 5)
    panels = panels.reshape(-1)
    for axis, panel in zip(found, panels, strict=False):
        for name, style in zip(names, STYLES, strict=False):
            ratios = [figures[name]["floor_ratio"] for figures in found[axis].values()]
            numbers = all(key.isdigit() for key in found[axis]) and axis != "threads"
            line = style if numbers else style | {"linestyle": ""}
            panel.plot(list(found[axis]), ratios, label=name, **line)
        panel.axhline(1, color="0.6", lw=0.8)
        panel.set(xlabel=axis, ylim=(0, 1.1))
        panel.margins(x=0.15)
        panel.grid(axis="y", alpha=0.3)
    for label in panels[len(found) - 1].get_xticklabels():
        label.set(rotation=25, ha="right")
    for panel in panels[len(found) :]:
        panel.axis("off")
    panels[len(found)].legend(
        *panels[0].get_legend_handles_labels(),
        loc="center",
        title="products alone: 1",
        frameon=False,
    )
    figure.supylabel("time of the products alone / time of a step")
    with matplotlib.rc_context({"svg.hashsalt": "ffnp"}):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


@click.command(help=__doc__)
@click.option("--axis", "chosen", type=click.Choice(list(axes())), multiple=True)
@click.option("--backend", "names", multiple=True, default=("numpy", "numba"), show_default=True)
@click.option("--rounds", default=100, show_default=True, help="Calls of a small case, at most.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Added to, if it exists.")
@click.option("--figure", type=click.Path(path_type=Path), help="Draw into this .svg or .png.")
@click.option("--measure/--no-measure", "measuring", default=True, help="Or draw what is there.")
def main(
    chosen: tuple[str, ...],
    names: tuple[str, ...],
    rounds: int,
    path: Path | None,
    figure: Path | None,
    measuring: bool,
) -> None:
    """Validate, measure, print tables, draw."""
    if figure:
        check_suffix(figure)
    about, found = machine(), {}
    if path and path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))["axes"]
    click.echo("\n".join(f"{key}: {value}" for key, value in about.items()))
    for axis in (chosen or axes()) if measuring else ():
        heads = "".join(f"{name:>9}{'ms':>9}" for name in names)
        click.echo(f"\n{axis:18}{'floor ms':>10}{'GFLOP/s':>9}{heads}")
        found[axis] = {}
        for key, case in axes()[axis].items():
            figures = found[axis][key] = measure(axis, case, names, rounds)
            floor = figures["floor"]
            each = (figures[name] for name in names)
            ratios = "".join(f"{f['floor_ratio']:9.3f}{1e3 * f['seconds']:9.2f}" for f in each)
            busy = "  busy machine" if any(map(is_busy, figures.values())) else ""
            click.echo(
                f"{key:18}{1e3 * floor['seconds']:10.2f}{floor['gflops']:9.0f}{ratios}{busy}"
            )
            if path:
                text = json.dumps({"machine": about, "axes": found}, indent=1)
                path.write_text(text + "\n", encoding="utf-8")
    if figure:
        draw({axis: found[axis] for axis in axes() if axis in found}, names, figure)


if __name__ == "__main__":
    main()
