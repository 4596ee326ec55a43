"""Baseline: the last layer's goodness, ranked by label, with the chain rule by hand."""

from collections.abc import Sequence

from ffnp.backends.activity import Array, Product
from ffnp.collaboration import LayerObjective
from ffnp.labels import every_label
from ffnp.methods.base import Method
from ffnp.methods.chain import ChainBatch, chain_batch
from ffnp.network import Network
from ffnp.objectives import Pairwise


class BackpropPairwise(Method):
    """Pairwise ranking of the last layer's goodness, backpropagated; no normalisation.

    The input is joined with labels as in Forward-Forward, and the label of most goodness in the
    last layer is the prediction.

    Parameters
    ----------
    network : Network
    objective : Pairwise
    rows : int
        R, label rows an image in training.
    """

    losses = 1

    def __init__(self, network: Network, objective: Pairwise, rows: int) -> None:
        self.network = network
        self.rows = rows
        self.parameters = network.parameters
        self.depth = network.depth
        self._objective = LayerObjective(objective, "none")

    def training_batch(self, images: int) -> ChainBatch:
        """Buffers to train on `images` images at a time."""
        batch = self.network.batch(images, self.rows, training=True)
        return chain_batch(self.network.backend, batch, 0)

    def scoring_batch(self, images: int) -> ChainBatch:
        """Buffers to score every label of `images` images at a time."""
        backend, classes = self.network.backend, self.network.classes
        batch = self.network.batch(images, classes, training=False)
        batch.take(backend.to_device(every_label(images, classes)))
        return chain_batch(backend, batch, 0)

    def forward(self, batch: ChainBatch, start: int = 0, stop: int | None = None) -> None:
        """Forward pass of layers `start`..`stop` - 1 (from 0)."""
        network, activities = self.network, batch.activities
        for i in range(start, self.depth if stop is None else stop):
            if i == 0:
                network.first.forward_labelled(batch.x, batch.labels, batch.product, activities[0])
            else:
                network.later[i - 1].forward(batch.inputs[i], activities[i])

    def evaluate(self, batch: ChainBatch, totals: Array) -> None:
        """Pairwise loss of the last layer's goodness, and its coefficients."""
        self.network.backend.evaluate(
            self._objective, batch.goodness[-1:], batch.coefficients[-1:], totals
        )

    def gradient(self, batch: ChainBatch, layers: Sequence[int]) -> list[Product]:
        """Gradients of all layers, from the last down; see `Method.gradient`."""
        network, activities = self.network, batch.activities
        first, last = network.first, self.depth - 1
        products = []
        for i in reversed(range(1, self.depth)):
            dense, inputs, out = network.later[i - 1], batch.inputs[i], activities[i]
            if i == last:
                dense.delta(batch.coefficients[i], inputs, out, dense.d_bias)
            else:
                dense.backward(out)
            products.append(dense.product(inputs, out))
            dense.input_gradient(out.delta_rows, out=activities[i - 1].delta_rows)
        if last == 0:
            first.delta_labelled(
                batch.coefficients[0], batch.labels, activities[0],
                batch.delta_sum, first.d_label_weights, first.d_bias,
            )  # fmt: skip
        else:
            first.backward_labelled(batch.labels, activities[0], batch.delta_sum)
        products.append(first.product_labelled(batch.x, batch.delta_sum))
        return products

    def scores(self, batch: ChainBatch) -> Array:
        """(1, N, K) goodness of the last layer."""
        return batch.goodness[-1:]
