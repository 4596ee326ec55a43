"""Where a batch's first numbers come from: the images, or what frozen layers made of them."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ffnp.backends.activity import Array
from ffnp.model import Model
from ffnp.network import sharing
from ffnp.network.labels import Labels, every_label
from ffnp.network.layers import LabelledDense
from ffnp.network.network import Batch
from ffnp.scaling import UNSCALED
from ffnp.scoring.sweep import BLOCK, blocks

Index = NDArray[np.int64]


class Source(sharing.Source, Protocol):
    """A source of a training: it moves on as layers freeze, and looks up images."""

    def advance(self, start: int) -> bool:
        """Leave out layers 1..`start`, which are frozen now; False if another source is needed."""
        ...

    def index(self, order: Index, labels: Labels) -> Index:
        """What to look up for images (M,) with labels (M, R): the first axis is the images'."""
        ...


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

    def advance(self, start: int) -> bool:
        """See `Source.advance`."""
        return start == 0

    def index(self, order: Index, labels: Labels) -> Index:
        """The images' numbers."""
        return order

    def fill(self, batch: Batch) -> None:
        """Scaled pixels into `batch.x`."""
        self._model.backend.standardise(
            self._images, batch.index, self._model.data.scaling, out=batch.x
        )


class Shared:
    """x W_x of every image with the frozen first layer: its output is a row addition away.

    Parameters
    ----------
    model : Model
        With a Forward-Forward network.
    images : (M, D) array
        On the device.
    """

    start = 1

    def __init__(self, model: Model, images: Array) -> None:
        first = model.method.network.layers[0]
        assert isinstance(first, LabelledDense)
        self._backend, self._first = model.backend, first
        dtype = np.dtype(model.config.dtype)
        self._table = model.backend.empty((len(images), first.width), dtype)
        x = model.backend.empty((BLOCK, model.data.pixels), dtype)
        for start in range(0, len(images), BLOCK):
            out = self._table[start : start + BLOCK]
            scaled = x[: len(out)]
            block = slice(start, start + len(out))
            self._backend.standardise(images, block, model.data.scaling, out=scaled)
            self._backend.multiply([(scaled, first.pixel_weights, out)])

    @staticmethod
    def size(model: Model, images: int) -> int:
        """Bytes that the table takes."""
        return images * model.config.hidden[0] * np.dtype(model.config.dtype).itemsize

    def advance(self, start: int) -> bool:
        """See `Source.advance`: what lies above may be worth keeping too."""
        return False

    def index(self, order: Index, labels: Labels) -> Index:
        """The images' numbers."""
        return order

    def fill(self, batch: Batch) -> None:
        """The first layer's activity."""
        joined = batch.inputs[0]
        self._backend.standardise(self._table, batch.index, UNSCALED, out=joined.shared)
        self._first.activate(joined, batch.activities[0])


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
        self._model, self._images = model, len(images)
        self._values = self._empty(model.config.hidden[start - 1])
        self._scale = self._empty(1)
        self._goodness: list[Array] = []
        self._compute(Pixels(model, images), start)

    @staticmethod
    def size(model: Model, images: int, start: int) -> int:
        """Bytes that the tables take."""
        numbers = model.config.hidden[start - 1] + 1 + start  # a row's values, scale, goodness
        return images * model.data.classes * numbers * np.dtype(model.config.dtype).itemsize

    def advance(self, start: int) -> bool:
        """See `Source.advance`: in place, if the layer to freeze is as wide as the last one was."""
        if self._model.config.hidden[start - 1] != self._values.shape[1]:
            return False
        self._compute(self, start)
        return True

    def _empty(self, width: int) -> Array:
        rows = self._images * self._model.data.classes
        return self._model.backend.empty((rows, width), np.dtype(self._model.config.dtype))

    def _compute(self, below: Source, start: int) -> None:
        """Fill the tables with what layers `below.start`..`start` - 1 make of another source."""
        model, classes = self._model, self._model.data.classes
        self._goodness += [self._empty(1) for _ in range(below.start, start)]

        for block, batch in blocks(model, self._images):
            first = block.start

            def keep(part: Batch, first: int = first) -> None:
                below.fill(part)
                model.method.forward(part, below.start, start)
                images = slice(first + part.images.start, first + part.images.stop)
                for table, values in self._tables(part, start):
                    table[images.start * classes : images.stop * classes] = values

            order = np.arange(block.start, block.stop)
            index = below.index(order, every_label(len(order), classes))
            batch.take(batch.labels, model.backend.to_device(index))
            sharing.each(model.backend, batch, keep)
        self.start = start

    def _tables(self, batch: Batch, start: int) -> list[tuple[Array, Array]]:
        """Each table with its part of a batch, as (rows, numbers of a row)."""
        last = batch.activities[start - 1]
        return [
            (self._values, last.rows),
            (self._scale, last.scale.reshape(-1, 1)),
            *zip(
                self._goodness[:start],
                (a.goodness.reshape(-1, 1) for a in batch.activities[:start]),
                strict=True,
            ),
        ]

    def index(self, order: Index, labels: Labels) -> Index:
        """The rows of the tables."""
        rows: Index = order[:, None] * self._model.data.classes + labels
        return rows

    def fill(self, batch: Batch) -> None:
        """The last frozen layer's activity, and the goodness of all."""
        rows = batch.index.reshape(-1)
        for table, part in self._tables(batch, self.start):
            self._model.backend.standardise(table, rows, UNSCALED, out=part)


def make_source(model: Model, images: Array, frozen: int) -> Source:
    """Where a phase of the training takes its batches from.

    Parameters
    ----------
    model : Model
    images : (M, D) array
        On the device.
    frozen : int
        Layers that the phase does not train. What they give is kept if that takes no more than
        the configuration's `cache_mb`: all their activities, if that is less work than the
        phase's epochs and more than a row addition; else x W_x of the first layer.
    """
    config, room = model.config, 1e6 * model.config.cache_mb
    saves = frozen > 1 and model.data.classes < config.epochs * model.method.rows
    if saves and Frozen.size(model, len(images), frozen) <= room:
        return Frozen(model, images, frozen)
    if frozen > 0 and Shared.size(model, len(images)) <= room:
        return Shared(model, images)
    return Pixels(model, images)
