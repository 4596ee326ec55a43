"""Baseline: a multilayer perceptron from pixels to classes, with the chain rule by hand."""

from collections.abc import Sequence

from ffnp.backends.activity import Array
from ffnp.network.method import Method
from ffnp.network.network import Batch, Network


class BackpropLabel(Method):
    """D -> H_1 .. H_L -> K by softmax cross-entropy; one row an image, no normalisation.

    The network is a `perceptron`.
    """

    def __init__(self, network: Network) -> None:
        super().__init__(network, rows=1, losses=1)
        self._output = network.layers[-1]

    def scoring_batch(self, images: int) -> Batch:
        """See `Method.scoring_batch`: every label has its output."""
        return self.network.batch(images, 1, training=False)

    def evaluate(self, batch: Batch, totals: Array) -> None:
        """Cross-entropy, and dJ/dlogits in place of the logits."""
        self.backend.cross_entropy(
            batch.activities[-1].rows, self._output.bias, batch.labels[:, 0], totals,
            batch.gradients[-1].bias, batch.sample_weight,
        )  # fmt: skip

    def delta(self, batch: Batch, layers: Sequence[int]) -> None:
        """See `Method.delta`: the logits are the last layer's delta already."""
        self.network.backpropagate(batch)

    def scores(self, batch: Batch) -> Array:
        """(1, N, K) logits."""
        return (batch.activities[-1].rows + self._output.bias)[None]
