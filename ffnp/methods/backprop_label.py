"""Baseline: a multilayer perceptron from pixels to classes, with the chain rule by hand."""

from typing import Any

import numpy as np

from ffnp.activations import Activation
from ffnp.backends.activity import Activity, Array
from ffnp.backends.base import Backend
from ffnp.layers import Dense
from ffnp.methods.chain import ChainBatch, chain_batch
from ffnp.network import Batch, layer_shapes
from ffnp.parameters import Parameters


class BackpropLabel:
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
            product=empty((0, 0), dtype),
            activities=[
                Activity.empty(empty, (images, 1, layer.width), keeps_slope, goodness[i])
                for i, layer in enumerate(self.hidden)
            ],
            goodness=goodness,
            coefficients=empty((0, 0, 0), dtype),
        )
        return chain_batch(self._backend, batch, self.classes, training)

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

    def gradient(self, batch: ChainBatch, layer: int) -> None:
        """Gradient of one layer (from 0), and dJ/da of the layer below."""
        if layer == len(self.hidden):
            # In the forward pass this was logits = a W + b.
            self._backend.matmul(
                batch.inputs[layer].rows.T, batch.logits, out=self.output.d_weights
            )
            d_z, above = batch.logits, self.output
        else:
            above, out = self.hidden[layer], batch.activities[layer]
            above.backward(batch.d_values[layer], batch.inputs[layer], out)
            d_z = out.rows
        if layer > 0:
            below = batch.d_values[layer - 1]
            above.input_gradient(d_z, out=below.reshape(-1, below.shape[2]))

    def scores(self, batch: ChainBatch) -> Array:
        """(1, N, K) logits."""
        return (batch.logits + self.output.bias)[None]
