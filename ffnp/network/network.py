"""A network of layers, and the buffers of one batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from ffnp.backends.activity import Activity, Array, Product
from ffnp.network.candidates import Candidates
from ffnp.network.dropout import Dropout
from ffnp.network.layers import Dense, Gradient, Joined, LabelledDense
from ffnp.network.parameters import Parameters
from ffnp.randomness import Drop


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
    kept : dict of int to (S, N, H) array
        What units are multiplied by, where some are left out: of S layers of one width in a row,
        by the number of the first (from 0).
    sample_weight : (N,) array or None
        See `Backend.evaluate`.
    logits : sequence of Activity, one a layer
        Of their heads (method local-heads).
    candidates : Candidates or None
        Chooses labels in the forward pass, where they are not those that it took.
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
    kept: dict[int, Array] = field(default_factory=dict)
    sample_weight: Array | None = None
    logits: Sequence[Activity] = ()
    candidates: Candidates | None = None
    split: "Sequence[Batch]" = ()

    @cached_property
    def layers_coefficients(self) -> list[Array]:
        """Views of the coefficients, one a layer."""
        return list(self.coefficients)

    @cached_property
    def products(self) -> dict[int, list[Product]]:
        """By layer (from 0), those that give its weights' gradient: see `Network.products`."""
        return {}

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
            kept={first: group[:, images] for first, group in self.kept.items()},
        )


class Network:
    """Fully connected layers, each reading the activity of the one below.

    Parameters
    ----------
    pixels, classes : int
        D and K.
    normalised : bool
        Whether a layer reads its predecessor's rows at one length.
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
        kept = dict[int, Array]()
        dropping = enumerate(self.layers[: self._dropping if training else 0])
        for width, group in groupby(dropping, lambda each: each[1].width):
            numbers = [i for i, _ in group]
            kept[numbers[0]] = empty(len(numbers), images, width)
        of_layers = dict(enumerate(own for group in kept.values() for own in group))
        activities = [
            layer.activity(own, training, of_layers.get(i))
            for i, (layer, own) in enumerate(zip(self.layers, goodness, strict=True))
        ]
        ones = self.backend.to_device(np.ones((images, rows), dtype))
        below = [a if self.normalised else replace(a, scale=ones) for a in activities[:-1]]
        joined = Joined(
            x=empty(images, self.pixels),
            labels=self.backend.empty((images, rows), np.dtype(np.int32)),
            shared=empty(images, self.layers[0].width),
            scale=ones,
            drops=training and self.dropout.pixels > 0,
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
            coefficients=empty(self.depth, images, rows if training else 0),
            gradients=[layer.gradient for layer in self.layers],
            images=slice(0, images),
            kept=kept,
        )

    def pixel_drop(self, batch: Batch) -> Drop | None:
        """Which pixels of the batch's images are left out, if any are to be."""
        if not batch.inputs[0].drops:
            return None
        return self.dropout.of_pixels(batch.step, batch.images.start)

    def _drop_units(self, batch: Batch, start: int, stop: int) -> None:
        """Draw which units of layers `start`..`stop` - 1 are left out, if any are to be."""
        for layer, group in batch.kept.items():
            first, last = max(start, layer), min(stop, layer + len(group))
            if first < last:
                own = group if last - first == len(group) else group[first - layer : last - layer]
                image = batch.images.start
                self.dropout.draw_units(self.backend, batch.step, first, image, self._power, own)

    def forward(self, batch: Batch, start: int, stop: int) -> None:
        """Forward pass of layers `start`..`stop` - 1 (from 0) from what the batch holds."""
        self._drop_units(batch, start, stop)
        if start == 0 and batch.candidates is not None:
            batch.candidates.forward(batch.inputs[0], batch.activities[0])
            start = 1
        for i in range(start, stop):
            self.layers[i].forward(batch.inputs[i], batch.activities[i])

    def delta(self, batch: Batch, layers: Sequence[int]) -> None:
        """Deltas and `batch.gradients` of some layers (from 0), from `batch.coefficients`."""
        for i in layers:
            arrays = batch.inputs[i], batch.activities[i], batch.gradients[i]
            self.layers[i].delta(batch.layers_coefficients[i], *arrays)

    def backward(self, batch: Batch, layer: int) -> None:
        """Delta and `batch.gradients` of a layer (from 0), from the dJ/da that its delta holds."""
        arrays = (batch.inputs[layer], batch.activities[layer], batch.gradients[layer])
        self.layers[layer].backward(*arrays)

    def backpropagate(self, batch: Batch) -> None:
        """`backward` of all layers but the last, by the chain rule from the last one's delta."""
        for i in reversed(range(self.depth - 1)):
            self.layers[i + 1].input_gradient(batch.activities[i + 1], batch.activities[i])
            self.backward(batch, i)

    def products(self, batch: Batch, layers: Sequence[int]) -> list[Product]:
        """The products, not computed yet, that give the weights' gradients of some layers."""
        for i in layers:
            if i not in batch.products:  # views are made once
                made = self.layers[i].products(batch.inputs[i], batch.activities[i])
                batch.products[i] = made
        return [product for i in layers for product in batch.products[i]]
