"""The same training step and prediction in PyTorch: how many times faster ffnp is.

    pip install torch                    # only for this
    python benchmarks/against_torch.py --json torch.json

The network in three styles: *usual* (a pass for the positives, a pass for the negatives, an Adam
a layer), *one batch* (positives and negatives in one, one Adam), *compiled* (that under
torch.compile, with the fused Adam). Weights, images and labels are the same; the losses of a few
steps and the predicted goodness are compared before anything is timed. PyTorch's images are scaled
beforehand, which ffnp does in each step.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from ffnp.backends.base import EPSILON, Backend
from ffnp.backends.selection import make_backend
from ffnp.benchmark import (
    Prediction,
    Shapes,
    Step,
    close,
    interleaved,
    machine,
    validate,
    validate_prediction,
)

try:
    import torch
    from torch.nn.functional import linear, one_hot, relu, softplus
except ModuleNotFoundError:
    torch = None

SHAPES, FLOAT32 = Shapes(), np.dtype(np.float32)
STEPS = 3  # whose losses are compared
BLOCK = 1000  # images that PyTorch predicts together: faster than all at once


class Networks:
    """The weights, images and labels of a `Step`, and a network of local layers in PyTorch."""

    def __init__(self, step: Step) -> None:
        model = step.model
        self.theta, self.label_scale = model.config.theta, model.config.label_scale
        self.classes = model.data.classes
        self.parameters = [
            torch.tensor(np.array(tensor.T if tensor.ndim == 2 else tensor), requires_grad=True)
            for tensor in model.weights().values()
        ]
        self.layers = list(zip(self.parameters[::2], self.parameters[1::2], strict=True))
        self.images = self.scaled(step.images, model)
        self.order, self.labels = torch.tensor(step.order), torch.tensor(step.labels).long()
        self.size, self.start = len(step.batch.x), 0

    @staticmethod
    def scaled(images: Any, model: Any) -> Any:
        """Images as ffnp sees them."""
        x = np.empty(images.shape, FLOAT32)
        Backend().standardise(images, slice(None), model.data.scaling, out=x)
        return torch.tensor(x)

    def join(self, x: Any, labels: Any) -> Any:
        """Images beside their one-hot labels."""
        return torch.cat([x, self.label_scale * one_hot(labels, self.classes)], dim=1)

    def goodness(self, h: Any) -> list[Any]:
        """Of each layer (N,); no gradient passes from one to the one below."""
        found = []
        for weights, bias in self.layers:
            a = relu(linear(h, weights, bias))
            found.append(a.square().sum(dim=1))
            h = (a / (a.norm(dim=1, keepdim=True) + EPSILON)).detach()
        return found

    def losses(self, true: list[Any], wrong: list[Any]) -> list[Any]:
        """Of each layer, which hears of the others' goodness as a constant."""
        true_total = sum(g.detach() for g in true)
        wrong_total = sum(g.detach() for g in wrong)
        return [
            softplus(self.theta - g - (true_total - g.detach())).mean()
            + softplus(b + (wrong_total - b.detach()) - self.theta).mean()
            for g, b in zip(true, wrong, strict=True)
        ]

    def batch(self) -> tuple[Any, Any]:
        """The next images and their true and wrong labels."""
        rows = slice(self.start, self.start + self.size)
        self.start = (self.start + self.size) % len(self.order)
        return self.images[self.order[rows]], self.labels[rows]


class Usual(Networks):
    """Two passes, an Adam a layer."""

    def __init__(self, step: Step) -> None:
        super().__init__(step)
        self.optimizers = [torch.optim.Adam(layer, lr=1e-3) for layer in self.layers]

    def __call__(self) -> list[Any]:
        """One step; the layers' losses before it."""
        x, labels = self.batch()
        true = self.goodness(self.join(x, labels[:, 0]))
        wrong = self.goodness(self.join(x, labels[:, 1]))
        losses = self.losses(true, wrong)
        for optimizer, loss in zip(self.optimizers, losses, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return losses


class OneBatch(Networks):
    """Positives and negatives in one batch, one Adam."""

    fused = False

    def __init__(self, step: Step) -> None:
        super().__init__(step)
        self.optimizer = torch.optim.Adam(self.parameters, lr=1e-3, fused=self.fused)

    def loss(self, x: Any, labels: Any) -> tuple[Any, list[Any]]:
        """The layers' losses, and their sum: what each weighs on, the others do not."""
        rows = self.join(torch.cat([x, x]), labels.T.reshape(-1))
        pairs = [g.chunk(2) for g in self.goodness(rows)]
        losses = self.losses([true for true, _ in pairs], [wrong for _, wrong in pairs])
        return sum(losses), losses

    def __call__(self) -> list[Any]:
        """One step; the layers' losses before it."""
        loss, losses = self.loss(*self.batch())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return losses


class Compiled(OneBatch):
    """As `OneBatch`, by torch.compile and the fused Adam."""

    fused = True

    def __init__(self, step: Step) -> None:
        super().__init__(step)
        self.loss = torch.compile(self.loss)


STYLES = {"usual": Usual, "one batch": OneBatch, "compiled": Compiled}


class TenPasses(Networks):
    """A full pass over the images for each label."""

    def __init__(self, step: Step, images: Any) -> None:
        super().__init__(step)
        self.inputs = self.scaled(images, step.model)

    def __call__(self) -> Any:
        """(N, K) votes of all layers."""
        with torch.inference_mode():
            return torch.cat([self.votes(x) for x in self.inputs.split(BLOCK)])

    def votes(self, x: Any) -> Any:
        """(N, K) of some images."""
        every = [torch.full((len(x),), k) for k in range(self.classes)]
        return torch.stack([sum(self.goodness(self.join(x, k))) for k in every], dim=1)


def validated(style: Callable[[Step], Any], shapes: Shapes = SHAPES) -> Any:
    """A style's step, after its losses were those of the reference backend."""
    expected, got = Step(Backend(), shapes, FLOAT32), style(Step(Backend(), shapes, FLOAT32))
    losses = []
    for _ in range(STEPS):
        expected()
        losses.append([float(loss.detach()) for loss in got()])
    close(np.mean(losses, axis=0), expected.losses(), f"losses of PyTorch, {style.__name__}")
    return got


def training(names: tuple[str, ...], rounds: int) -> dict[str, float]:
    """Median seconds of a step of each style and backend; a style that fails says so."""
    works: dict[str, Callable[[], Any]] = {}
    for label, style in STYLES.items():
        try:
            works[label] = validated(style)
        except AssertionError:
            raise
        except Exception as error:  # torch.compile without a compiler: torch has many classes
            click.echo(f"{label}: not measured: {str(error).splitlines()[0]}", err=True)
    for name in names:
        validate(make_backend(name), SHAPES, FLOAT32)
        works[name] = Step(make_backend(name), SHAPES, FLOAT32)
    return interleaved(works, rounds)


def prediction(names: tuple[str, ...], images: int, rounds: int) -> dict[str, float]:
    """Median seconds of predicting images by ten passes and by each backend."""
    step = Step(Backend(), SHAPES, FLOAT32)
    expected = Prediction(Backend(), SHAPES, FLOAT32)()
    close(TenPasses(step, SHAPES.images(len(expected)))(), expected, "scores of PyTorch")
    works: dict[str, Callable[[], Any]] = {"ten passes": TenPasses(step, SHAPES.images(images))}
    for name in names:
        validate_prediction(make_backend(name), SHAPES, FLOAT32)
        works[name] = Prediction(make_backend(name), SHAPES, FLOAT32, images)
    return interleaved(works, rounds)


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
    if torch is None:
        raise click.ClickException("PyTorch is not installed: pip install torch")
    torch.set_num_threads(os.cpu_count() or 1)
    about = machine() | {"torch": torch.__version__, "torch_threads": torch.get_num_threads()}
    click.echo("\n".join(f"{key}: {value}" for key, value in about.items()))
    found: dict[str, Any] = {"machine": about, "rounds": rounds, "images": images}
    found["step_seconds"] = training(names, rounds)
    print_table("step", found["step_seconds"], names)
    found["prediction_seconds"] = prediction(names, images, max(1, rounds // 10))
    print_table(f"prediction of {images}", found["prediction_seconds"], names)
    if path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
