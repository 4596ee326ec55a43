"""Forward-Forward: every layer has its own objective, and every layer votes."""

from collections.abc import Sequence

from ffnp.backends.activity import Array
from ffnp.collaboration import LayerObjective
from ffnp.labels import every_label
from ffnp.network import Batch, Network


class ForwardForward:
    """A network of layers that learn locally, with one objective and its gamma.

    Parameters
    ----------
    network : Network
    objective : LayerObjective
    rows : int
        R, label rows an image in training.
    """

    def __init__(self, network: Network, objective: LayerObjective, rows: int) -> None:
        self.network = network
        self.objective = objective
        self.rows = rows
        self.parameters = network.parameters
        self.depth = self.losses = network.depth

    def training_batch(self, images: int) -> Batch:
        """Buffers to train on `images` images at a time."""
        return self.network.batch(images, self.rows, training=True)

    def scoring_batch(self, images: int) -> Batch:
        """Buffers to score every label of `images` images at a time."""
        batch = self.network.batch(images, self.network.classes, training=False)
        batch.labels = self.network.backend.to_device(every_label(images, self.network.classes))
        return batch

    def forward(self, batch: Batch, start: int = 0, stop: int | None = None) -> None:
        """Forward pass of layers `start`..`stop` - 1 (from 0)."""
        self.network.forward(batch, start, stop)

    def evaluate(self, batch: Batch, totals: Array) -> None:
        """Coefficients of the first `len(totals) - 1` layers; see `Backend.evaluate`."""
        layers = len(totals) - 1
        self.network.backend.evaluate(
            self.objective, batch.goodness[:layers], batch.coefficients[:layers], totals
        )

    def gradient(self, batch: Batch, layers: Sequence[int]) -> None:
        """Local gradients of some layers (from 0), after `evaluate`."""
        self.network.gradient(batch, layers)

    def scores(self, batch: Batch) -> Array:
        """(L, N, K) goodness of each layer for each label: every layer is a voter."""
        return batch.goodness
