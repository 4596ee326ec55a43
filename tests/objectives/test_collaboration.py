"""What an objective of one's own is given, and what it may give."""

import re

import numpy as np
import pytest

from ffnp.errors import InputError
from ffnp.objectives.collaboration import GAMMAS, LayerObjective, gamma_of_layers

IMAGES, ROWS = 5, 3
ALL = np.zeros((IMAGES, ROWS))


HEARD = {  # by layers 1, 2 and 3, whose goodness is 1, 10 and 100 times the image's and row's
    "none": (0, 0, 0),
    "others": (110, 101, 11),
    "previous": (0, 1, 11),
    "next": (110, 100, 0),
}


@pytest.mark.parametrize("kind", GAMMAS)
def test_gamma_is_the_sum_over_the_layers_that_are_heard(kind):
    of_rows = np.arange(1.0, 1 + IMAGES * ROWS).reshape(1, IMAGES, ROWS)
    goodness = np.array([1, 10, 100])[:, None, None] * of_rows
    expected = np.array(HEARD[kind])[:, None, None] * of_rows
    np.testing.assert_array_equal(gamma_of_layers(kind, goodness), expected)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_an_objective_of_ones_own_is_given_goodness_and_gamma_of_each_layer(gamma):
    goodness = np.random.default_rng(5).uniform(0.1, 4.0, size=(3, IMAGES, ROWS))
    others = 0.5 * gamma_of_layers(gamma, goodness)

    def objective(goodness, gamma):  # not of their sum
        return float((goodness * (1 + gamma)).sum()), 1 + gamma

    values, coefficients = LayerObjective(objective, gamma, 0.5).of_layers(goodness)
    np.testing.assert_allclose(values, (goodness * (1 + others)).sum(axis=(1, 2)))
    np.testing.assert_allclose(coefficients, 1 + others)


@pytest.mark.parametrize("of_sum", [True, False, None])  # None: it does not say
@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("gamma", GAMMAS)
def test_one_evaluation_serves_layers_that_all_hear_the_same_sum(gamma, scale, of_sum):
    goodness = np.random.default_rng(6).uniform(0.1, 4.0, size=(3, IMAGES, ROWS))
    calls = []

    def objective(goodness, gamma):
        calls.append(goodness)
        z = goodness + gamma
        return float((z * z).sum()), 2 * z

    if of_sum is not None:
        objective.of_sum = of_sum
    values, coefficients = LayerObjective(objective, gamma, scale).of_layers(goodness)
    z = goodness + scale * gamma_of_layers(gamma, goodness)
    np.testing.assert_allclose(values, (z * z).sum(axis=(1, 2)))
    np.testing.assert_allclose(coefficients, 2 * z)
    assert len(calls) == (1 if of_sum and (gamma, scale) == ("others", 1.0) else 3)


@pytest.mark.parametrize(
    "found, gave",
    [
        (ALL, "ndarray"),
        ((ALL,), "shapes [(5, 3)]"),
        ((ALL[:, 0], ALL), "shapes [(5,), (5, 3)]"),
        ((0.0, ALL[:, :1]), "shapes [(), (5, 1)]"),
        ((0.0, None), "shapes [(), ()]"),
        (None, "NoneType"),
    ],
)
def test_an_objective_that_gives_something_else_is_refused(found, gave):
    objective = LayerObjective(lambda goodness, gamma: found, "others")
    said = re.escape(f" gave {gave} for goodness of shape (5, 3): return the value")
    with pytest.raises(InputError, match=said):
        objective.of_layers(np.ones((3, IMAGES, ROWS)))
