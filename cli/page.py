"""`ffnp page`: networks to draw on, in one HTML file."""

import warnings
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from ffnp.backends import Backend
from ffnp.errors import FFNPError, InputError, InputWarning
from ffnp.files import write_atomically
from ffnp.model import DataDescription, Model
from ffnp.objectives import OBJECTIVES
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.page.html import Images, Shown
from ffnp.page.html import page as page_of
from ffnp.runs.folder import Run

from .completion import runs as complete_runs
from .options import Location
from .plain import Plain
from .stored import data_dir_option, data_of, dataset_option, is_given, model_of, names_of

MOST = 3  # runs, side by side
HEARS = {
    "none": "layers hear of no other",
    "others": "every layer hears of all others",
    "previous": "every layer hears of those below it",
    "next": "every layer hears of those above it",
}
SNAPSHOTS = 10  # of a run: each is as large as its weights
SAMPLES = 20  # images to choose from, of a class each


@click.command(cls=Plain)
@click.argument("runs", type=Location(), shell_complete=complete_runs, nargs=-1, required=True)
@click.option(
    "-o", "--output", type=Location(), default="page.html", show_default=True, metavar="FILE.html"
)
@dataset_option
@data_dir_option
def page(runs: tuple[Path, ...], output: Path, dataset: str | None, data_dir: str | None) -> None:
    """Write a page to draw on: what one to three runs on images say, layer by layer.

    It is one file, which any browser opens without a network. Where a run kept snapshots (`ffnp
    train --snapshot-every`), a slider goes through its epochs.

    \b
    Example:
      ffnp page runs/20261123-150000-mnist-collab-0 -o page.html
    """
    if output.suffix != ".html":
        raise InputError(f"{output}: a page is .html: choose such a name")
    if len(runs) > MOST:
        raise InputError(f"{len(runs)} runs do not fit on a page: give {MOST} at most")
    for folder in runs:
        _check_activation(folder)
    models = {folder: model_of(folder) for folder in runs}
    first = models[runs[0]].data
    for folder, model in models.items():
        _check(folder, model)
        if _kind(model.data) != _kind(first):
            raise InputError(
                f"{folder} was trained on {_kind(model.data)}, {runs[0]} on {_kind(first)}: "
                "give runs on images of one kind"
            )
    networks = [
        _shown(name, Run(folder), models[folder])
        for name, folder in zip(names_of(runs), runs, strict=True)
    ]
    images = _images(models[runs[0]], dataset, data_dir)
    write_atomically(output, page_of(networks, images).encode("ascii"))
    click.echo(str(output))


def _check_activation(folder: Path) -> None:
    known = True
    with suppress(FFNPError):  # it is said when the model is loaded
        known = Run(folder).config().activation in ACTIVATIONS
    if not known:
        raise InputError(
            f"{folder} has an activation of your own, which a page cannot compute: give a run of "
            f"one of ffnp's ({', '.join(ACTIVATIONS)})"
        )


def _check(folder: Path, model: Model) -> None:
    if model.config.is_baseline:
        raise InputError(
            f"{folder} is of method {model.config.method}, which has no goodness to show: "
            "give a run of method collab or ff"
        )
    match model.data.shape:
        case (_, _) | (1 | 3, _, _):
            return
    raise InputError(
        f"{folder} was trained on {_kind(model.data)}, which cannot be drawn: "
        "give a run on images of (height, width) or (1 or 3, height, width)"
    )


def _kind(data: DataDescription) -> str:
    """What a network takes and answers."""
    shape = "x".join(map(str, data.shape))
    return f"{shape} {'bytes' if data.integer else 'floats'} with {data.classes} labels"


def _shown(name: str, run: Run, model: Model) -> Shown:
    config = model.config
    gamma = config.gamma if config.method == "collab" else "none"
    objective = Path(config.objective).name  # of one's own file, FILE.py:NAME, not the folder
    theta = config.theta if config.uses("theta") else None
    widths = ", ".join(map(str, dict.fromkeys(config.hidden)))
    about = f"{len(config.hidden)} layer{'s'[: len(config.hidden) > 1]} of {widths} units"
    about += f"; {HEARS[gamma]}"
    if config.joined == "every":
        about += "; each reads the image and the label, too"
    if config.schedule == "layer":
        about += "; trained one after the other"
    terms = f"method {config.method}, gamma {gamma}"
    if gamma != "none" and config.gamma_scale != 1:
        terms += f" times {config.gamma_scale:g}"
    terms += f", objective {objective}"
    if theta is not None:
        terms += f", theta {theta:g}"
    if config.objective not in OBJECTIVES:
        terms += " (whose push is not known here)"
    sent = config.to_dict() | {"gamma": gamma, "objective": objective, "theta": theta}
    scaling = asdict(model.data.scaling)
    return Shown(name, f"{about}.", f"{terms}.", sent, scaling, _weights(run, model))


def _weights(run: Run, model: Model) -> dict[int, dict[str, Any]]:
    """The weights by epochs done: with snapshots, also those that training began with."""
    backend, config = Backend(), model.config
    snapshots = run.snapshots()
    found = {}
    if snapshots:
        left = sorted(snapshots)
        if len(left) > SNAPSHOTS:
            chosen = np.linspace(0, len(left) - 1, SNAPSHOTS).round().astype(int)
            text = f"{SNAPSHOTS} of the {len(left)} snapshots are shown"
            warnings.warn(text, InputWarning, stacklevel=2)
            left = [left[i] for i in chosen]
        found[0] = Model.create(config, model.data, backend).weights()
        found |= {done: run.snapshot(snapshots[done], backend).weights() for done in left}
    phases = len(config.hidden) if config.schedule == "layer" else 1
    last = config.epochs * phases if run.finished else len(run.metrics())
    return {last: model.weights()} | found


def _images(model: Model, dataset: str | None, data_dir: str | None) -> Images:
    """What the networks take, with an image of each class where the data set is at hand."""
    data, name = model.data, Path(dataset or model.config.dataset).stem
    low, high = (0.0, 255.0) if data.integer else (0.0, 1.0)
    if data.appearance is not None and not data.integer:
        low, high = data.appearance.low, data.appearance.high
    samples, labels = np.empty((0, data.pixels), np.uint8 if data.integer else np.float32), []
    try:
        test = data_of(model, dataset, data_dir)[0].tested()
        labels, first = np.unique(test.labels, return_index=True)
        labels, samples = labels[:SAMPLES], test.images[first[:SAMPLES]]
    except FFNPError as error:
        in_colours = data.shape[:-2] == (3,)  # of which nothing can be drawn
        if in_colours or is_given(dataset, data_dir):
            raise
        text = f"the page has no images to choose from: {error}"
        warnings.warn(text, InputWarning, stacklevel=2)
    return Images(name, data.shape, data.classes, low, high, samples, np.asarray(labels))
