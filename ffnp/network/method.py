"""What the trainer and the evaluation need of a method."""

from collections.abc import Sequence

from ffnp.backends.activity import Array, Product
from ffnp.network.labels import every_label
from ffnp.network.network import Batch, Network


class Method:
    """A network with its objective.

    Parameters
    ----------
    rows : int
        R, label rows an image in training.
    losses : int
        How many objectives, each with a loss to report and a vote: one a layer, or one in all.

    Attributes
    ----------
    by_image : bool
        Whether the objective is a mean over images, so that a batch may be evaluated in parts.
    """

    by_image = False

    def __init__(self, network: Network, rows: int, losses: int) -> None:
        self.network, self.rows, self.losses = network, rows, losses
        self.backend, self.parameters = network.backend, network.parameters
        self.depth = network.depth

    def training_batch(self, images: int) -> Batch:
        """Buffers to train on `images` images at a time."""
        return self.network.batch(images, self.rows, training=True)

    def scoring_batch(self, images: int) -> Batch:
        """Buffers to score every label of `images` images at a time."""
        classes = self.network.classes
        batch = self.network.batch(images, classes, training=False)
        batch.take(self.backend.to_device(every_label(images, classes)))
        return batch

    def forward(self, batch: Batch, start: int = 0, stop: int | None = None) -> None:
        """Forward pass of layers `start`..`stop` - 1 (from 0)."""
        self.network.forward(batch, start, self.depth if stop is None else stop)

    def evaluate(self, batch: Batch, totals: Array) -> None:
        """Losses and coefficients of `len(totals) - 1` objectives; see `Backend.evaluate`."""
        raise NotImplementedError

    def delta(self, batch: Batch, layers: Sequence[int]) -> None:
        """Deltas and `batch.gradients` of some layers (from 0), after `evaluate`.

        A baseline computes those of all layers: the chain rule starts at the last.
        """
        raise NotImplementedError

    def products(self, batch: Batch, layers: Sequence[int]) -> list[Product]:
        """The products, not computed yet, that give the weights' gradients, after `delta`."""
        return self.network.products(batch, layers)

    def scores(self, batch: Batch) -> Array:
        """(V, N, K) scores by the method's V voters, after `forward` on a scoring batch."""
        raise NotImplementedError
