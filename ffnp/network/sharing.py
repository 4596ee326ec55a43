"""A batch among threads: it is split here, its parts are worked on side by side, and summed.

Nothing above this module knows of threads. A part goes from pixels to deltas without a stop:
threads that meet after every operation wait more than they work.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from ffnp.backends.activity import Array, Product
from ffnp.backends.dividing import ALIGNMENT, LEAST, divide, divide_descent
from ffnp.backends.reference import Backend
from ffnp.network.method import Method
from ffnp.network.network import Batch


class Source(Protocol):
    """Fills batches with the images that they took (`Batch.take`)."""

    @property
    def start(self) -> int:
        """The first layer (from 0) that is yet to be computed in a filled batch."""
        ...

    def fill(self, batch: Any) -> None:
        """Fill a batch, or a part of one, by its `index`."""
        ...


@dataclass(frozen=True)
class Filled:
    """A source for batches in which all layers below `start` are computed already."""

    start: int

    def fill(self, batch: Batch) -> None:
        """Nothing is left to fill."""


def split(batch: Batch, backend: Backend) -> Batch:
    """The batch, split into a part for each thread, or fewer if there is little work."""
    images = len(batch.x)
    most = max(activity.values.size for activity in batch.activities)  # numbers of a layer
    count = min(backend.threads, images, most // LEAST)
    if count > 1:
        # BLAS takes ALIGNMENT rows at a time, and an image has two label rows at least.
        slices = divide(images, count, ALIGNMENT // 2)
        batch.split = [batch.part(part, backend.empty) for part in slices]
    return batch


def each(backend: Backend, batch: Batch, work: Callable[[Batch], None]) -> None:
    """Call a function on every part of a batch."""
    backend.run([partial(work, part) for part in batch.parts])


def forward(method: Method, batch: Batch, start: int = 0, stop: int | None = None) -> None:
    """Forward pass of layers `start`..`stop` - 1 (from 0)."""
    each(method.backend, batch, lambda part: method.forward(part, start, stop))


def learn(
    method: Method,
    batch: Batch,
    source: Source,
    totals: Array,
    layers: Sequence[int],
    stop: int | None = None,
) -> list[Product]:
    """Fill a batch with the images that it took; forward pass, objective and gradients.

    Parameters
    ----------
    batch : Batch
        A training batch.
    source : Source
    totals : (losses + 1,) float64 array
        See `Backend.evaluate`.
    layers : sequence of int
        Whose gradients are wanted (from 0), in ascending order.
    stop : int, optional
        The forward pass goes up to layer `stop` - 1 (default: all layers).

    Returns
    -------
    list of Product
        They give the weights' gradients, and `descend` computes them; all other gradients are
        computed.
    """

    def fill_and_forward(part: Batch) -> None:
        source.fill(part)
        method.forward(part, source.start, stop)

    if len(batch.parts) == 1 or not method.by_image:
        each(method.backend, batch, fill_and_forward)
        method.evaluate(batch, totals)
        each(method.backend, batch, lambda part: method.delta(part, layers))
    else:
        sums = [np.zeros_like(totals) for _ in batch.parts]

        def learn_part(part: Batch, out_sums: Array) -> None:
            fill_and_forward(part)
            method.evaluate(part, out_sums)
            # J is a mean over the whole batch
            part.coefficients[: len(totals) - 1] *= len(part.x) / len(batch.x)
            method.delta(part, layers)

        pairs = zip(batch.parts, sums, strict=True)
        method.backend.run([partial(learn_part, *pair) for pair in pairs])
        for own in sums:
            totals += own
    _add_up(batch, layers)
    return method.products(batch, layers)


def _add_up(batch: Batch, layers: Sequence[int]) -> None:
    """Sum the parts' gradients into the whole batch's."""
    if len(batch.parts) == 1:
        return
    for i in layers:
        for number, out in enumerate(batch.gradients[i].arrays):
            first, *others = (part.gradients[i].arrays[number] for part in batch.parts)
            out[...] = first
            for addend in others:
                out += addend


def descend(
    backend: Backend,
    products: Sequence[Product],
    gradient: Array,
    update: Callable[[slice], None],
) -> None:
    """Compute the products that a gradient still lacks, and update the weights by it.

    A thread updates the weights whose gradients it has computed, while they are in its cache.

    Parameters
    ----------
    products : sequence of Product
        They write into spans of `gradient`.
    gradient : (P,) array
        Flat; all else in it is computed already.
    update : callable
        Updates the weights from a slice of the gradient.
    """
    parts = divide_descent(products, gradient, backend.threads) if backend.threads > 1 else []
    if len(parts) < 2:
        backend.multiply(products)
        update(slice(0, len(gradient)))
        return

    def work(own: Sequence[Product], span: slice) -> None:
        backend.multiply(own)
        update(span)

    backend.run([partial(work, *part) for part in parts])
