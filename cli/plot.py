"""`ffnp plot`: pictures of stored runs."""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from ffnp.config import Config
from ffnp.errors import FFNPError, InputWarning
from ffnp.plotting import (
    check_suffix,
    common_legend,
    draw_curves,
    draw_entropy,
    draw_layers,
    draw_pairs,
    drawing,
    literal,
    new_parts,
    one_scale,
    save,
)
from ffnp.runs.folder import Run
from ffnp.scoring.analysis import KINDS
from ffnp.scoring.evaluation import evaluate

from .options import Location, Plain
from .stored import data_dir_option, data_of, dataset_option, model_of, names_of

ACROSS = 4  # runs, side by side


@click.command(cls=Plain)
@click.argument("runs", type=Location(), nargs=-1, required=True)
@click.option("-o", "--output", type=Location(), required=True, metavar="FILE.png|.svg")
@dataset_option
@data_dir_option
@drawing()  # that nothing can draw is known before anything is evaluated
def plot(runs: tuple[Path, ...], output: Path, dataset: str | None, data_dir: str | None) -> None:
    """Draw errors of layers and groups, learning curves and, where recorded, entropies.

    \b
    Example:
      ffnp plot runs/20261123-150000-mnist-collab-0 -o run.png
    """
    check_suffix(output)
    results = {
        name: _result(folder, dataset, data_dir)
        for name, folder in zip(names_of(runs), runs, strict=True)
    }
    measured = {name: result for name, result in results.items() if "test_error" in result}
    recorded = {name for r in results.values() for record in r["metrics"] for name in record}
    drawn: list[Callable[..., None]] = [draw_pairs]
    if "test_error" in recorded:
        drawn.append(partial(draw_curves, training=True))
    if "analysis" in recorded:
        drawn += [partial(draw_entropy, kind=kind) for kind in KINDS]
    across = max(min(len(measured), ACROSS), len(drawn))
    rows = -(-len(measured) // across)
    figure, parts = new_parts(*[(rows, across)][: len(measured)], (1, across))
    *_, (_, epochs) = parts
    if measured:
        layers = parts[0][1]
        for axis, (name, result) in zip(layers.flat, measured.items(), strict=False):
            draw_layers(axis, result)
            axis.set_title(f"{literal(name)}\n{_title(result)}", fontsize=8)
        one_scale(layers.flat)
    for axis, draw in zip(epochs.flat, drawn, strict=False):
        draw(axis, results)
    for part, axes in parts:
        for axis in axes.flat:
            axis.set_visible(axis.has_data())
        common_legend(part)
    save(figure, output)
    click.echo(str(output))


def _title(result: dict[str, Any]) -> str:
    """What a run trained, on what."""
    config = Config.from_dict(result["config"])
    method = f"{config.method} {config.gamma}" if config.method == "collab" else config.method
    return literal(f"{Path(config.dataset).stem}, {method}, schedule {config.schedule}")


def _result(folder: Path, dataset: str | None, data_dir: str | None) -> dict[str, Any]:
    """A run's record, and its test errors: those of its last epoch, or measured from its model."""
    run = Run(folder)
    metrics = run.metrics()
    if metrics and dataset is None and "test_error" in metrics[-1]:
        errors, config = metrics[-1]["test_error"], run.config()
        return {"test_error": errors, "metrics": metrics, "config": config.to_dict()}
    try:
        model = model_of(folder)
        data, config = data_of(model, dataset, data_dir)
        test = data.tested()
    except FFNPError as error:
        if not metrics:
            raise
        text = f"errors of layers are not drawn: {error}"
        warnings.warn(text, InputWarning, stacklevel=2)
        return {"metrics": metrics, "config": run.config().to_dict()}
    errors = evaluate(model, test).to_dict()
    return {"test_error": errors, "metrics": metrics, "config": config.to_dict()}
