"""What the trainer and the evaluation need of a method."""

from collections.abc import Sequence
from typing import Any, Protocol

from ffnp.backends.activity import Array
from ffnp.network import Batch
from ffnp.parameters import Parameters


class Method(Protocol):
    """A network with its objective. Its batches are of its own making: a `Batch`, or more.

    Attributes
    ----------
    parameters : Parameters
    depth : int
        Layers with weights, `layer1`..`layer<depth>` in the parameters.
    losses : int
        Objectives, each with a value to report: one a layer, or one for all.
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

    def gradient(self, batch: Any, layers: Sequence[int]) -> None:
        """Gradients of some layers (from 0), in ascending order, after `evaluate`."""
        ...

    def scores(self, batch: Any) -> Array:
        """(V, N, K) scores by the method's V voters, after `forward` on a scoring batch."""
        ...
