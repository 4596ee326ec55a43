"""Where a batch's first numbers come from: the images, or what frozen layers made of them."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from ffnp.backends.activity import Array
from ffnp.data.dataset import Images
from ffnp.labels import Labels, every_label
from ffnp.methods import ForwardForward
from ffnp.methods.base import Index, Source
from ffnp.model import Model
from ffnp.network import Batch

BLOCK = 200  # images scored together: their K label rows fit the cache


def stretches(model: Model, images: int) -> Iterator[tuple[slice, Batch]]:
    """Cut so many images in stretches of BLOCK, the last one smaller, each with a scoring batch.

    Stretches of one length share the batch.
    """
    batch = None
    for start in range(0, images, BLOCK):
        stretch = slice(start, min(start + BLOCK, images))
        if batch is None or len(batch.x) != stretch.stop - start:
            batch = model.method.scoring_batch(stretch.stop - start)
        yield stretch, batch


def sweep(model: Model, images: Images, layers: int | None = None) -> Iterator[Batch]:
    """Join images with every label: a batch after a forward pass of the layers, block by block.

    Parameters
    ----------
    model : Model
    images : (N, D) array
        On the host, as the data set stores them.
    layers : int, optional
        How many layers (default: all).
    """
    for stretch, batch in stretches(model, len(images)):
        block = model.backend.to_device(images[stretch])
        with np.errstate(over="ignore", invalid="ignore"):  # scores that are not finite are found
            model.backend.standardise(block, slice(None), model.data.scaling, out=batch.x)
            model.method.forward(batch, stop=layers)
        yield batch


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


class Products:
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
        assert isinstance(model.method, ForwardForward)
        self._backend, self._first = model.backend, model.method.network.first
        dtype = np.dtype(model.config.dtype)
        self._table = model.backend.empty((len(images), self._first.width), dtype)
        x = model.backend.empty((BLOCK, model.data.pixels), dtype)
        for start in range(0, len(images), BLOCK):
            block = self._table[start : start + BLOCK]
            scaled = x[: len(block)]
            stretch = slice(start, start + len(block))
            self._backend.standardise(images, stretch, model.data.scaling, out=scaled)
            self._backend.matmul(scaled, self._first.pixel_weights, out=block)

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
        self._backend.gather(self._table, batch.index, out=batch.product)
        self._first.activate_labelled(batch.product, batch.labels, batch.activities[0])


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
        assert isinstance(model.method, ForwardForward)
        self._model, self._network, self._images = model, model.method.network, len(images)
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

        def keep(part: Batch, first: int) -> None:
            below.fill(part)
            self._network.forward(part, below.start, start)
            rows = slice(first * classes, (first + len(part.x)) * classes)
            for table, values in self._tables(part, start):
                table[rows] = values

        for stretch, batch in stretches(model, self._images):
            order = np.arange(stretch.start, stretch.stop)
            index = below.index(order, every_label(len(order), classes))
            batch.take(batch.labels, model.backend.to_device(index))
            # Side by side, for memory that is touched for the first time is slow to come.
            model.backend.run(
                [partial(keep, part, stretch.start + part.images.start) for part in batch.parts]
            )
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
            self._model.backend.gather(table, rows, out=part)


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
        phase's epochs and more than a row addition; else the first layer's products.
    """
    config, room = model.config, 1e6 * model.config.cache_mb
    saves = frozen > 1 and model.data.classes < config.epochs * model.method.rows
    if saves and Frozen.size(model, len(images), frozen) <= room:
        return Frozen(model, images, frozen)
    if frozen > 0 and Products.size(model, len(images)) <= room:
        return Products(model, images)
    return Pixels(model, images)
