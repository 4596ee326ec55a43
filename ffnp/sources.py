"""Where a batch's first numbers come from: the images, or what frozen layers made of them."""

from collections.abc import Iterable, Iterator

import numpy as np

from ffnp.backends.activity import Array
from ffnp.labels import Labels
from ffnp.methods.base import Index, Source
from ffnp.model import Model
from ffnp.network import Batch

BLOCK = 200  # images scored together: their K label rows fit the cache


def sweep(model: Model, blocks: Iterable[Array], layers: int | None = None) -> Iterator[Batch]:
    """Join images with every label: a batch after a forward pass of the layers, for each block.

    Parameters
    ----------
    model : Model
    blocks : iterable of (n, D) arrays
        Images on the device, as the data set stores them; `blocks_of` cuts them.
    layers : int, optional
        How many layers (default: all).
    """
    batch = None
    for block in blocks:
        if batch is None or len(batch.x) != len(block):
            batch = model.method.scoring_batch(len(block))
        model.backend.standardise(block, slice(None), model.data.scaling, out=batch.x)
        model.method.forward(batch, stop=layers)
        yield batch


def blocks_of(images: Array) -> Iterator[Array]:
    """Images in stretches of BLOCK, the last one smaller."""
    return (images[start : start + BLOCK] for start in range(0, len(images), BLOCK))


class Pixels:
    """The images, scaled: nothing is computed yet.

    Parameters
    ----------
    model : Model
    images : (M, D) array
        On the device.
    """

    start = 0

    def __init__(self, model: Model, images: Array) -> None:
        self._model, self._images = model, images

    def index(self, order: Index, labels: Labels) -> Index:
        """The images' numbers."""
        return order

    def fill(self, batch: Batch) -> None:
        """Scaled pixels into `batch.x`."""
        self._model.backend.standardise(
            self._images, batch.index, self._model.data.scaling, out=batch.x
        )


class Frozen:
    """What the frozen layers 1..start give for every image with every label, computed once.

    A step then costs what its own layer costs, however many are frozen below it.

    Parameters
    ----------
    model : Model
        With a Forward-Forward network.
    images : (M, D) array
        On the device.
    start : int
        How many layers are frozen, at least 1.
    """

    def __init__(self, model: Model, images: Array, start: int) -> None:
        self.start = start
        self._backend, self._classes = model.backend, model.data.classes
        rows, width = len(images) * self._classes, model.config.hidden[start - 1]
        dtype = np.dtype(model.config.dtype)
        self._values = self._backend.empty((rows, width), dtype)
        self._scale = self._backend.empty((rows, 1), dtype)
        self._goodness = [self._backend.empty((rows, 1), dtype) for _ in range(start)]
        done = 0
        for batch in sweep(model, blocks_of(images), start):
            stretch = slice(done, done + batch.labels.size)
            for table, part in self._tables(batch):
                table[stretch] = part
            done = stretch.stop

    @staticmethod
    def size(model: Model, images: int, start: int) -> int:
        """Bytes that the tables take."""
        numbers = model.config.hidden[start - 1] + 1 + start  # a row's values, scale, goodness
        return images * model.data.classes * numbers * np.dtype(model.config.dtype).itemsize

    def _tables(self, batch: Batch) -> list[tuple[Array, Array]]:
        """Each table with its part of a batch, as (rows, numbers of a row)."""
        last = batch.activities[self.start - 1]
        return [
            (self._values, last.rows),
            (self._scale, last.scale.reshape(-1, 1)),
            *zip(
                self._goodness,
                (a.goodness.reshape(-1, 1) for a in batch.activities[: self.start]),
                strict=True,
            ),
        ]

    def index(self, order: Index, labels: Labels) -> Index:
        """The rows of the tables."""
        rows: Index = order[:, None] * self._classes + labels
        return rows

    def fill(self, batch: Batch) -> None:
        """The last frozen layer's activity, and the goodness of all."""
        rows = batch.index.reshape(-1)
        for table, part in self._tables(batch):
            self._backend.gather(table, rows, out=part)


def make_source(model: Model, images: Array, frozen: int) -> Source:
    """Where a phase of the training takes its batches from.

    Parameters
    ----------
    model : Model
    images : (M, D) array
        On the device.
    frozen : int
        Layers that the phase does not train. Their activities are kept if that takes no more
        than the configuration's `cache_mb`, and less work than the phase's epochs.
    """
    config, rows = model.config, model.method.rows
    fits = frozen > 0 and Frozen.size(model, len(images), frozen) <= config.cache_mb * 1e6
    if fits and model.data.classes < config.epochs * rows:
        return Frozen(model, images, frozen)
    return Pixels(model, images)
