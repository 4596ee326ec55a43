"""Baseline: the last layer's goodness, ranked by label, with the chain rule by hand."""

from ffnp.backends.activity import Array
from ffnp.collaboration import LayerObjective
from ffnp.labels import every_label
from ffnp.methods.chain import ChainBatch, chain_batch
from ffnp.network import Network
from ffnp.objectives import Pairwise


class BackpropPairwise:
    """softplus(-(g_L+ - g_L-)) of the last layer, backpropagated; no normalisation.

    The input is joined with labels as in Forward-Forward, and the label of most goodness in the
    last layer is the prediction.

    Parameters
    ----------
    network : Network
    """

    losses = 1
    rows = 2

    def __init__(self, network: Network) -> None:
        self.network = network
        self.parameters = network.parameters
        self.depth = network.depth
        self._objective = LayerObjective(Pairwise(1.0), "none")

    def training_batch(self, images: int) -> ChainBatch:
        """Buffers to train on `images` images at a time."""
        batch = self.network.batch(images, self.rows, training=True)
        return chain_batch(self.network.backend, batch, 0, training=True)

    def scoring_batch(self, images: int) -> ChainBatch:
        """Buffers to score every label of `images` images at a time."""
        backend, classes = self.network.backend, self.network.classes
        batch = self.network.batch(images, classes, training=False)
        batch.labels = backend.to_device(every_label(images, classes))
        return chain_batch(backend, batch, 0, training=False)

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

    def gradient(self, batch: ChainBatch, layer: int) -> None:
        """Gradient of one layer (from 0), and dJ/da of the layer below."""
        first, inputs, out = self.network.first, batch.inputs[layer], batch.activities[layer]
        last = layer == self.depth - 1
        if layer == 0 and last:
            first.gradient_labelled(
                batch.coefficients[0], batch.x, batch.labels, batch.product, out
            )
        elif layer == 0:
            first.backward_labelled(batch.d_values[0], batch.x, batch.labels, batch.product, out)
        else:
            dense = self.network.later[layer - 1]
            if last:
                dense.gradient(batch.coefficients[layer], inputs, out)
            else:
                dense.backward(batch.d_values[layer], inputs, out)
            below = batch.d_values[layer - 1]
            dense.input_gradient(out.rows, out=below.reshape(-1, below.shape[2]))

    def scores(self, batch: ChainBatch) -> Array:
        """(1, N, K) goodness of the last layer."""
        return batch.goodness[-1:]
