"""`ffnp predict`: labels of images, with what every layer says of every label."""

from collections.abc import Iterator
from itertools import chain, count, repeat
from json import dumps
from pathlib import Path
from typing import Any

import click
import numpy as np

from ffnp.data.inputs import read_images
from ffnp.model import Model
from ffnp.scoring.evaluation import candidate_scores

from .completion import runs as complete_runs
from .options import (
    Location,
    activation_option,
    backend_option,
    candidates_option,
    device_option,
    json_option,
    layers_option,
)
from .plain import Plain
from .stored import model_of


@click.command(cls=Plain)
@click.argument("run", type=Location(), shell_complete=complete_runs)
@click.argument("inputs", type=Location(), nargs=-1, required=True)
@click.option("--invert", is_flag=True, help="Take dark for light: for digits dark on white.")
@click.option(
    "--prepare", is_flag=True,
    help="Crop, scale and centre what is drawn, as MNIST's makers did: for pictures of any size.",
)  # fmt: skip
@layers_option
@candidates_option
@activation_option
@backend_option
@device_option
@json_option
def predict(
    run: Path,
    inputs: tuple[Path, ...],
    invert: bool,
    prepare: bool,
    layers: list[int] | None,
    candidates: int | None,
    activation: str | None,
    backend: str,
    device: int,
    json: bool,
) -> None:
    """Predict the labels of images, with each layer's goodness for each label.

    INPUTS are .npy or .npz arrays of images, tables (.csv, .parquet), or picture files of the
    model's size. Images unlike those that the model was trained on are named in a note.

    \b
    Example:
      ffnp predict runs/20261123-150000-mnist-collab-0 digits.npy seven.png
      ffnp predict runs/20261123-150000-mnist-collab-0 drawn.jpg --prepare --invert
    """
    model = model_of(run, backend, device, activation)
    found = _predictions(model, inputs, invert, prepare, layers, candidates)
    if json:
        # one object, as they come
        for begin, prediction in zip(
            chain(['{"predictions": ['], repeat(", ")), found, strict=False
        ):
            click.echo(begin + dumps(prediction), nl=False)
        click.echo("]}")
        return
    every = model.data.called(range(model.data.classes))
    width = max(8, *map(len, every))
    for prediction in found:
        names = [every[label] for label in prediction.get("labels") or range(len(every))]
        table = np.array(prediction["goodness"])
        head = f"{prediction['input']} image {prediction['image']}"
        click.echo(f"{head}: {every[prediction['label']]}")
        click.echo("  label    " + " ".join(f"{name:>{width}}" for name in names))
        rows = {
            f"layer {i}" if model.config.votes else "output": values
            for i, values in zip(layers or range(1, len(table) + 1), table, strict=True)
        }
        if len(rows) > 1:
            rows["vote"] = table.sum(axis=0)
        for title, values in rows.items():
            click.echo(f"  {title:8} " + " ".join(f"{value:{width}.2f}" for value in values))


def _predictions(
    model: Model,
    inputs: tuple[Path, ...],
    invert: bool,
    prepare: bool,
    layers: list[int] | None,
    candidates: int | None,
) -> Iterator[dict[str, Any]]:
    """What is predicted of each image, block by block: all of it may be larger than memory."""
    # a bad one is found before anything is printed
    shape, column, floats = model.data.shape, model.config.label_column, not model.data.integer
    every = [read_images(path, shape, invert, prepare, column, floats) for path in inputs]
    for path, images in zip(inputs, every, strict=True):
        number = count()
        found = candidate_scores(model, images, candidates, layers, str(path))
        for block, labels in found:  # (V, n, M), (n, M)
            for i, place in enumerate(block.sum(axis=0).argmax(axis=1)):
                label = int(labels[i, place])
                name = {"name": model.data.names[label]} if model.data.names else {}
                some = {} if candidates is None else {"labels": labels[i].tolist()}
                yield {
                    "input": str(path),
                    "image": next(number),
                    "label": label,
                    **name,
                    **some,
                    "goodness": block[:, i].tolist(),
                }
