"""Training on real MNIST rows."""

import numpy as np
import pytest

from ffnp.activations import ACTIVATIONS
from ffnp.backends import Backend
from ffnp.collaboration import LayerObjective
from ffnp.data import load
from ffnp.data.scaling import fit_scaling
from ffnp.evaluation import errors
from ffnp.methods import ForwardForward
from ffnp.network import Network
from ffnp.objectives import SigmoidGoodness
from ffnp.optimizers import Adam
from ffnp.randomness import INITIALISATION, stream
from ffnp.training import Trainer


@pytest.fixture(scope="module")
def mnist():
    return load("mnist").limited(2050, 500)


def train(data, epochs):
    network = Network(
        Backend(), data.pixels, 10, [100, 100], ACTIVATIONS["relu"], 3.0, np.dtype(np.float32)
    )
    network.parameters.initialise(stream(0, INITIALISATION))
    method = ForwardForward(network, LayerObjective(SigmoidGoodness(20.0), "others"), 2)
    scaling = fit_scaling("standard", data.train.images, 10.0)
    optimizer = Adam(network.parameters, slice(None))
    trainer = Trainer(method, optimizer, data.train, 10, scaling, 100, seed=0)
    for epoch in range(epochs):
        trainer.epoch(epoch, 1e-3)
    return network.parameters.flat, errors(method, data.test, scaling)


def test_a_few_epochs_learn_mnist(mnist):
    _, (alone, groups) = train(mnist, 5)
    assert groups[-1] < 25
    assert groups[0] == alone[0]


def test_same_seed_gives_same_bits(mnist):
    first, second = (train(mnist, 1)[0].tobytes() for _ in range(2))
    assert first == second
