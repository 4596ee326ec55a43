"""What a batch is filled with: scaled images, or what frozen layers computed from them."""

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ffnp.backends.activity import Array
from ffnp.network import Batch, Method, sharing
from ffnp.network.labels import Labels, every_label
from ffnp.network.layers import LabelledDense
from ffnp.scaling import UNSCALED, Scaling
from ffnp.scoring.sweep import BLOCK, blocks

Index = NDArray[np.int64]


class Source(sharing.Source, Protocol):
    """A source that follows a training: layers freeze, and images are shuffled.

    Each is made from a method, images (M, D) on the device, and their scaling.
    """

    def advance(self, start: int) -> bool:
        """Leave out layers 1..`start`, which are frozen now; False if another source is needed."""
        ...

    def index(self, order: Index, labels: Labels) -> Index:
        """`Batch.index` for images `order` (M,) with labels (M, R)."""
        ...


class Pixels:
    """The images, scaled: all layers are yet to be computed."""

    start = 0

    def __init__(
        self, method: Method, images: Array, scaling: Scaling, views: Array | None = None
    ) -> None:
        self._network, self._images, self._scaling = method.network, images, scaling
        self._views = views

    def advance(self, start: int) -> bool:
        return start == 0

    def index(self, order: Index, labels: Labels) -> Index:
        """The images' numbers."""
        return order

    def fill(self, batch: Batch) -> None:
        """Scaled pixels into `batch.x`, some of them left out in training."""
        backend = self._network.backend
        drop = self._network.pixel_drop(batch)
        backend.standardise(self._images, batch.index, self._scaling, batch.x, drop, self._views)


class Shared:
    """x W_x of every image, computed once: the frozen first layer adds label and bias."""

    start = 1

    def __init__(self, method: Method, images: Array, scaling: Scaling) -> None:
        first = method.network.layers[0]
        assert isinstance(first, LabelledDense)
        self._backend, self._first = method.backend, first
        dtype = method.parameters.flat.dtype
        self._table = self._backend.empty((len(images), first.width), dtype)
        x = self._backend.empty((BLOCK, images.shape[1]), dtype)
        for start in range(0, len(images), BLOCK):
            out = self._table[start : start + BLOCK]
            block = slice(start, start + len(out))
            self._backend.standardise(images, block, scaling, out=x[: len(out)])
            self._backend.multiply([(x[: len(out)], first.pixel_weights, out)])

    @staticmethod
    def size(method: Method, images: int) -> int:
        """Bytes that the table takes."""
        return int(images * method.network.layers[0].width * method.parameters.flat.itemsize)

    def advance(self, start: int) -> bool:
        """See `Source.advance`: with more layers frozen, `Frozen` may save more."""
        return False

    def index(self, order: Index, labels: Labels) -> Index:
        """The images' numbers."""
        return order

    def fill(self, batch: Batch) -> None:
        """The first layer's activity; a frozen layer leaves out no units."""
        joined = batch.inputs[0]
        self._backend.standardise(self._table, batch.index, UNSCALED, out=joined.shared)
        self._first.activate(joined, replace(batch.activities[0], kept=None))


class Frozen:
    """What the frozen layers 1..start give for every image with every label, computed once.

    A step then costs what its own layer costs, however many are frozen below it.
    """

    def __init__(self, method: Method, images: Array, scaling: Scaling, start: int) -> None:
        self._method, self._images = method, len(images)
        self._classes = method.network.classes
        self._values = self._empty(method.network.layers[start - 1].width)
        self._scale = self._empty(1)
        self._goodness: list[Array] = []
        self._compute(Pixels(method, images, scaling), start)

    @staticmethod
    def size(method: Method, images: int, start: int) -> int:
        """Bytes that the tables take."""
        network = method.network
        numbers = network.layers[start - 1].width + 1 + start  # a row's values, scale, goodness
        return int(images * network.classes * numbers * method.parameters.flat.itemsize)

    def advance(self, start: int) -> bool:
        """See `Source.advance`: in place, if the layer to freeze is as wide as the last one was."""
        if self._method.network.layers[start - 1].width != self._values.shape[1]:
            return False
        self._compute(self, start)
        return True

    def _empty(self, width: int) -> Array:
        shape = (self._images * self._classes, width)
        return self._method.backend.empty(shape, self._method.parameters.flat.dtype)

    def _compute(self, below: Source, start: int) -> None:
        """Fill the tables with layers `below.start`..`start` - 1, computed from another source."""
        method, classes = self._method, self._classes
        self._goodness += [self._empty(1) for _ in range(below.start, start)]

        for block, batch in blocks(method, self._images):
            first = block.start

            def keep(part: Batch, first: int = first) -> None:
                below.fill(part)
                method.forward(part, below.start, start)
                images = slice(first + part.images.start, first + part.images.stop)
                for table, values in self._tables(part, start):
                    table[images.start * classes : images.stop * classes] = values

            order = np.arange(block.start, block.stop)
            index = below.index(order, every_label(len(order), classes))
            batch.take(batch.labels, method.backend.to_device(index))
            sharing.each(method.backend, batch, keep)
        self.start = start

    def _tables(self, batch: Batch, start: int) -> list[tuple[Array, Array]]:
        """Each table with the array of a batch that it fills, as (rows, numbers of a row)."""
        activities = batch.activities[:start]
        goodness = [activity.goodness.reshape(-1, 1) for activity in activities]
        return [
            (self._values, activities[-1].rows),
            (self._scale, activities[-1].scale.reshape(-1, 1)),
            *zip(self._goodness[:start], goodness, strict=True),
        ]

    def index(self, order: Index, labels: Labels) -> Index:
        """The rows of the tables."""
        rows: Index = order[:, None] * self._classes + labels
        return rows

    def fill(self, batch: Batch) -> None:
        """The last frozen layer's activity, and the goodness of all."""
        rows = batch.index.reshape(-1)
        for table, values in self._tables(batch, self.start):
            self._method.backend.standardise(table, rows, UNSCALED, out=values)


def make_source(
    method: Method, images: Array, scaling: Scaling, frozen: int, epochs: int, room: float
) -> Source:
    """Where a phase of the training takes its batches from.

    Parameters
    ----------
    method : Method
    images : (M, D) array
        On the device.
    scaling : Scaling
    frozen : int
        Layers that the phase does not train.
    epochs : int
        Of the phase.
    room : float
        Bytes that tables may take: `Frozen`, if two layers or more are frozen and computing them
        for every label is less work than in the phase's epochs; else `Shared`; else none.
    """
    saves = frozen > 1 and method.network.classes < epochs * method.rows
    if saves and Frozen.size(method, len(images), frozen) <= room:
        return Frozen(method, images, scaling, frozen)
    if frozen > 0 and Shared.size(method, len(images)) <= room:
        return Shared(method, images, scaling)
    return Pixels(method, images, scaling)
