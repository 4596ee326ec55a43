"""What is timed: a training step, prediction, and the matrix products of each alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ffnp.backends.activity import Array, Product
from ffnp.backends.dividing import blocks, divide
from ffnp.backends.reference import Backend
from ffnp.backends.selection import make_backend
from ffnp.config import Config
from ffnp.model import DataDescription, Model
from ffnp.network.labels import candidate_labels
from ffnp.network.sharing import learn
from ffnp.scaling import Scaling
from ffnp.scoring.evaluation import scores
from ffnp.scoring.sweep import BLOCK, together
from ffnp.training.optimizers import Adam
from ffnp.training.sources import Pixels


@dataclass(frozen=True)
class Shapes:
    """The sizes of one training step: D, K, R, N and H_1..H_L."""

    pixels: int = 784
    classes: int = 10
    rows: int = 2  # all classes: the objective is softmax over all labels, else sigmoid
    batch: int = 200
    hidden: tuple[int, ...] = (500, 500, 500)
    options: Mapping[str, Any] = field(default_factory=dict)  # others of the configuration

    @property
    def reading(self) -> int:
        """How many layers, from the first, read the images."""
        return len(self.hidden) if self.options.get("joined") == "every" else 1

    @property
    def flop(self) -> int:
        """Floating-point operations of a training step's matrix products."""
        return 2 * self.forward_flop(self.batch, self.rows)

    def forward_flop(self, images: int, rows: int) -> int:
        """Floating-point operations of a forward pass's matrix products."""
        first = 2 * images * self.pixels * sum(self.hidden[: self.reading])
        return first + sum(2 * images * rows * i * o for i, o in pairwise(self.hidden))

    def model(self, backend: Backend, dtype: np.dtype[Any]) -> Model:
        """A network with weights from seed 0."""
        own: dict[str, Any] = {
            "objective": "softmax" if self.rows == self.classes else "sigmoid",
            "labels": self.rows,
            "hidden": self.hidden,
            "batch_size": self.batch,
            "dtype": str(dtype),
        }
        config = Config(**own | dict(self.options))
        data = DataDescription((self.pixels,), self.classes, True, Scaling(127.5, 73.9, 10.0))
        return Model.create(config, data, backend)

    def images(self, count: int) -> Array:
        """Random uint8 pixels, on the host."""
        return np.random.default_rng(1).integers(0, 256, (count, self.pixels), np.uint8)


CASES = {
    "mnist": Shapes(),
    "mnist-all-labels": Shapes(rows=10),
    "cifar10": Shapes(pixels=3072),
    "wide": Shapes(hidden=(2000, 2000, 2000)),
}


class Step:
    """One training step on random images, repeated by calling it."""

    def __init__(self, backend: Backend, shapes: Shapes, dtype: np.dtype[Any]) -> None:
        self.model = shapes.model(backend, dtype)
        self.method = self.model.method
        decay = self.model.config.weight_decay
        self.optimizer = Adam(self.method.parameters, slice(None), decay)
        random, count = np.random.default_rng(0), 10 * shapes.batch
        order = random.permutation(count)
        true = random.integers(0, shapes.classes, count)
        labels = candidate_labels(true, shapes.classes, self.method.rows, random)
        arrays = (shapes.images(count), order, labels)
        self.images, self.order, self.labels = map(backend.to_device, arrays)
        self.source = Pixels(self.method, self.images, self.model.data.scaling)
        self.batch = self.method.training_batch(shapes.batch)
        self.totals = backend.to_device(np.zeros(self.method.losses + 1))
        self.start = self.done = 0

    def __call__(self) -> None:
        """Train on the next batch, as `Trainer` does."""
        size = len(self.batch.x)
        rows = slice(self.start, self.start + size)
        self.batch.take(self.labels[rows], self.order[rows], self.done // size)
        self.start = (self.start + size) % len(self.order)
        self.done += size
        layers = range(self.method.depth)
        products = learn(self.method, self.batch, self.source, self.totals, layers)
        self.optimizer.step(1e-3, products)

    def losses(self) -> Array:
        """Each layer's mean loss over all steps so far, on the host."""
        return self.model.backend.to_host(self.totals)[:-1] / self.done


class Prediction:
    """Prediction of so many random images, repeated by calling it."""

    def __init__(
        self, backend: Backend, shapes: Shapes, dtype: np.dtype[Any], images: int = BLOCK
    ) -> None:
        self._model, self._images = shapes.model(backend, dtype), shapes.images(images)

    def __call__(self) -> Array:
        """(N, K) votes of all the layers for each label, as `evaluate` counts them."""
        return np.concatenate([found.sum(axis=0) for found in scores(self._model, self._images)])


def products(backend: Backend, shapes: Shapes, dtype: np.dtype[Any]) -> Callable[[], None]:
    """The matrix products of a step alone, on arrays of their own: the floor."""
    forward = _forward(backend, shapes, dtype, shapes.batch, shapes.rows)
    backward = [(a.T, out, backend.empty(b.shape, dtype)) for a, b, out in reversed(forward)]
    return _multiplying(backend, forward + backward)


def memory(shapes: Shapes, dtype: np.dtype[Any]) -> Callable[[], None]:
    """What Adam must at least move in a step: four arrays of the weights' size are read, three
    written. Side by side, as the NumPy backend divides an update.
    """
    backend = make_backend("numpy")
    count = len(shapes.model(Backend(), dtype).method.parameters.flat)
    gradient, *written = (backend.empty((count,), dtype) for _ in range(4))
    for array in (gradient, *written):
        array[...] = 1

    def move(part: slice) -> None:
        for block in blocks(len(gradient[part]), 1):  # read once, and kept in cache
            for array in written:
                w = array[part][block]
                np.multiply(w, gradient[part][block], out=w)

    tasks = [partial(move, part) for part in divide(count, backend.threads)]
    return partial(backend.run, tasks)


def prediction_products(
    backend: Backend, shapes: Shapes, dtype: np.dtype[Any], images: int = BLOCK
) -> Callable[[], None]:
    """The matrix products alone of predicting images in blocks: the first layer's once an image."""
    size = together(shapes.model(Backend(), dtype).method)
    block = _forward(backend, shapes, dtype, size, shapes.classes)
    found: list[Product] = []
    for start in range(0, images, size):
        for a, b, out in block:
            rows = len(a) * min(size, images - start) // size
            found.append((a[:rows], b, out[:rows]))
    return _multiplying(backend, found)


def _forward(
    backend: Backend, shapes: Shapes, dtype: np.dtype[Any], images: int, rows: int
) -> list[Product]:
    random = np.random.default_rng(0)

    def draw(*shape: int) -> Array:
        return backend.to_device((random.random(shape) / shape[0]).astype(dtype))

    x = draw(images, shapes.pixels)
    firsts = [draw(shapes.pixels, width) for width in shapes.hidden[: shapes.reading]]
    values = [draw(images * rows, width) for width in shapes.hidden]
    later = [draw(*pair) for pair in pairwise(shapes.hidden)]
    return [
        *((x, weights, draw(images, weights.shape[1])) for weights in firsts),
        *zip(values[:-1], later, values[1:], strict=True),
    ]


def _multiplying(backend: Backend, products: list[Product]) -> Callable[[], None]:
    def multiply() -> None:
        for product in products:
            backend.multiply([product])

    return multiply
