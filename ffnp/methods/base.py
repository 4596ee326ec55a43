"""What the trainer and the evaluation need of a method."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ffnp.backends.activity import Array, Product
from ffnp.labels import Labels
from ffnp.network import Batch
from ffnp.parameters import Parameters

Index = NDArray[np.int64]


class Source(Protocol):
    """Fills batches with the first numbers of the images that they are to `take`.

    Attributes
    ----------
    start : int
        The first layer (from 0) that is yet to be computed in a filled batch.
    """

    start: int

    def advance(self, start: int) -> bool:
        """Leave out layers 1..`start`, which are frozen now; False if another source is needed."""
        ...

    def index(self, order: Index, labels: Labels) -> Index:
        """What to look up for images (M,) with labels (M, R): the first axis is the images'."""
        ...

    def fill(self, batch: Any) -> None:
        """Fill a batch, or a part of one, by its `index`."""
        ...


class Method(Protocol):
    """A network with its objective. Its batches are of its own making: a `Batch`, or more.

    Attributes
    ----------
    parameters : Parameters
    depth : int
        Layers with weights, `layer1`..`layer<depth>` in the parameters.
    losses : int
        Objectives, each with a value to report and a vote for a label: one a layer, or one for all.
    rows : int
        R, label rows an image in training.
    """

    parameters: Parameters
    depth: int
    losses: int
    rows: int

    def training_batch(self, images: int) -> Batch:
        """Buffers to train on `images` images at a time."""
        ...

    def scoring_batch(self, images: int) -> Batch:
        """Buffers to score every label of `images` images at a time."""
        ...

    def forward(self, batch: Any, start: int = 0, stop: int | None = None) -> None:
        """Forward pass of layers `start`..`stop` - 1 (from 0)."""
        ...

    def evaluate(self, batch: Any, totals: Array) -> None:
        """Objective of the first `len(totals) - 1` values; see `Backend.evaluate`."""
        ...

    def gradient(self, batch: Any, layers: Sequence[int]) -> list[Product]:
        """Gradients of some layers (from 0), in ascending order, after `evaluate`.

        A baseline makes those of all layers, whichever are asked for: they come down from the last.

        Returns
        -------
        list of Product
            Those that give the weights' gradients, left for `Optimizer.step` to make.
        """
        ...

    def learn(
        self,
        batch: Any,
        source: Source,
        totals: Array,
        layers: Sequence[int],
        stop: int | None = None,
    ) -> list[Product]:
        """All of it for a batch that has taken its images: fill, forward, objective, gradients.

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
            See `gradient`.
        """
        source.fill(batch)
        self.forward(batch, source.start, stop)
        self.evaluate(batch, totals)
        return self.gradient(batch, layers)

    def scores(self, batch: Any) -> Array:
        """(V, N, K) scores by the method's V voters, after `forward` on a scoring batch."""
        ...
