"""The same training step and prediction in PyTorch, which needs to be installed.

Weights, images and labels are those of a `Step`; the losses of a few steps and the predicted
goodness are compared before anything is timed. PyTorch's images are scaled beforehand, which ffnp
does in each step.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from torch.nn.functional import linear, one_hot, relu, softplus

from ffnp.backends.reference import EPSILON, Backend
from ffnp.backends.team import Team
from ffnp.bench.measuring import Figures, Work, interleaved
from ffnp.bench.validation import close, validate, validate_prediction
from ffnp.bench.work import Prediction, Shapes, Step
from ffnp.model import Model
from ffnp.scoring.sweep import BLOCK

VERSION = torch.__version__
STEPS = 3  # whose losses are compared
TOGETHER = 1000  # images that PyTorch predicts at once: faster than all
PASSES = "a pass a label"


class Networks:
    """A model's network of local layers in PyTorch, with images and labels to learn from.

    Parameters
    ----------
    model : Model
        Whose weights it begins with.
    images : (M, D) tensor
        As `scaled` gives them.
    order : (N,) integer tensor
        Rows of the images, in the order of their turns.
    labels : (N, R) integer tensor
        The true label and wrong ones, in that order.
    """

    def __init__(self, model: Model, images: Any, order: Any, labels: Any) -> None:
        self.theta, self.label_scale = model.config.theta, model.config.label_scale
        self.classes = model.data.classes
        self.parameters = [
            torch.tensor(np.array(tensor.T if tensor.ndim == 2 else tensor), requires_grad=True)
            for tensor in model.weights().values()
        ]
        self.layers = list(zip(self.parameters[::2], self.parameters[1::2], strict=True))
        self.images, self.order, self.labels = images, order, labels
        self.size, self.start = model.config.batch_size, 0

    @classmethod
    def of(cls, step: Step) -> Self:
        """With the weights, images and labels of a step."""
        labels = torch.tensor(step.labels).long()
        return cls(
            step.model, cls.scaled(step.images, step.model), torch.tensor(step.order), labels
        )

    @staticmethod
    def scaled(images: Any, model: Model) -> Any:
        """Images as ffnp sees them."""
        x = np.empty(images.shape, model.config.dtype)
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

    def votes(self, x: Any) -> Any:
        """(N, K) goodness of all layers together, by a full pass over the images for each label."""
        every = [torch.full((len(x),), k) for k in range(self.classes)]
        return torch.stack([sum(self.goodness(self.join(x, k))) for k in every], dim=1)

    def all_votes(self, x: Any) -> Any:
        """(N, K) votes for many images, some at a time."""
        with torch.inference_mode():
            return torch.cat([self.votes(part) for part in x.split(TOGETHER)])

    def batch(self) -> tuple[Any, Any]:
        """The next images and their true and wrong labels."""
        rows = slice(self.start, self.start + self.size)
        self.start = rows.stop if rows.stop < len(self.order) else 0
        return self.images[self.order[rows]], self.labels[rows]


class Usual(Networks):
    """Two passes, an Adam a layer."""

    def __init__(self, model: Model, images: Any, order: Any, labels: Any) -> None:
        super().__init__(model, images, order, labels)
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

    compiled = False

    def __init__(self, model: Model, images: Any, order: Any, labels: Any) -> None:
        super().__init__(model, images, order, labels)
        self.optimizer = torch.optim.Adam(self.parameters, lr=1e-3, fused=self.compiled)
        self.run = torch.compile(self.loss) if self.compiled else self.loss

    def loss(self, x: Any, labels: Any) -> tuple[Any, list[Any]]:
        """The layers' losses, and their sum: what each weighs on, the others do not."""
        rows = self.join(torch.cat([x, x]), labels.T.reshape(-1))
        pairs = [g.chunk(2) for g in self.goodness(rows)]
        losses = self.losses([true for true, _ in pairs], [wrong for _, wrong in pairs])
        return sum(losses), losses

    def __call__(self) -> list[Any]:
        """One step; the layers' losses before it."""
        loss, losses = self.run(*self.batch())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return losses


class Compiled(OneBatch):
    """As `OneBatch`, by torch.compile and the fused Adam."""

    compiled = True


STYLES: dict[str, Any] = {"usual": Usual, "one batch": OneBatch, "compiled": Compiled}


def validated(style: Any, shapes: Shapes, dtype: np.dtype[Any]) -> Any:
    """A style's step, after its losses were those of the reference backend."""
    expected, got = Step(Backend(), shapes, dtype), style.of(Step(Backend(), shapes, dtype))
    losses = []
    for _ in range(STEPS):
        expected()
        losses.append([float(loss.detach()) for loss in got()])
    close(np.mean(losses, axis=0), expected.losses(), f"losses of PyTorch, {style.__name__}")
    return got


def training(
    backends: Mapping[str, Backend], shapes: Shapes, dtype: np.dtype[Any], rounds: int
) -> tuple[dict[str, float], dict[str, str]]:
    """Time a step, with two label rows, of each style and CPU backend, validated, in turn.

    Returns
    -------
    dict of str to float
        Median seconds, by style and backend.
    dict of str to str
        Why a style could not be measured: torch.compile needs a C++ compiler.
    """
    torch.set_num_threads(Team().threads)
    works: dict[str, Work] = {}
    failures: dict[str, str] = {}
    for label, style in STYLES.items():
        try:
            works[label] = validated(style, shapes, dtype)
        except AssertionError:
            raise
        except Exception as error:  # torch.compile has many classes
            failures[label] = str(error).splitlines()[0]
    works |= {name: validate(backend, shapes, dtype) for name, backend in backends.items()}
    return interleaved(works, rounds), failures


def compare(
    backend: Backend, shapes: Shapes, dtype: np.dtype[Any], rounds: int
) -> tuple[dict[str, Figures], dict[str, str]]:
    """What `bench` times, in PyTorch: a step, if it has two label rows, and prediction.

    Returns
    -------
    dict
        For `step` and `prediction` (of 200 images), by style: `seconds`, and `times_faster`, what
        the backend is.
    dict of str to str
        Why a style could not be measured.
    """
    ours = {"ours": backend}
    found, failures = {}, dict[str, str]()
    if shapes.rows == 2:
        found["step"], failures = training(ours, shapes, dtype, rounds)
    found["prediction"] = prediction(ours, shapes, dtype, BLOCK, rounds)
    figures: dict[str, Figures] = {}
    for work, seconds in found.items():
        own = seconds.pop("ours")
        figures[work] = {
            style: {"seconds": each, "times_faster": each / own} for style, each in seconds.items()
        }
    return figures, failures


def prediction(
    backends: Mapping[str, Backend], shapes: Shapes, dtype: np.dtype[Any], images: int, rounds: int
) -> dict[str, float]:
    """Median seconds of predicting images, in turn: by a full pass for each label, by backends."""
    torch.set_num_threads(Team().threads)
    step = Step(Backend(), shapes, dtype)
    expected = Prediction(Backend(), shapes, dtype)()
    network = Networks.of(step)
    few, all_images = (
        network.scaled(shapes.images(n), step.model) for n in (len(expected), images)
    )
    close(network.all_votes(few), expected, "scores of PyTorch")
    works: dict[str, Work] = {PASSES: partial(network.all_votes, all_images)}
    for name, backend in backends.items():
        works[name] = validate_prediction(backend, shapes, dtype, images)
    return interleaved(works, rounds)
