"""What has no kernel is computed on the host: as what has one, to rounding."""

from dataclasses import replace

import numpy as np
import pytest
from small_training import small_dataset

from ffnp import Config, train
from ffnp.errors import InputWarning

SMALL = Config(
    hidden=(7, 6), epochs=2, batch_size=20, backend="cupy", gamma="previous", activation="tanh",
    theta=1.0, lr=0.01,
)  # fmt: skip


def below(goodness):
    return np.cumsum(goodness, axis=0) - goodness


@pytest.mark.parametrize("choices", [{}, {"joined": "every"}, {"unit_dropout": 0.5}], ids=str)
def test_ones_own_gamma_and_activation_are_as_ffnps(backend, choices):
    config, data = replace(SMALL, **choices), small_dataset()
    named = train(config, dataset=data).model.weights()
    with pytest.warns(InputWarning, match="what is your own has no kernel: it is computed on the"):
        own = train(
            config, dataset=data, gamma=below, activation=(np.tanh, lambda z: 1 - np.tanh(z) ** 2)
        ).model.weights()
    for name, weights in named.items():
        np.testing.assert_allclose(own[name], weights, rtol=1e-3, atol=1e-5)
