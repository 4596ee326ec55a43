"""`ffnp predict`: labels of images, with what every layer says of every label."""

from collections.abc import Iterator
from json import dumps
from pathlib import Path
from typing import Any

import click
import numpy as np

from ffnp.data.inputs import read_images
from ffnp.model import Model
from ffnp.runs.experiment import load_model
from ffnp.scoring.evaluation import scores

from .options import Location, backend_option, device_option, json_option


@click.command()
@click.argument("run", type=Location())
@click.argument("inputs", type=Location(), nargs=-1, required=True)
@backend_option
@device_option
@json_option
def predict(run: Path, inputs: tuple[Path, ...], backend: str, device: int, json: bool) -> None:
    """Predict the labels of images, with each layer's goodness for each label.

    INPUTS are .npy or .npz arrays of images, or picture files of the model's size.

    \b
    Example:
      ffnp predict runs/20261123-150000-mnist-collab-0 digits.npy seven.png
    """
    model = load_model(run, backend, device)
    found = [prediction for path in inputs for prediction in _predictions(model, path)]
    if json:
        click.echo(dumps({"predictions": found}))
        return
    for prediction in found:
        goodness = np.array(prediction["goodness"])
        click.echo(f"{prediction['input']} image {prediction['image']}: {prediction['label']}")
        click.echo("  label    " + " ".join(f"{label:8d}" for label in range(goodness.shape[1])))
        rows = {f"layer {i}": values for i, values in enumerate(goodness, start=1)}
        if len(rows) > 1:
            rows["vote"] = goodness.sum(axis=0)
        for name, values in rows.items():
            click.echo(f"  {name:8} " + " ".join(f"{value:8.2f}" for value in values))


def _predictions(model: Model, path: Path) -> Iterator[dict[str, Any]]:
    images = model.data.flat(read_images(path, model.data.shape), str(path))
    number = 0
    for block in scores(model, images):  # (V, n, K)
        labels = block.sum(axis=0).argmax(axis=1)
        for i, label in enumerate(labels.tolist()):
            goodness = block[:, i].tolist()
            yield {"input": str(path), "image": number, "label": label, "goodness": goodness}
            number += 1
