"""Baseline: a multilayer perceptron from pixels to classes, with the chain rule by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ffnp.activations import Activation
from ffnp.backends.activity import Activity, Array, Product
from ffnp.backends.base import Backend
from ffnp.layers import Dense
from ffnp.methods.base import Method
from ffnp.methods.chain import ChainBatch, chain_batch
from ffnp.network import Batch, layer_shapes
from ffnp.parameters import Parameters


class BackpropLabel(Method):
    """D -> H_1 .. H_L -> K by softmax cross-entropy; one row an image, no normalisation.

    Parameters
    ----------
    backend : Backend
    pixels, classes : int
        D and K.
    hidden : sequence of int
        H_1..H_L.
    activation : Activation
    dtype : numpy.dtype
    """

    losses = 1
    rows = 1

    def __init__(
        self,
        backend: Backend,
        pixels: int,
        classes: int,
        hidden: tuple[int, ...],
        activation: Activation,
        dtype: np.dtype[Any],
    ) -> None:
        self.parameters = Parameters(backend, layer_shapes([pixels, *hidden, classes]), dtype)
        self.depth = len(hidden) + 1
        self.classes, self.pixels = classes, pixels
        self._backend, self._dtype, self._activation = backend, dtype, activation
        layers = [Dense(self.parameters, f"layer{i}", activation) for i in range(1, self.depth + 1)]
        self.hidden, self.output = layers[:-1], layers[-1]

    def training_batch(self, images: int) -> ChainBatch:
        """Buffers to train on `images` images at a time."""
        return self._batch(images, training=True)

    def scoring_batch(self, images: int) -> ChainBatch:
        """Buffers to score `images` images at a time."""
        return self._batch(images, training=False)

    def _batch(self, images: int, training: bool) -> ChainBatch:
        empty, dtype = self._backend.empty, self._dtype
        goodness = empty((len(self.hidden), images, 1), dtype)
        keeps_slope = training and self._activation.keeps_slope
        batch = Batch(
            x=empty((images, self.pixels), dtype),
            labels=empty((images, 1), np.dtype(np.int32)),
            index=None,
            activities=[
                Activity.empty(empty, (images, 1, layer.width), goodness[i], keeps_slope, training)
                for i, layer in enumerate(self.hidden)
            ],
            goodness=goodness,
            d_bias=[layer.d_bias for layer in self.hidden],
            images=slice(0, images),
        )
        return chain_batch(self._backend, batch, self.classes)

    def forward(self, batch: ChainBatch, start: int = 0, stop: int | None = None) -> None:
        """Forward pass of layers `start`..`stop` - 1 (from 0); the last gives a W, without b."""
        for i in range(start, self.depth if stop is None else stop):
            if i < len(self.hidden):
                self.hidden[i].forward(batch.inputs[i], batch.activities[i])
            else:
                self._backend.matmul(batch.inputs[i].rows, self.output.weights, out=batch.logits)

    def evaluate(self, batch: ChainBatch, totals: Array) -> None:
        """Cross-entropy, and dJ/dlogits in place of the logits."""
        self._backend.cross_entropy(
            batch.logits, self.output.bias, batch.labels[:, 0], totals, self.output.d_bias
        )

    def gradient(self, batch: ChainBatch, layers: Sequence[int]) -> list[Product]:
        """Gradients of all layers, from the last down; see `Method.gradient`."""
        inputs = batch.inputs
        # In the forward pass this was logits = a W + b.
        products = [(inputs[-1].rows.T, batch.logits, self.output.d_weights)]
        above, d_z = self.output, batch.logits
        for layer, activity, read in reversed(
            list(zip(self.hidden, batch.activities, inputs[:-1], strict=True))
        ):
            above.input_gradient(d_z, out=activity.delta_rows)
            layer.backward(activity)
            products.append(layer.product(read, activity))
            above, d_z = layer, activity.delta_rows
        return products

    def scores(self, batch: ChainBatch) -> Array:
        """(1, N, K) logits."""
        return (batch.logits + self.output.bias)[None]
