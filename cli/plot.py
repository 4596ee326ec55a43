"""`ffnp plot`: pictures of stored runs."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any

import click
import numpy as np

from ffnp.backends import Backend
from ffnp.config import Config
from ffnp.data import Split
from ffnp.errors import FFNPError, InputError, InputWarning
from ffnp.model import Model
from ffnp.plotting import (
    Result,
    animate,
    check_moving,
    check_suffix,
    common_legend,
    config_of,
    draw_coefficient,
    draw_confusion,
    draw_curves,
    draw_entropy,
    draw_gamma,
    draw_goodness,
    draw_layer_curves,
    draw_layers,
    draw_pairs,
    drawing,
    literal,
    new_parts,
    one_scale,
    own_legend,
    save,
    seeds_of,
    settings,
)
from ffnp.runs.folder import Run
from ffnp.scoring.analysis import KINDS, ROWS
from ffnp.scoring.evaluation import evaluate, scores

from .completion import runs as complete_runs
from .options import Location
from .plain import Plain
from .stored import data_dir_option, data_of, dataset_option, is_given, model_of, names_of

ACROSS = 4  # pairs of axes, side by side
FEW = 4  # settings of which each is looked at by itself
MOVING = 3  # runs of an animation
FRAMES = 500  # images of which goodness moves

Draw = Callable[[Any], None]  # into a pair of axes


@dataclass(frozen=True)
class Look:
    """What a model says of its test images."""

    split: Split  # a sample of them
    scores: Any  # (L, n, K), of the sample
    confusion: Any  # (K, K), of all
    classes: list[str]  # their names


@click.command(cls=Plain)
@click.argument("runs", type=Location(), shell_complete=complete_runs, nargs=-1, required=True)
@click.option(
    "-o", "--output", type=Location(), required=True, metavar="FILE.png|.svg|.pdf",
    help="The file; with --animate .gif or .apng.",
)  # fmt: skip
@click.option(
    "--animate", "moving", is_flag=True,
    help="Goodness by epoch as a moving picture, of runs with --snapshot-every.",
)  # fmt: skip
@dataset_option
@data_dir_option
@drawing()  # that nothing can draw is known before anything is evaluated
def plot(
    runs: tuple[Path, ...],
    output: Path,
    moving: bool,
    dataset: str | None,
    data_dir: str | None,
) -> None:
    """Draw errors of layers, goodness, which labels are taken for which, and what was recorded.

    Runs that differ by their seed alone are drawn as one, mean and band. By epoch: what `ffnp
    train --evaluate-every` and `--analyse-every` recorded.

    \b
    Examples:
      ffnp plot runs/20261123-150000-mnist-collab-0 -o run.png
      ffnp plot --animate runs/20261123-150000-mnist-collab-0 -o goodness.gif
    """
    named = dict(zip(names_of(runs), runs, strict=True))
    if moving:
        _animate(named, output, dataset, data_dir)
    else:
        _draw(named, output, dataset, data_dir)
    click.echo(str(output))


def _draw(named: dict[str, Path], output: Path, dataset: str | None, data_dir: str | None) -> None:
    check_suffix(output)
    known = {name: _result(folder, dataset, data_dir) for name, folder in named.items()}
    shown = settings(known)
    few = shown if len(shown) <= FEW else {}
    looks = {
        name: look
        for name, result in few.items()
        if (look := _look(seeds_of(result)[0], dataset, data_dir)) is not None
    }
    if not few:
        text = f"goodness and confusions of more than {FEW} settings are not drawn: give fewer runs"
        warnings.warn(text, InputWarning, stacklevel=2)
    titles = {name: _title(name, result, name in known) for name, result in shown.items()}
    first = {n: f"{titles[n]}, seed {config_of(seeds_of(shown[n])[0]).seed}" for n in looks}
    first = {n: title if "seeds" in shown[n] else titles[n] for n, title in first.items()}
    alone: list[list[tuple[str, Draw]]] = [  # of each setting its own pair of axes, kind by kind
        [
            (titles[n], partial(draw_layers, result=r))
            for n, r in shown.items()
            if "test_error" in r
        ],
        [(titles[n], partial(draw_layer_curves, result=r)) for n, r in few.items() if _by_layer(r)],
        [
            (first[n], _goodness(few[n], look))
            for n, look in looks.items()
            if not config_of(few[n]).is_baseline
        ],
        [
            (first[n], partial(draw_confusion, confusion=look.confusion, names=look.classes))
            for n, look in looks.items()
        ],
        [
            (titles[n], partial(draw, result=r))
            for draw in (draw_gamma, draw_coefficient)
            for n, r in few.items()
            if _pushed(r) and not (draw is draw_gamma and config_of(r).method == "ff")
        ],
    ]
    alone = [kind for kind in alone if kind]
    single = len(shown) == 1
    if single:  # all in one part, each with its own legend, and the title once
        draws = [draw for kind in alone for _, draw in kind]
        once = [*titles.values(), *[""] * len(draws)]
        alone = [list(zip(once, draws, strict=False))] if draws else []
    together = _together(shown)
    shapes = [_shape(len(part)) for part in (*alone, together)]
    figure, parts = new_parts(*shapes, lines=len(shown) // 2)
    for (part, axes), kind in zip(parts, alone, strict=False):
        for axis, (title, draw) in zip(axes.flat, kind, strict=False):
            draw(axis)
            axis.set_title(title, fontsize=8)
        _finish(part, axes, own=single)
    if not single and any("test_error" in result for result in shown.values()):
        one_scale(parts[0][1].flat)
    part, axes = parts[-1]
    for axis, draw in zip(axes.flat, together, strict=False):
        draw(axis)
    _finish(part, axes, own=False)
    save(figure, output)


def _together(shown: dict[str, Result]) -> Sequence[Draw]:
    """What draws all settings into one pair of axes, by epoch."""
    recorded = {name for r in shown.values() for record in r["metrics"] for name in record}
    drawn: list[Draw] = [partial(draw_pairs, results=shown)]
    if "test_error" in recorded:
        drawn.append(partial(draw_curves, results=shown, training=True))
    if "analysis" in recorded:
        drawn += [partial(draw_entropy, results=shown, kind=kind) for kind in KINDS]
    return drawn


def _shape(count: int) -> tuple[int, int]:
    """Rows and columns of so many pairs of axes."""
    rows = -(-count // ACROSS)
    return rows, -(-count // rows)


def _finish(part: Any, axes: Any, own: bool) -> None:
    """Take away what is empty, and name the lines."""
    for axis in axes.flat:
        if not axis.has_data():
            axis.remove()
        elif own:
            own_legend(axis)
    if not own:
        common_legend(part)


def _title(name: str, result: Result, of_run: bool) -> str:
    """What differs; where that is a run's name, also what it trained, on what."""
    config = config_of(result)
    method = f"{config.method} {config.gamma}" if config.method == "collab" else config.method
    about = f"{Path(config.dataset).stem}, {method}, schedule {config.schedule}"
    lines = [name, about] if of_run else [name]
    return "\n".join(fill(literal(line), 44) for line in lines)


def _by_layer(result: Result) -> bool:
    tested = sum("test_error" in record for record in result["metrics"])
    return tested > 1 and config_of(result).votes


def _pushed(result: Result) -> bool:
    return any(record.get("analysis", {}).get("push") for record in result["metrics"])


def _theta(config: Config) -> float | None:
    return config.theta if config.uses("theta") else None


def _goodness(result: Result, look: Look) -> Draw:
    theta = _theta(config_of(result))
    return partial(draw_goodness, scores=look.scores, labels=look.split.labels, theta=theta)


def _look(result: Result, dataset: str | None, data_dir: str | None) -> Look | None:
    """Goodness and confusion of a run, with a note if its data are not there."""
    if "test_error" not in result:  # a note has said so
        return None
    model = None
    try:
        model = model_of(result["folder"])
        test = data_of(model, dataset, data_dir)[0].tested()
    except FFNPError as error:
        if model is not None and is_given(dataset, data_dir):
            raise
        text = f"goodness and confusions are not drawn: {error}"
        warnings.warn(text, InputWarning, stacklevel=2)
        return None
    sample = test.spread(ROWS)
    confusion = result.get("confusion")
    if confusion is None:
        confusion = evaluate(model, test).confusion
    classes = model.data.called(range(model.data.classes))
    return Look(sample, _scores(model, sample), confusion, classes)


def _scores(model: Model, split: Split) -> Any:
    return np.concatenate(list(scores(model, split.images)), axis=1)


def _result(folder: Path, dataset: str | None, data_dir: str | None) -> dict[str, Any]:
    """A run's record, and its test errors: those of its last epoch, or measured from its model."""
    run = Run(folder)
    metrics = run.metrics()
    if metrics and dataset is None and "test_error" in metrics[-1]:
        errors, config = metrics[-1]["test_error"], run.config()
        known = {"metrics": metrics, "config": config.to_dict(), "folder": folder}
        return {"test_error": errors} | known
    model = None
    try:
        model = model_of(folder)
        data, config = data_of(model, dataset, data_dir)
        test = data.tested()
    except FFNPError as error:
        if not metrics or (model is not None and is_given(dataset, data_dir)):
            raise
        text = f"errors of layers are not drawn: {error}"
        warnings.warn(text, InputWarning, stacklevel=2)
        return {"metrics": metrics, "config": run.config().to_dict(), "folder": folder}
    found = evaluate(model, test)
    known = {"metrics": metrics, "config": config.to_dict(), "folder": folder}
    return known | {"test_error": found.to_dict(), "confusion": found.confusion}


def _animate(
    named: dict[str, Path], output: Path, dataset: str | None, data_dir: str | None
) -> None:
    check_moving(output)
    if len(named) > MOVING:
        raise InputError(f"{len(named)} runs do not fit beside each other: give {MOVING} at most")
    sample: Split | None = None
    found, configs = {}, []
    for name, folder in named.items():
        run, model = Run(folder), model_of(folder)
        config = model.config
        if config.is_baseline:
            raise InputError(f"{folder} is of method {config.method}, which has no goodness")
        snapshots = run.snapshots()
        if not snapshots:
            raise InputError(
                f"{folder} has no snapshots to move through: train with --snapshot-every 1"
            )
        test = data_of(model, dataset, data_dir)[0].tested()
        sample = test.spread(FRAMES) if sample is None else sample
        model.data.check(sample)
        backend = Backend()
        models = {0: Model.create(config, model.data, backend)}
        models |= {done: run.snapshot(path, backend) for done, path in snapshots.items()}
        found[name] = {done: _scores(each, sample) for done, each in models.items()}
        configs.append(config)
    if len(set.intersection(*[set(each) for each in found.values()])) < 2:
        raise InputError("the runs have no snapshots of the same epochs: train them alike")
    thetas = {_theta(config) for config in configs}
    assert sample is not None
    animate(output, found, sample.labels, thetas.pop() if len(thetas) == 1 else None)
