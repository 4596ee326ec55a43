"""What the baselines predict."""

import gc
import weakref

import numpy as np
import pytest

from ffnp.backends import Backend
from ffnp.errors import InputError
from ffnp.network import BackpropLabel, BackpropPairwise
from ffnp.network.building import labelled_network, perceptron
from ffnp.network.labels import candidate_labels
from ffnp.objectives import Pairwise
from ffnp.objectives.activations import ACTIVATIONS

IMAGES, PIXELS, CLASSES = 6, 7, 4
DOUBLE = np.dtype(np.float64)


def make(name):
    hidden, phi = (6, 5), ACTIVATIONS["relu"]
    if name == "backprop-label":
        method = BackpropLabel(perceptron(Backend(), PIXELS, CLASSES, hidden, phi, DOUBLE))
    else:
        network = labelled_network(
            Backend(), PIXELS, CLASSES, hidden, phi, 3.0, DOUBLE, normalised=False
        )
        method = BackpropPairwise(network, Pairwise(0.5), rows=3)
    random = np.random.default_rng(3)
    method.parameters.initialise(random)
    batch = method.training_batch(IMAGES)
    batch.x[...] = random.normal(size=batch.x.shape)
    true = random.integers(0, CLASSES, IMAGES)
    batch.take(candidate_labels(true, CLASSES, method.rows, random))
    return method, batch


@pytest.mark.parametrize("name", ["backprop-label", "backprop-pairwise"])
def test_scores_rank_the_labels_as_the_training_error_does(name):
    method, batch = make(name)
    totals = np.zeros(2)
    method.forward(batch)
    method.evaluate(batch, totals)
    scoring = method.scoring_batch(IMAGES)
    scoring.x[...] = batch.x
    method.forward(scoring)
    scores = method.scores(scoring)
    assert scores.shape == (1, IMAGES, CLASSES)
    true, wrong = batch.labels[:, :1], batch.labels[:, 1:]
    if method.rows == 1:
        wrong = (true + np.arange(1, CLASSES)) % CLASSES
    own, others = (np.take_along_axis(scores[0], labels, axis=1) for labels in (true, wrong))
    assert totals[1] == (others.max(axis=1) >= own[:, 0]).sum()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"layer2.bias": None}, "no tensor 'layer2.bias' among layer1.bias, layer1.weights, lay"),
        ({"layer2.bias": np.zeros(3)}, r"'layer2.bias' has shape \(3,\), the network \(5,\)"),
    ],
)
def test_tensors_of_another_network_are_refused_and_change_nothing(change, message):
    parameters = make("backprop-pairwise")[0].parameters
    before = parameters.flat.copy()
    tensors = {name: np.ones(shape) for name, shape in parameters.shapes.items()} | change
    with pytest.raises(InputError, match=message):
        parameters.load({name: each for name, each in tensors.items() if each is not None})
    np.testing.assert_array_equal(parameters.flat, before)


def test_a_batch_is_freed_as_soon_as_nobody_holds_it():
    _, batch = make("backprop-pairwise")
    alive = weakref.ref(batch.parts[0])
    gc.disable()
    try:
        del batch
        assert alive() is None
    finally:
        gc.enable()
