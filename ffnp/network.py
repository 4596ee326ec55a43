"""A network of labelled layers, and the buffers of one batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ffnp.activations import Activation
from ffnp.backends.activity import Activity, Array
from ffnp.backends.base import Backend
from ffnp.layers import Dense, LabelledDense
from ffnp.parameters import Parameters


@dataclass
class Batch:
    """The buffers of a batch of N images with R label rows each, reused for every such batch.

    Attributes
    ----------
    x : (N, D) array
        Scaled images.
    labels : (N, R) int32 array
        The true label in column 0 when training. Replaced for each batch.
    product : (N, H_1) array
        x W_x; on the way back, the first layer's delta summed over an image's rows.
    activities : list of Activity, one a layer
    goodness, coefficients : (L, N, R) arrays
        `goodness[i]` is `activities[i].goodness`.
    shares : list of Share
        The same buffers, cut by images into parts that are worked on side by side.
    """

    x: Array
    labels: Array
    product: Array
    activities: Sequence[Activity]
    goodness: Array
    coefficients: Array
    shares: "Sequence[Share]" = ()

    def part(self, images: slice) -> "Batch":
        """Views of some of the images."""
        return replace(
            self,
            x=self.x[images],
            labels=self.labels[images],
            product=self.product[images],
            activities=[activity.part(images) for activity in self.activities],
            goodness=self.goodness[:, images],
            coefficients=self.coefficients[:, images],
            shares=(),
        )


@dataclass(frozen=True)
class Share:
    """Some of a batch's images, and what they alone add to the gradients.

    Attributes
    ----------
    images : slice
    batch : Batch
    d_label_weights : (K, H_1) array
    d_bias : list of (H_i,) arrays
        The parameters' own gradients, where the batch has one share.
    """

    images: slice
    batch: Batch
    d_label_weights: Array
    d_bias: Sequence[Array]


class Network:
    """L fully connected layers over an image joined with a label.

    Parameters
    ----------
    backend : Backend
    pixels, classes : int
        D and K.
    hidden : sequence of int
        Widths H_1..H_L.
    activation : Activation
    label_scale : float
        s, the label's entry in the joined input.
    dtype : numpy.dtype
        float32 or float64, of everything.
    """

    def __init__(
        self,
        backend: Backend,
        pixels: int,
        classes: int,
        hidden: Sequence[int],
        activation: Activation,
        label_scale: float,
        dtype: np.dtype[Any],
    ) -> None:
        self.backend = backend
        self.pixels, self.classes, self.dtype = pixels, classes, dtype
        self.activation = activation
        shapes = layer_shapes([pixels + classes, *hidden])
        self.parameters = Parameters(backend, shapes, dtype)
        self.first = LabelledDense(self.parameters, "layer1", activation, pixels, label_scale)
        self.later = [
            Dense(self.parameters, f"layer{i}", activation) for i in range(2, len(hidden) + 1)
        ]

    @property
    def depth(self) -> int:
        """L, the number of layers."""
        return 1 + len(self.later)

    @property
    def layers(self) -> list[Dense]:
        """All layers, the first included."""
        return [self.first, *self.later]

    def batch(self, images: int, rows: int, training: bool) -> Batch:
        """Buffers for `images` images of `rows` label rows."""
        empty, dtype = self.backend.empty, self.dtype
        goodness = empty((self.depth, images, rows), dtype)
        keeps_slope = training and self.activation.keeps_slope
        batch = Batch(
            x=empty((images, self.pixels), dtype),
            labels=empty((images, rows), np.dtype(np.int32)),
            product=empty((images, self.first.width), dtype),
            activities=[
                Activity.empty(
                    empty, (images, rows, layer.width), goodness[i], keeps_slope, training
                )
                for i, layer in enumerate(self.layers)
            ],
            goodness=goodness,
            coefficients=empty(goodness.shape if training else (self.depth, 0, 0), dtype),
        )
        batch.shares = self._shares(batch)
        return batch

    def _shares(self, batch: Batch) -> list[Share]:
        images, rows = batch.labels.shape
        widest = max(layer.width for layer in self.layers)
        parts = self.backend.shares(images, images * rows * widest)
        outs = [self.first.d_label_weights, *(layer.d_bias for layer in self.layers)]
        if len(parts) == 1:
            return [Share(parts[0], batch, outs[0], outs[1:])]
        return [
            Share(part, batch.part(part), addends[0], addends[1:])
            for part in parts
            for addends in [[self.backend.empty(out.shape, out.dtype) for out in outs]]
        ]

    def forward(self, batch: Batch, start: int = 0, stop: int | None = None) -> None:
        """Forward pass of layers `start`..`stop` - 1 (from 0) from what the batch holds."""
        layers = range(start, self.depth if stop is None else stop)
        self.backend.run([partial(self._forward, batch, share, layers) for share in batch.shares])

    def _forward(self, whole: Batch, share: Share, layers: range) -> None:
        batch, labels = share.batch, whole.labels[share.images]
        for i in layers:
            out = batch.activities[i]
            if i == 0:
                self.first.forward_labelled(batch.x, labels, batch.product, out)
            else:
                self.later[i - 1].forward(batch.activities[i - 1], out)

    def gradient(self, batch: Batch, layers: Sequence[int]) -> None:
        """Local gradients of some layers (from 0), from `batch.coefficients`."""
        self.backend.run([partial(self._deltas, batch, share, layers) for share in batch.shares])
        self._add_up(batch.shares, layers)
        self.backend.matmuls(
            [
                self.later[i - 1].product(batch.activities[i - 1], batch.activities[i])
                if i > 0
                else self.first.product_labelled(batch.x, batch.product)
                for i in layers
            ]
        )

    def _deltas(self, whole: Batch, share: Share, layers: Sequence[int]) -> None:
        batch, labels = share.batch, whole.labels[share.images]
        for i in layers:
            coefficients, out = batch.coefficients[i], batch.activities[i]
            if i == 0:
                self.first.delta_labelled(
                    coefficients, labels, out,
                    batch.product, share.d_label_weights, share.d_bias[0],
                )  # fmt: skip
            else:
                self.later[i - 1].delta(coefficients, batch.activities[i - 1], out, share.d_bias[i])

    def _add_up(self, shares: Sequence[Share], layers: Sequence[int]) -> None:
        if len(shares) == 1:
            return
        for i in layers:
            _sum([share.d_bias[i] for share in shares], self.layers[i].d_bias)
            if i == 0:
                _sum([share.d_label_weights for share in shares], self.first.d_label_weights)


def _sum(addends: Sequence[Array], out: Array) -> None:
    out[...] = addends[0]
    for addend in addends[1:]:
        out += addend


def layer_shapes(widths: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of dense layers between consecutive widths."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (inputs, outputs) in enumerate(zip(widths[:-1], widths[1:], strict=True), start=1):
        shapes[f"layer{i}.weights"] = (inputs, outputs)
        shapes[f"layer{i}.bias"] = (outputs,)
    return shapes
