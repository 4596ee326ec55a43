"""What an objective of one's own is given, and what it may give."""

import numpy as np
import pytest

from ffnp.errors import InputError
from ffnp.objectives.collaboration import GAMMAS, LayerObjective, gamma_of_layers

IMAGES, ROWS = 5, 3
ALL = np.zeros((IMAGES, ROWS))


@pytest.mark.parametrize("gamma", GAMMAS)
def test_an_objective_of_ones_own_is_given_goodness_and_gamma_of_each_layer(gamma):
    goodness = np.random.default_rng(5).uniform(0.1, 4.0, size=(3, IMAGES, ROWS))
    others = 0.5 * gamma_of_layers(gamma, goodness)

    def objective(goodness, gamma):  # not of their sum
        return float((goodness * (1 + gamma)).sum()), 1 + gamma

    values, coefficients = LayerObjective(objective, gamma, 0.5).of_layers(goodness)
    np.testing.assert_allclose(values, (goodness * (1 + others)).sum(axis=(1, 2)))
    np.testing.assert_allclose(coefficients, 1 + others)


@pytest.mark.parametrize(
    "found",
    [ALL, (ALL,), (ALL[:, 0], ALL), (0.0, ALL[:, :1]), (0.0, None), None],
)
def test_an_objective_that_gives_something_else_is_refused(found):
    objective = LayerObjective(lambda goodness, gamma: found, "others")
    with pytest.raises(InputError, match="gave .* for goodness of shape .*: return the value"):
        objective.of_layers(np.ones((3, IMAGES, ROWS)))
