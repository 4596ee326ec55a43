"""Networks of every method, from their sizes."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ffnp.backends.reference import Backend
from ffnp.network.dropout import Dropout
from ffnp.network.layers import Dense, LabelledDense, Output
from ffnp.network.network import Network
from ffnp.network.parameters import Parameters
from ffnp.objectives.activations import Activation

NO_DROPOUT = Dropout()


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
    length: float = 1.0,
) -> Network:
    """L layers over an image joined with a label.

    `pixels` is D, `classes` K, `hidden` the widths H_1..H_L, and `label_scale` s, the label's entry
    in the joined input. `normalised`: whether a layer reads its predecessor's rows at `length`.
    `joined`: whether the `first` layer reads the joined input, or `every` one does, beside the
    layer below.
    """
    every = pixels + classes if joined == "every" else 0
    inputs = [pixels + classes, *(every + width for width in hidden[:-1])]
    parameters = Parameters(backend, layer_shapes(inputs, hidden), dtype)

    def layer(number: int) -> Dense:
        read = length if number < len(hidden) else 1.0  # nothing reads the last one
        if number == 1 or every:
            return LabelledDense(
                parameters, f"layer{number}", activation, pixels, classes, label_scale, read
            )
        return Dense(parameters, f"layer{number}", activation, read)

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
