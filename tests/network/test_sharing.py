"""How a batch and a descent are shared by threads."""

import numpy as np
import pytest

from ffnp.backends import Backend
from ffnp.network import ForwardForward
from ffnp.network.building import labelled_network
from ffnp.network.labels import every_label
from ffnp.network.sharing import Filled, descend, learn
from ffnp.objectives import SigmoidGoodness
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.objectives.collaboration import LayerObjective


class Recorded(Backend):
    """The reference on some threads, and how many functions it was given to run side by side."""

    def __init__(self, threads):
        self.threads, self.ran = threads, []

    def run(self, tasks):
        self.ran.append(len(tasks))
        super().run(tasks)


@pytest.mark.parametrize("threads, ran", [(1, []), (2, [2]), (3, [3])])
def test_every_thread_updates_the_weights_whose_gradient_it_made(threads, ran):
    random, backend = np.random.default_rng(0), Recorded(threads)
    gradient, weights = np.zeros(96 * 20), np.zeros(96 * 20)
    a, b = random.normal(size=(96, 30)), random.normal(size=(30, 20))

    def update(span):
        assert gradient[span].all()  # it is there already
        weights[span] -= gradient[span]

    descend(backend, [(a, b, gradient.reshape(96, 20))], gradient, update)
    assert backend.ran == ran
    np.testing.assert_allclose(weights.reshape(96, 20), -(a @ b), rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 2])
def test_layers_that_are_not_trained_yet_are_not_computed(threads):
    network = labelled_network(
        Recorded(threads), 5, 3, (16, 16), ACTIVATIONS["relu"], 1.0, np.dtype(np.float64)
    )
    network.parameters.initialise(np.random.default_rng(0))
    method = ForwardForward(network, LayerObjective(SigmoidGoodness(1.0), "none"), rows=3)
    batch = method.training_batch(40)
    batch.x[...] = 1
    batch.take(every_label(40, 3))
    batch.activities[1].values[...] = np.nan
    learn(method, batch, Filled(0), np.zeros(2), [0], stop=1)
    assert np.isfinite(batch.activities[0].values).all()
    assert np.isnan(batch.activities[1].values).all()
