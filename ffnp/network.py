"""A network of labelled layers, and the buffers of one batch."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    """

    x: Array
    labels: Array
    product: Array
    activities: Sequence[Activity]
    goodness: Array
    coefficients: Array


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

    def batch(self, images: int, rows: int, training: bool) -> Batch:
        """Buffers for `images` images of `rows` label rows."""
        empty, dtype = self.backend.empty, self.dtype
        goodness = empty((self.depth, images, rows), dtype)
        keeps_slope = training and self.activation.keeps_slope
        return Batch(
            x=empty((images, self.pixels), dtype),
            labels=empty((images, rows), np.dtype(np.int32)),
            product=empty((images, self.first.width), dtype),
            activities=[
                Activity.empty(empty, (images, rows, layer.width), keeps_slope, goodness[i])
                for i, layer in enumerate([self.first, *self.later])
            ],
            goodness=goodness,
            coefficients=empty(goodness.shape if training else (0, 0, 0), dtype),
        )

    def forward(self, batch: Batch, start: int = 0, stop: int | None = None) -> None:
        """Forward pass of layers `start`..`stop` - 1 (from 0) from what the batch holds."""
        for i in range(start, self.depth if stop is None else stop):
            if i == 0:
                self.first.forward_labelled(
                    batch.x, batch.labels, batch.product, batch.activities[0]
                )
            else:
                self.later[i - 1].forward(batch.activities[i - 1], batch.activities[i])

    def gradient(self, batch: Batch, layer: int) -> None:
        """Local gradient of one layer (from 0), from `batch.coefficients[layer]`.

        Overwrites that layer's activity: take the layers from the last to the first.
        """
        coefficients, activities = batch.coefficients[layer], batch.activities
        if layer == 0:
            self.first.gradient_labelled(
                coefficients, batch.x, batch.labels, batch.product, activities[0]
            )
        else:
            self.later[layer - 1].gradient(coefficients, activities[layer - 1], activities[layer])


def layer_shapes(widths: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of dense layers between consecutive widths."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (inputs, outputs) in enumerate(zip(widths[:-1], widths[1:], strict=True), start=1):
        shapes[f"layer{i}.weights"] = (inputs, outputs)
        shapes[f"layer{i}.bias"] = (outputs,)
    return shapes
