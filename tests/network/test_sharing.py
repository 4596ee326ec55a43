"""How a batch and a descent are shared by threads."""

import numpy as np
import pytest

from ffnp.backends import Backend
from ffnp.network.sharing import descend


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
