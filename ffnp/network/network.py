"""A network of layers, and the buffers of one batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ffnp.backends.activity import Activity, Array, Product
from ffnp.backends.reference import Backend
from ffnp.network.dropout import Dropout
from ffnp.network.layers import Dense, Gradient, Joined, LabelledDense, Output
from ffnp.network.parameters import Parameters
from ffnp.objectives.activations import Activation

NO_DROPOUT = Dropout()


@dataclass
class Batch:
    """The buffers of a batch of N images with R label rows each, reused for every such batch.

    Attributes
    ----------
    inputs : list, one a layer
        What each layer reads: the joined images, then the activity of the layer below, or both.
    activities : list of Activity, one a layer
    goodness : (L, N, R) array
        `goodness[i]` is `activities[i].goodness`.
    coefficients : (L, N, R) array
        dJ/dg; empty but in training.
    gradients : list of Gradient, one a layer
        Sums over these images.
    images : slice
        Which of the whole batch's images these are.
    index : array or None
        Where a source finds the images, which are its first axis. See `take`.
    step : int
        Of the training, which decides what dropout leaves out.
    sample_weight : (N,) array or None
        See `Backend.evaluate`.
    logits : sequence of Activity, one a layer
        Of their heads (method local-heads).
    split : sequence of Batch
        Views of these buffers, some images each (`sharing.split`); none of a batch left whole.
    """

    inputs: list[Any]
    activities: list[Activity]
    goodness: Array
    coefficients: Array
    gradients: list[Gradient]
    images: slice
    index: Array = None
    step: int = 0
    sample_weight: Array | None = None
    logits: Sequence[Activity] = ()
    split: "Sequence[Batch]" = ()

    @property
    def parts(self) -> "Sequence[Batch]":
        """The parts that it is split into, or itself (not stored: it would keep itself alive)."""
        return self.split or [self]

    @property
    def x(self) -> Array:
        """(N, D) scaled images."""
        return self.inputs[0].x

    @property
    def labels(self) -> Array:
        """(N, R) int32 labels."""
        return self.inputs[0].labels

    def take(
        self,
        labels: Array,
        index: Array = None,
        step: int = 0,
        sample_weight: Array | None = None,
    ) -> None:
        """Hold other images from now on: their labels, and where a source finds them."""
        for inputs in self.inputs:
            if isinstance(inputs, Joined):
                inputs.labels = labels
        self.index, self.step, self.sample_weight = index, step, sample_weight
        for part in self.split:
            own = [None if each is None else each[part.images] for each in (index, sample_weight)]
            part.take(labels[part.images], own[0], step, own[1])

    def part(self, images: slice, empty: Callable[..., Array]) -> "Batch":
        """Views of some of the images, with gradients of their own, by `Backend.empty`."""
        activities = [activity.part(images) for activity in self.activities]
        return Batch(
            inputs=[each.part(images) for each in self.inputs],
            activities=activities,
            goodness=self.goodness[:, images],
            coefficients=self.coefficients[:, images],
            gradients=[gradient.like(empty) for gradient in self.gradients],
            images=images,
        )


class Network:
    """Fully connected layers, each reading the activity of the one below.

    Parameters
    ----------
    pixels, classes : int
        D and K.
    normalised : bool
        Whether a layer reads its predecessor's rows at length 1.
    dropout : Dropout
    dropping : int
        How many layers, from the first, leave out units.
    """

    def __init__(
        self,
        parameters: Parameters,
        layers: Sequence[Dense],
        pixels: int,
        classes: int,
        normalised: bool,
        dropout: Dropout,
        dropping: int,
    ) -> None:
        self.backend, self.parameters = parameters.backend, parameters
        self.layers = list(layers)
        self.depth = len(self.layers)
        self.pixels, self.classes, self.normalised = pixels, classes, normalised
        self.dropout, self._dropping = dropout, dropping if dropout.units else 0
        # a goodness sums the squares of activities, a layer that is not normalised sums activities
        self._power = 2 if normalised else 1
        self.gain = dropout.gain(dropout.units, self._power)

    def batch(self, images: int, rows: int, training: bool) -> Batch:
        """Buffers for `images` images of `rows` label rows."""
        dtype = self.parameters.flat.dtype

        def empty(*shape: int) -> Array:
            return self.backend.empty(shape, dtype)

        goodness = empty(self.depth, images, rows)
        goodness[...] = 0  # an output layer has none
        activities = [
            layer.activity(own, training, dropout=training and i < self._dropping)
            for i, (layer, own) in enumerate(zip(self.layers, goodness, strict=True))
        ]
        ones = self.backend.to_device(np.ones((images, rows), dtype))
        below = [a if self.normalised else replace(a, scale=ones) for a in activities[:-1]]
        joined = Joined(
            x=empty(images, self.pixels),
            labels=self.backend.empty((images, rows), np.dtype(np.int32)),
            shared=empty(images, self.layers[0].width),
            scale=ones,
            kept=empty(images, self.pixels) if training and self.dropout.pixels else None,
        )
        later: list[Any] = [
            replace(joined, shared=empty(images, layer.width), below=activity)
            if isinstance(layer, LabelledDense)
            else activity
            for layer, activity in zip(self.layers[1:], below, strict=True)
        ]
        return Batch(
            inputs=[joined, *later],
            activities=activities,
            goodness=goodness,
            coefficients=empty(*goodness.shape) if training else empty(self.depth, 0, 0),
            gradients=[layer.gradient for layer in self.layers],
            images=slice(0, images),
        )

    def drop_pixels(self, batch: Batch) -> None:
        """Leave out pixels of the batch's images, if any are to be."""
        x, kept = batch.x, batch.inputs[0].kept
        if kept is not None:
            self.dropout.draw_pixels(self.backend, batch.step, batch.images.start, kept)
            x *= kept

    def _drop_units(self, batch: Batch, layer: int) -> None:
        """Draw which units of a layer (from 0) are left out, if any are to be."""
        kept = batch.activities[layer].kept
        if kept is not None:
            first = batch.images.start
            self.dropout.draw_units(self.backend, batch.step, layer, first, self._power, kept)

    def forward(self, batch: Batch, start: int = 0, stop: int | None = None) -> None:
        """Forward pass of layers `start`..`stop` - 1 (from 0) from what the batch holds."""
        for i in range(start, self.depth if stop is None else stop):
            self._drop_units(batch, i)
            self.layers[i].forward(batch.inputs[i], batch.activities[i])

    def delta(self, batch: Batch, layers: Sequence[int]) -> None:
        """Deltas and `batch.gradients` of some layers (from 0), from `batch.coefficients`."""
        for i in layers:
            self.layers[i].delta(
                batch.coefficients[i], batch.inputs[i], batch.activities[i], batch.gradients[i]
            )

    def backward(self, batch: Batch, layer: int) -> None:
        """Delta and `batch.gradients` of a layer (from 0), from the dJ/da that its delta holds."""
        delta, kept = batch.activities[layer].delta, batch.activities[layer].kept
        if kept is not None:
            delta *= kept[:, None, :]
        arrays = (batch.inputs[layer], batch.activities[layer], batch.gradients[layer])
        self.layers[layer].backward(*arrays)

    def backpropagate(self, batch: Batch) -> None:
        """`backward` of all layers but the last, by the chain rule from the last one's delta."""
        for i in reversed(range(self.depth - 1)):
            self.layers[i + 1].input_gradient(batch.activities[i + 1], batch.activities[i])
            self.backward(batch, i)

    def products(self, batch: Batch, layers: Sequence[int]) -> list[Product]:
        """The products, not computed yet, that give the weights' gradients of some layers."""
        pairs = [self.layers[i].products(batch.inputs[i], batch.activities[i]) for i in layers]
        return [product for products in pairs for product in products]


def labelled_network(
    backend: Backend,
    pixels: int,
    classes: int,
    hidden: Sequence[int],
    activation: Activation,
    label_scale: float,
    dtype: np.dtype[Any],
    normalised: bool = True,
    dropout: Dropout = NO_DROPOUT,
    joined: str = "first",
) -> Network:
    """L layers over an image joined with a label.

    `pixels` is D, `classes` K, `hidden` the widths H_1..H_L, and `label_scale` s, the label's entry
    in the joined input. `normalised`: whether a layer reads its predecessor's rows at length 1.
    `joined`: whether the `first` layer reads the joined input, or `every` one does, beside the
    layer below.
    """
    every = pixels + classes if joined == "every" else 0
    inputs = [pixels + classes, *(every + width for width in hidden[:-1])]
    parameters = Parameters(backend, layer_shapes(inputs, hidden), dtype)

    def layer(number: int) -> Dense:
        if number == 1 or every:
            return LabelledDense(
                parameters, f"layer{number}", activation, pixels, classes, label_scale
            )
        return Dense(parameters, f"layer{number}", activation)

    layers = [layer(number) for number in range(1, len(hidden) + 1)]
    # without normalisation the loss reads the last layer's goodness alone
    dropping = len(layers) if normalised else len(layers) - 1
    return Network(parameters, layers, pixels, classes, normalised, dropout, dropping)


def perceptron(
    backend: Backend,
    pixels: int,
    classes: int,
    hidden: Sequence[int],
    activation: Activation,
    dtype: np.dtype[Any],
    dropout: Dropout = NO_DROPOUT,
) -> Network:
    """L hidden layers from pixels, and an output for each class; no labels, no normalisation."""
    shapes = layer_shapes([pixels, *hidden], [*hidden, classes])
    parameters = Parameters(backend, shapes, dtype)
    below = [Dense(parameters, f"layer{i}", activation) for i in range(1, len(hidden) + 1)]
    output = Output(parameters, f"layer{len(hidden) + 1}", activation)
    return Network(parameters, [*below, output], pixels, classes, False, dropout, len(hidden))


def headed_network(
    backend: Backend,
    pixels: int,
    classes: int,
    hidden: Sequence[int],
    activation: Activation,
    dtype: np.dtype[Any],
    dropout: Dropout = NO_DROPOUT,
) -> tuple[Network, list[Output]]:
    """L hidden layers from pixels, and for each a head, H_i -> K; no labels, no normalisation."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (read, units) in enumerate(pairwise([pixels, *hidden]), start=1):
        # a layer's tensors stand together, so that one optimiser has them
        for name, (inputs, outputs) in {"": (read, units), ".head": (units, classes)}.items():
            shapes[f"layer{i}{name}.weights"] = (inputs, outputs)
            shapes[f"layer{i}{name}.bias"] = (outputs,)
    parameters = Parameters(backend, shapes, dtype)
    numbers = range(1, len(hidden) + 1)
    layers = [Dense(parameters, f"layer{i}", activation) for i in numbers]
    heads = [Output(parameters, f"layer{i}.head", activation) for i in numbers]
    network = Network(parameters, layers, pixels, classes, False, dropout, len(hidden))
    return network, heads


def layer_shapes(inputs: Sequence[int], outputs: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of dense layers."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (read, units) in enumerate(zip(inputs, outputs, strict=True), start=1):
        shapes[f"layer{i}.weights"] = (read, units)
        shapes[f"layer{i}.bias"] = (units,)
    return shapes
