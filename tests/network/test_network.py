"""The network against the plain computation and against finite differences."""

import numpy as np
import pytest

from ffnp.backends import Backend
from ffnp.config import Config
from ffnp.errors import InputError
from ffnp.network import ForwardForward
from ffnp.network.labels import candidate_labels
from ffnp.network.network import Network
from ffnp.objectives import OBJECTIVES, SigmoidGoodness, make_objective
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.objectives.collaboration import GAMMAS, LayerObjective, gamma_of_layers

IMAGES, PIXELS, CLASSES, ROWS, SCALE = 5, 6, 4, 3, 3.0


def make(activation="relu", gamma="others"):
    random = np.random.default_rng(0)
    network = Network(
        Backend(), PIXELS, CLASSES, [7, 5], ACTIVATIONS[activation], SCALE, np.dtype(np.float64)
    )
    network.parameters.initialise(random)
    method = ForwardForward(network, LayerObjective(SigmoidGoodness(0.5), gamma), ROWS)
    batch = method.training_batch(IMAGES)
    batch.x[...] = random.normal(size=batch.x.shape)
    batch.take(candidate_labels(random.integers(0, CLASSES, IMAGES), CLASSES, ROWS, random))
    return method, batch


def test_shared_first_layer_equals_concatenated_input():
    method, batch = make()
    method.forward(batch)
    onehot = SCALE * np.eye(CLASSES)[batch.labels]
    x = np.broadcast_to(batch.x[:, None], (IMAGES, ROWS, PIXELS))
    h = np.concatenate([x, onehot], axis=2)
    for i in (1, 2):
        weights = method.parameters.weights
        a = np.maximum(h @ weights[f"layer{i}.weights"] + weights[f"layer{i}.bias"], 0)
        np.testing.assert_allclose(batch.goodness[i - 1], (a * a).sum(axis=2), rtol=1e-12)
        h = a / (np.linalg.norm(a, axis=2, keepdims=True) + 1e-8)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_local_gradients_match_finite_differences(activation, gamma):
    method, batch = make(activation, gamma)
    method.forward(batch)
    frozen = gamma_of_layers(gamma, batch.goodness.copy())
    method.evaluate(batch, np.zeros(method.depth + 1))
    method.parameters.backend.matmuls(method.gradient(batch, range(method.depth)))
    gradients = {name: g.copy() for name, g in method.parameters.gradients.items()}
    objective, random, step = method.objective.objective, np.random.default_rng(1), 1e-6
    for name, weights in method.parameters.weights.items():
        layer = int(name[5]) - 1
        direction = random.normal(size=weights.shape)
        values = []
        for sign in (1, -1):
            weights += sign * step * direction
            method.forward(batch, stop=0)
            method.forward(batch, start=0, stop=layer + 1)
            values.append(objective(batch.goodness[layer], frozen[layer])[0])
            weights -= sign * step * direction
        numeric = (values[0] - values[1]) / (2 * step)
        assert numeric == pytest.approx((gradients[name] * direction).sum(), rel=1e-5, abs=1e-8)


def test_candidate_labels_are_distinct_with_the_true_one_first():
    true = np.arange(40) % CLASSES
    for rows in (2, 3, CLASSES):
        labels = candidate_labels(true, CLASSES, rows, np.random.default_rng(2))
        assert (labels[:, 0] == true).all()
        assert all(len(set(row)) == rows for row in labels.tolist())


@pytest.mark.parametrize("rows, draws", [(1, False), (2, True), (3, True), (CLASSES, False)])
def test_labels_are_drawn_only_where_there_is_a_choice(rows, draws):
    random = np.random.default_rng(2)
    before = random.bit_generator.state
    labels = candidate_labels(np.arange(40) % CLASSES, CLASSES, rows, random)
    assert labels.shape == (40, rows)
    assert labels.dtype == np.int32
    assert (random.bit_generator.state != before) == draws


@pytest.mark.parametrize("rows", [0, CLASSES + 1])
def test_label_rows_that_there_are_not_are_refused(rows):
    with pytest.raises(InputError, match=f"choose 1..{CLASSES}"):
        candidate_labels(np.zeros(3, int), CLASSES, rows, np.random.default_rng(2))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_one_coefficient_serves_all_layers_under_gamma_others(name):
    random = np.random.default_rng(5)
    goodness = random.uniform(0.1, 4.0, size=(3, IMAGES, ROWS))
    objective = make_objective(name, Config(theta=2.0, alpha=0.7))
    values, coefficients = LayerObjective(objective, "others").of_layers(goodness)
    for layer in range(3):
        gamma = sum(goodness[j] for j in range(3) if j != layer)
        value, coefficient = objective(goodness[layer], gamma)
        assert values[layer] == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(coefficients[layer], coefficient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_an_objective_of_ones_own_is_given_goodness_and_gamma_of_each_layer(gamma):
    goodness = np.random.default_rng(5).uniform(0.1, 4.0, size=(3, IMAGES, ROWS))
    heard = gamma_of_layers(gamma, goodness)

    def objective(goodness, gamma):  # not of their sum
        return float((goodness * (1 + gamma)).sum()), 1 + gamma

    values, coefficients = LayerObjective(objective, gamma).of_layers(goodness)
    np.testing.assert_allclose(values, (goodness * (1 + heard)).sum(axis=(1, 2)))
    np.testing.assert_allclose(coefficients, 1 + heard)


@pytest.mark.parametrize(
    "found",
    [
        np.zeros((IMAGES, ROWS)),
        (np.zeros((IMAGES, ROWS)),),
        (np.zeros(IMAGES), np.zeros((IMAGES, ROWS))),
        (0.0, np.zeros((IMAGES, 1))),
        (0.0, None),
        None,
    ],
)
def test_an_objective_that_gives_something_else_is_refused(found):
    objective = LayerObjective(lambda goodness, gamma: found, "others")
    with pytest.raises(InputError, match="gave .* for goodness of shape .*: return the value"):
        objective.of_layers(np.ones((3, IMAGES, ROWS)))
