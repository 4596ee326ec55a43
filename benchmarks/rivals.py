"""What one would take in place of ffnp, in PyTorch: the others in benchmarks/time_to_error.py.

The network is ffnp's by default, 3 x 500, with batches of 200, but for fflib's, which has the sizes
of its own example. Images are scaled beforehand, and stay in memory.
"""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy, dropout, linear, relu, softplus

import ffnp
from ffnp.backends.reference import EPSILON, Backend
from ffnp.backends.team import Team
from ffnp.bench import Shapes, Step, close
from ffnp.bench.pytorch import Networks, Usual, validated
from ffnp.model import DataDescription, Model
from ffnp.training.schedules import learning_rate

FLOAT32 = np.dtype(np.float32)


class Images:
    """A data set as PyTorch takes it, scaled as ffnp scales it; all learners share it."""

    def __init__(self, dataset: Any) -> None:
        torch.set_num_threads(Team().threads)
        self.about = DataDescription.of(dataset, ffnp.Config())
        self.stored = torch.tensor(dataset.train.images)
        self.x = self.scaled(dataset.train.images)
        self.true = torch.tensor(dataset.train.labels).long()

    def scaled(self, images: Any) -> Any:
        """(N, D) images as stored, as (N, D) float32."""
        model = Model.create(ffnp.Config(hidden=(1,)), self.about, Backend())
        return Networks.scaled(images, model)


class Learner:
    """Epochs of shuffled batches, with a wrong label for each image drawn anew.

    It stands before a class of networks, of which a call is a step on the next batch.

    Parameters
    ----------
    data : Images
    rows : int
        It learns from the first so many.
    seed, epochs : int

    Attributes
    ----------
    batches : int
        Of an epoch.
    """

    options: dict[str, Any] = {}  # of `ffnp.Config`
    falls = False  # the learning rate, with the epochs that are planned
    twin: Any = None  # the class of which a step gives the reference's losses with `twin_options`
    twin_options: dict[str, Any] = {}

    def __init__(self, data: Images, rows: int, seed: int, epochs: int) -> None:
        config = ffnp.Config(**self.options, seed=seed, epochs=epochs)
        model = Model.create(config, data.about, Backend())
        super().__init__(model, data.x, None, None)  # type: ignore[call-arg]
        self.data, self.rows, self.config = data, rows, config
        self.batches = -(-rows // self.size)
        self.random = torch.Generator().manual_seed(seed)

    @classmethod
    def validate(cls, shapes: Shapes) -> None:
        """AssertionError if losses of the first steps, or scores, are not the reference's."""
        if cls.twin is None:
            return
        shapes = replace(shapes, options=cls.twin_options)
        validated(cls.twin, shapes, FLOAT32)
        step = Step(Backend(), shapes, FLOAT32)
        network, images = cls.twin.of(step), shapes.images(50)
        expected = np.concatenate([each.sum(axis=0) for each in ffnp.scores(step.model, images)])
        got = network.all_votes(network.scaled(images, step.model))
        close(got, expected, f"scores of {cls.__name__}")

    def train(self, batches: int) -> None:
        """Go on for so many batches."""
        for _ in range(batches):
            if self.start == 0:
                self.shuffle()
            self()  # type: ignore[operator]

    def shuffle(self) -> None:
        """A new order, and true and wrong labels in it."""
        self.order = torch.randperm(self.rows, generator=self.random)
        true = self.data.true[self.order]
        shift = torch.randint(1, self.classes, (self.rows,), generator=self.random)
        self.labels = torch.stack([true, (true + shift) % self.classes], dim=1)

    def predict(self, images: Any) -> Any:
        """(N,) labels of images as stored."""
        return self.all_votes(self.data.scaled(images)).argmax(dim=1).numpy()


class Plain(Usual):
    """Forward-Forward as `ffnp train --method ff`: a layer hears of no other."""

    def losses(self, true: list[Any], wrong: list[Any]) -> list[Any]:
        return [
            softplus(self.theta - g).mean() + softplus(b - self.theta).mean()
            for g, b in zip(true, wrong, strict=True)
        ]


class PlainLearner(Learner, Plain):
    """With ffnp's settings."""

    options = {"method": "ff"}
    twin, twin_options = Plain, options


class Hard(PlainLearner):
    """Wrong labels are drawn by the goodness that the network gives them now."""

    def batch(self) -> tuple[Any, Any]:
        x, labels = super().batch()
        votes = self.all_votes(x).clone().scatter_(1, labels[:, :1], -torch.inf)
        wrong = torch.multinomial(votes.softmax(dim=1), 1, generator=self.random)
        return x, torch.cat([labels[:, :1], wrong], dim=1)


class Head(PlainLearner):
    """Wrong labels are drawn by a softmax of activities at a neutral label, as in Hinton's code.

    It reads all layers but the first, and learns beside them.
    """

    def __init__(self, data: Images, rows: int, seed: int, epochs: int) -> None:
        super().__init__(data, rows, seed, epochs)
        torch.manual_seed(seed)
        self.head = torch.nn.Linear(sum(self.config.hidden[1:]), self.classes)
        self.head_optimizer = torch.optim.Adam(self.head.parameters(), lr=1e-3)

    def batch(self) -> tuple[Any, Any]:
        x, labels = super().batch()
        true = labels[:, :1]
        logits = self.head(self.neutral(x))
        self.head_optimizer.zero_grad()
        cross_entropy(logits, true[:, 0]).backward()
        self.head_optimizer.step()
        others = logits.detach().scatter(1, true, -torch.inf)
        wrong = torch.multinomial(others.softmax(dim=1), 1, generator=self.random)
        return x, torch.cat([true, wrong], dim=1)

    def neutral(self, x: Any) -> Any:
        """(N, H_2 + H_3 + ...) activities, of length 1 in each layer, of images with no label."""
        share = torch.full((len(x), self.classes), self.label_scale / self.classes)
        h, found = torch.cat([x, share], dim=1), []
        with torch.no_grad():
            for weights, bias in self.layers:
                a = relu(linear(h, weights, bias))
                h = a / (a.norm(dim=1, keepdim=True) + EPSILON)
                found.append(h)
        return torch.cat(found[1:], dim=1)


class Known(PlainLearner):
    """As the implementations that one finds: the label over the first pixels, mean goodness.

    Theta is 2, the rate of Adam 0.03, the weights begin as those of `torch.nn.Linear`.
    """

    twin = None

    def __init__(self, data: Images, rows: int, seed: int, epochs: int) -> None:
        super().__init__(data, rows, seed, epochs)
        torch.manual_seed(seed)
        self.theta = 2.0
        sizes = (data.about.pixels, *self.config.hidden)
        linears = [torch.nn.Linear(*pair) for pair in zip(sizes[:-1], sizes[1:], strict=True)]
        self.layers = [(each.weight, each.bias) for each in linears]
        self.optimizers = [torch.optim.Adam(layer, lr=0.03) for layer in self.layers]

    def join(self, x: Any, labels: Any) -> Any:
        joined = x.clone()
        joined[:, : self.classes] = 0
        joined[range(len(x)), labels] = x.max()
        return joined

    def goodness(self, h: Any) -> list[Any]:
        found = []
        for weights, bias in self.layers:
            a = relu(linear(h / (h.norm(dim=1, keepdim=True) + 1e-4), weights, bias))
            found.append(a.square().mean(dim=1))
            h = a.detach()
        return found


class Width(Known):
    """The same, but goodness is a sum and theta the width; inputs have a mean square of 1.

    The rate of Adam is 0.001.
    """

    def __init__(self, data: Images, rows: int, seed: int, epochs: int) -> None:
        super().__init__(data, rows, seed, epochs)
        self.theta = float(self.config.hidden[0])
        self.optimizers = [torch.optim.Adam(layer, lr=1e-3) for layer in self.layers]

    def goodness(self, h: Any) -> list[Any]:
        found = []
        for weights, bias in self.layers:
            a = relu(
                linear(h / (h.square().mean(dim=1, keepdim=True).sqrt() + 1e-8), weights, bias)
            )
            found.append(a.square().sum(dim=1))
            h = a.detach()
        return found


@torch.compile
def loss_of(layers: Any, x: Any, true: Any, pixel_dropout: float, unit_dropout: float) -> Any:
    """Cross-entropy of the last layer's output."""
    h = dropout(x, pixel_dropout) if pixel_dropout else x
    for weights, bias in layers[:-1]:
        h = relu(linear(h, weights, bias))
        h = dropout(h, unit_dropout) if unit_dropout else h
    return cross_entropy(linear(h, *layers[-1]), true)


class Backprop(Networks):
    """Backpropagation, by torch.compile and the fused Adam."""

    def __init__(self, model: Model, images: Any, order: Any, labels: Any) -> None:
        super().__init__(model, images, order, labels)
        self.config, decay = model.config, model.config.weight_decay
        self.dropout = self.config.pixel_dropout, self.config.unit_dropout
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=self.config.lr, weight_decay=decay, fused=True
        )

    def __call__(self) -> list[Any]:
        x, labels = self.batch()
        loss = loss_of(self.layers, x, labels[:, 0], *self.dropout)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return [loss]

    def votes(self, x: Any) -> Any:
        for weights, bias in self.layers[:-1]:
            x = relu(linear(x, weights, bias))
        return linear(x, *self.layers[-1])


class BackpropLearner(Learner, Backprop):
    """With ffnp's settings where none are given."""

    options = {"method": "backprop-label"}
    twin, twin_options = Backprop, options | {"labels": None}

    def __init__(self, data: Images, rows: int, seed: int, epochs: int) -> None:
        super().__init__(data, rows, seed, epochs)
        torch.manual_seed(seed)  # of dropout
        self.done = 0

    def __call__(self) -> list[Any]:
        fraction = self.done / (self.batches * self.config.epochs)
        rate = learning_rate(self.config.lr_schedule, self.config.lr, fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.done += 1
        return super().__call__()


class BackpropRecipe(BackpropLearner):
    """With dropout, weight decay and a falling rate, as recipe backprop has them."""

    options = {name: value for name, value in ffnp.recipe("backprop").items() if name != "epochs"}
    falls = True


class Library:
    """fflib's own example of a network, 2 x 2000, but for its loader: images lie in memory."""

    falls = False

    @staticmethod
    def validate(shapes: Shapes) -> None:
        """It has no equal in ffnp."""

    def __init__(self, data: Images, rows: int, seed: int, epochs: int) -> None:
        from fflib.nn.ff_linear import FFLinear
        from fflib.nn.ff_net import FFNet
        from fflib.probes.one_hot import TryAllClasses
        from fflib.utils.data.mnist import FFMNIST, NegativeGenerator
        from fflib.utils.ff_suite import FFSuite

        class InMemory(FFMNIST):
            """Labels as the example joins them and draws wrong ones, without its files."""

            def __init__(self) -> None:
                self.negative_generator = NegativeGenerator.RANDOM

        logging.getLogger("fflib").setLevel(logging.WARNING)
        torch.manual_seed(seed)
        self.data, self.rows, self.size, self.start = data, rows, 128, 0
        self.batches, self.random = -(-rows // self.size), torch.Generator().manual_seed(seed)
        sizes = (data.about.classes + data.about.pixels, 2000, 2000)
        pairs = zip(sizes[:-1], sizes[1:], strict=True)
        net = FFNet([FFLinear(*pair, loss_threshold=20, lr=0.02) for pair in pairs], None)
        probe = TryAllClasses(lambda x, y: net(torch.cat((x, y), 1)), data.about.classes)
        self.suite = FFSuite(net, probe, InMemory())

    def train(self, batches: int) -> None:
        """Go on for so many batches."""
        for _ in range(batches):
            if self.start == 0:
                self.order = torch.randperm(self.rows, generator=self.random)
            rows = self.order[self.start : self.start + self.size]
            self.suite._train(self.data.stored[rows] / 255, self.data.true[rows])
            self.start = 0 if self.start + self.size >= self.rows else self.start + self.size

    def predict(self, images: Any) -> Any:
        """(N,) labels of images as stored."""
        with torch.no_grad():
            parts = (torch.tensor(images) / 255).split(1000)
            return np.concatenate([self.suite._test(part).numpy() for part in parts])


RIVALS: dict[str, Any] = {
    "torch/ff": PlainLearner,
    "torch/ff-hard": Hard,
    "torch/ff-head": Head,
    "torch/ff-known": Known,
    "torch/ff-width": Width,
    "torch/backprop": BackpropLearner,
    "torch/backprop-recipe": BackpropRecipe,
    "fflib": Library,
}
