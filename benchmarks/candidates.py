"""What it costs and saves to let all layers vote on the first layer's likeliest labels alone.

    python benchmarks/candidates.py --folder runs/candidates

Networks of method ff, 3 x 500: of MNIST's digits (K = 10), of two of them in one image (K = 100),
and of three (K = 1000; ten label rows are sampled in training, as for K = 100). Each digit is
halved in size and takes a quarter of the image. The training and test images are made of MNIST's.
A run that is in the folder already is not trained again.
"""

import json
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

import ffnp
from ffnp.bench import machine

SETS = {"10": (10_000, (1, 2, 3, 5)), "100": (5_000, (1, 3, 10, 30)), "1000": (1_000, (3, 10, 30))}


def numbers(split: Any, count: int, digits: int, seed: int) -> tuple[Any, Any]:
    """So many numbers of some digits: images (N, 28, 28) and labels."""
    index = np.random.default_rng(seed).integers(0, len(split), (count, digits))
    halved = split.images.reshape(-1, 14, 2, 14, 2).mean((2, 4)).astype(np.uint8)
    images = np.zeros((count, 28, 28), np.uint8)
    labels = np.zeros(count, np.int64)
    for place, of_place in enumerate(index.T):
        row, column = 14 * (place // 2), 14 * (place % 2)
        images[:, row : row + 14, column : column + 14] = halved[of_place]
        labels = 10 * labels + split.labels[of_place]
    return images, labels


def dataset(classes: str) -> Any:
    """Of 60,000 images to train on."""
    mnist, (rows, _) = ffnp.load("mnist"), SETS[classes]
    if classes == "10":
        return mnist
    digits = len(classes) - 1
    train, test = numbers(mnist.train, 60_000, digits, 0), numbers(mnist.test, rows, digits, 1)
    return ffnp.from_arrays(*train, *test, name=f"numbers-{classes}")


def model_of(classes: str, data: Any, folder: Path, epochs: int, backend: str) -> Any:
    """Stored in the folder, or trained and stored there."""
    run = folder / classes
    if not run.exists():
        config = ffnp.Config(
            method="ff", epochs=epochs, lr_schedule="linear", backend=backend,
            labels=2 if classes == "10" else 10,
        )  # fmt: skip
        ffnp.train(config, run, ffnp.Progress(), dataset=data)
    return ffnp.load_model(run, backend)


def measure(model: Any, split: Any, candidates: tuple[int, ...], rounds: int) -> dict[str, Any]:
    """For each number of candidates, and for all labels: error, what differs, and times."""
    choices = {"all": None} | {str(each): each for each in candidates}
    labels, times = {}, {choice: list[float]() for choice in choices}
    for _ in range(rounds):
        for choice, number in choices.items():
            start = time.perf_counter()
            labels[choice] = ffnp.predict(model, split.images, candidates=number)
            times[choice].append((time.perf_counter() - start) / len(split))
    seconds = {choice: float(np.median(each)) for choice, each in times.items()}
    return {
        choice: {
            "error": 100 * float((found != split.labels).mean()),
            "differs": 100 * float((found != labels["all"]).mean()),
            "seconds": seconds[choice],
            "times_faster": seconds["all"] / seconds[choice],
        }
        for choice, found in labels.items()
    }


@click.command(help=__doc__)
@click.option("--classes", "chosen", type=click.Choice(list(SETS)), multiple=True)
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Of the runs.")
@click.option("--epochs", default=5, show_default=True)
@click.option("--backend", default="numba", show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the figures here.")
def main(
    chosen: tuple[str, ...],
    folder: Path,
    epochs: int,
    backend: str,
    rounds: int,
    path: Path | None,
) -> None:
    """Train what is not there, measure, print a table."""
    found: dict[str, Any] = {"machine": machine(), "classes": {}}
    click.echo("\n".join(f"{key}: {value}" for key, value in found["machine"].items()))
    click.echo("\nclasses candidates   error %   differs %   ms an image   times faster")
    for classes in chosen or SETS:
        data = dataset(classes)
        split = data.tested().first(SETS[classes][0])
        model = model_of(classes, data, folder, epochs, backend)
        figures = measure(model, split, SETS[classes][1], rounds) if rounds else {}
        found["classes"][classes] = figures
        for choice, each in figures.items():
            click.echo(
                f"{classes:>7}{choice:>11}{each['error']:10.2f}{each['differs']:12.2f}"
                f"{1e3 * each['seconds']:14.3f}{each['times_faster']:15.1f}"
            )
    if path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
