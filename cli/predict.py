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
from ffnp.scoring.evaluation import scores

from .options import Location, Plain, backend_option, device_option, json_option
from .stored import model_of


@click.command(cls=Plain)
@click.argument("run", type=Location())
@click.argument("inputs", type=Location(), nargs=-1, required=True)
@click.option("--invert", is_flag=True, help="Take dark for light: for digits dark on white.")
@click.option(
    "--prepare", is_flag=True,
    help="Crop, scale and centre what is drawn, as MNIST's makers did: for pictures of any size.",
)  # fmt: skip
@backend_option
@device_option
@json_option
def predict(
    run: Path,
    inputs: tuple[Path, ...],
    invert: bool,
    prepare: bool,
    backend: str,
    device: int,
    json: bool,
) -> None:
    """Predict the labels of images, with each layer's goodness for each label.

    INPUTS are .npy or .npz arrays of images, or picture files of the model's size. Images unlike
    those that the model was trained on are named in a note.

    \b
    Example:
      ffnp predict runs/20261123-150000-mnist-collab-0 digits.npy seven.png
      ffnp predict runs/20261123-150000-mnist-collab-0 drawn.jpg --prepare --invert
    """
    model = model_of(run, backend, device)
    found = _predictions(model, inputs, invert, prepare)
    if json:
        # one object, as they come
        for begin, prediction in zip(
            chain(['{"predictions": ['], repeat(", ")), found, strict=False
        ):
            click.echo(begin + dumps(prediction), nl=False)
        click.echo("]}")
        return
    for prediction in found:
        table = np.array(prediction["goodness"])
        click.echo(f"{prediction['input']} image {prediction['image']}: {prediction['label']}")
        click.echo("  label    " + " ".join(f"{label:8d}" for label in range(table.shape[1])))
        rows = {f"layer {i}": values for i, values in enumerate(table, start=1)}
        if len(rows) > 1:
            rows["vote"] = table.sum(axis=0)
        for name, values in rows.items():
            click.echo(f"  {name:8} " + " ".join(f"{value:8.2f}" for value in values))


def _predictions(
    model: Model, inputs: tuple[Path, ...], invert: bool, prepare: bool
) -> Iterator[dict[str, Any]]:
    """What is predicted of each image, block by block: all of it may be larger than memory."""
    # a bad one is found before anything is printed
    every = [read_images(path, model.data.shape, invert, prepare) for path in inputs]
    for path, images in zip(inputs, every, strict=True):
        number = count()
        for block in scores(model, images, name=str(path)):  # (V, n, K)
            labels = block.sum(axis=0).argmax(axis=1).tolist()
            for i, label in enumerate(labels):
                goodness = block[:, i].tolist()
                yield {
                    "input": str(path),
                    "image": next(number),
                    "label": label,
                    "goodness": goodness,
                }
