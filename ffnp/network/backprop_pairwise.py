"""Baseline: the last layer's goodness, ranked by label, with the chain rule by hand."""

from collections.abc import Sequence

from ffnp.backends.activity import Array
from ffnp.network.method import Method
from ffnp.network.network import Batch, Network
from ffnp.objectives import Pairwise
from ffnp.objectives.collaboration import LayerObjective


class BackpropPairwise(Method):
    """Pairwise ranking of the last layer's goodness, backpropagated; no normalisation.

    The input is joined with labels as in Forward-Forward, and the label of most goodness in the
    last layer is the prediction.

    `rows` is R, label rows an image in training.
    """

    def __init__(self, network: Network, objective: Pairwise, rows: int) -> None:
        super().__init__(network, rows, losses=1)
        self._objective = LayerObjective(objective, "none")

    def evaluate(self, batch: Batch, totals: Array) -> None:
        """Pairwise loss of the last layer's goodness, and its coefficients."""
        arrays = batch.goodness[-1:], batch.coefficients[-1:]
        self.backend.evaluate(self._objective, *arrays, totals, batch.sample_weight)

    def delta(self, batch: Batch, layers: Sequence[int]) -> None:
        self.network.delta(batch, [self.depth - 1])
        self.network.backpropagate(batch)

    def scores(self, batch: Batch) -> Array:
        """(1, N, K) goodness of the last layer."""
        return batch.goodness[-1:]
