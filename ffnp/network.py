"""A network of labelled layers, and the buffers of one batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ffnp.activations import Activation
from ffnp.backends.activity import Activity, Array, Product
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
        The true label in column 0 when training. See `take`.
    index : array or None
        Where a source finds the images: its first axis is theirs. See `take`.
    activities : list of Activity, one a layer
    goodness : (L, N, R) array
        `goodness[i]` is `activities[i].goodness`.
    d_bias : list of (H_i,) arrays
        What these images alone add to gradients: the parameters' own, but in a part.
    images : slice
        Which of the whole batch's images these are.
    product : (N, H_1) array
        x W_x.
    coefficients : (L, N, R) array
    d_label_weights : (K, H_1) array
        As `d_bias`. These three are None where no labels are joined.
    cuts : list of Batch
        The same buffers in parts, by images, that are worked on side by side; empty in a part, and
        if there is no use in it.
    """

    x: Array
    labels: Array
    index: Array
    activities: Sequence[Activity]
    goodness: Array
    d_bias: Sequence[Array]
    images: slice
    product: Array = None
    coefficients: Array = None
    d_label_weights: Array = None
    cuts: "Sequence[Batch]" = ()

    @property
    def delta_sum(self) -> Array:
        """(N, H_1): on the way back, the first layer's delta summed over an image's rows.

        It takes the place of `product`, which is not needed any more.
        """
        return self.product

    @property
    def parts(self) -> "Sequence[Batch]":
        """The cuts; the batch itself if it has none."""
        return self.cuts or [self]

    def take(self, labels: Array, index: Array = None) -> None:
        """Turn to other images: their labels, and where a source finds them."""
        self.labels, self.index = labels, index
        for part in self.cuts:
            own = None if index is None else index[part.images]
            part.take(labels[part.images], own)

    def cut(self, parts: Sequence[slice], empty: Callable[..., Array]) -> None:
        """Make parts of so many images, with gradients of their own, by `Backend.empty`."""
        if len(parts) > 1:
            self.cuts = [self._part(images, empty) for images in parts]

    def _part(self, images: slice, empty: Callable[..., Array]) -> "Batch":
        return replace(
            self,
            x=self.x[images],
            labels=self.labels[images],
            product=self.product[images],
            activities=[activity.part(images) for activity in self.activities],
            goodness=self.goodness[:, images],
            coefficients=self.coefficients[:, images],
            d_label_weights=empty(self.d_label_weights.shape, self.d_label_weights.dtype),
            d_bias=[empty(total.shape, total.dtype) for total in self.d_bias],
            images=images,
            cuts=(),
        )


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
        return Batch(
            x=empty((images, self.pixels), dtype),
            labels=empty((images, rows), np.dtype(np.int32)),
            index=None,
            product=empty((images, self.first.width), dtype),
            activities=[
                Activity.empty(
                    empty, (images, rows, layer.width), goodness[i], keeps_slope, training
                )
                for i, layer in enumerate(self.layers)
            ],
            goodness=goodness,
            coefficients=empty(goodness.shape if training else (self.depth, 0, 0), dtype),
            d_label_weights=self.first.d_label_weights,
            d_bias=[layer.d_bias for layer in self.layers],
            images=slice(0, images),
        )

    def cut(self, batch: Batch) -> Batch:
        """The batch, with parts for `forward` and `delta` to be called on side by side."""
        images, rows = batch.labels.shape
        widest = max(layer.width for layer in self.layers)
        batch.cut(self.backend.shares(images, images * rows * widest), self.backend.empty)
        return batch

    def forward(self, batch: Batch, start: int = 0, stop: int | None = None) -> None:
        """Forward pass of layers `start`..`stop` - 1 (from 0) from what the batch holds."""
        for i in range(start, self.depth if stop is None else stop):
            out = batch.activities[i]
            if i == 0:
                self.first.forward_labelled(batch.x, batch.labels, batch.product, out)
            else:
                self.later[i - 1].forward(batch.activities[i - 1], out)

    def delta(self, batch: Batch, layers: Sequence[int]) -> None:
        """Deltas of some layers (from 0), from `batch.coefficients`, and what they sum to.

        Gradients of the biases and of the label weights, that is; see `gradient`.
        """
        for i in layers:
            coefficients, out = batch.coefficients[i], batch.activities[i]
            if i == 0:
                self.first.delta_labelled(
                    coefficients, batch.labels, out,
                    batch.delta_sum, batch.d_label_weights, batch.d_bias[0],
                )  # fmt: skip
            else:
                self.later[i - 1].delta(coefficients, batch.activities[i - 1], out, batch.d_bias[i])

    def gradient(self, batch: Batch, layers: Sequence[int]) -> list[Product]:
        """Gradients of some layers (from 0), when all parts have their deltas.

        All but the weights' are in place on return; the products that give those are left to make.
        """
        for i in layers if batch.cuts else ():
            _sum([part.d_bias[i] for part in batch.cuts], batch.d_bias[i])
            if i == 0:
                _sum([part.d_label_weights for part in batch.cuts], batch.d_label_weights)
        return [
            self.later[i - 1].product(batch.activities[i - 1], batch.activities[i])
            if i > 0
            else self.first.product_labelled(batch.x, batch.delta_sum)
            for i in layers
        ]


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
