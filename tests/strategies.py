"""What the property tests are tried on: small networks with a batch, and goodness."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ffnp.backends.selection import make_backend
from ffnp.config import Config
from ffnp.network import ForwardForward
from ffnp.network.building import labelled_network
from ffnp.network.labels import candidate_labels
from ffnp.objectives import OBJECTIVES, make_objective
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.objectives.collaboration import GAMMAS, LayerObjective

CLASSES, LABEL_SCALE, THETA, ALPHA = 4, 3.0, 3.0, 0.7


def goodness(*leading, rows=None):
    """(..., N, R) float64 goodness, positive, of few images."""
    rows = st.integers(2, 5) if rows is None else st.just(rows)
    images = st.integers(1, 4)
    return st.tuples(images, rows).flatmap(
        lambda shape: arrays(np.float64, (*leading, *shape), elements=st.floats(0.05, 8.0))
    )


def objectives(*names):
    """Objectives of these names, or of any."""
    config = Config(theta=THETA, alpha=ALPHA)
    return st.sampled_from(names or [*OBJECTIVES]).map(lambda name: make_objective(name, config))


@dataclass
class Subject:
    """A Forward-Forward network with a batch of images and labels, by all that decides it."""

    method: ForwardForward
    batch: object
    random: np.random.Generator

    @property
    def weights(self):
        return self.method.parameters.weights

    def evaluate(self):
        """Forward pass and coefficients."""
        self.method.forward(self.batch)
        self.method.evaluate(self.batch, np.zeros(self.method.depth + 1))

    def gradients(self):
        """Gradients from the batch's coefficients, copied, by name."""
        layers = range(self.method.depth)
        self.method.delta(self.batch, layers)
        self.method.backend.multiply(self.method.products(self.batch, layers))
        return {name: g.copy() for name, g in self.method.parameters.gradients.items()}


@st.composite
def subjects(draw, gammas=GAMMAS, activations=tuple(ACTIVATIONS), dtypes=("float32", "float64")):
    """Networks of 2 or 3 layers, any objective, with 1 to 6 images and any number of labels."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    network = labelled_network(
        make_backend(draw(st.sampled_from(["numpy", "reference"]))),
        draw(st.integers(1, 6)),
        CLASSES,
        draw(st.lists(st.integers(1, 7), min_size=2, max_size=3)),
        ACTIVATIONS[draw(st.sampled_from(activations))],
        LABEL_SCALE,
        np.dtype(draw(st.sampled_from(dtypes))),
        joined=draw(st.sampled_from(["first", "every"])),
        length=draw(st.sampled_from([1.0, 2.0])),
    )
    network.parameters.initialise(random)
    objective = LayerObjective(
        draw(objectives()), draw(st.sampled_from(gammas)), draw(st.sampled_from([1.0, 0.5]))
    )
    method = ForwardForward(network, objective, draw(st.integers(2, CLASSES)), hardest=False)
    images = draw(st.integers(1, 6))
    batch = method.training_batch(images)
    batch.x[...] = random.normal(size=batch.x.shape)
    true = random.integers(0, CLASSES, images)
    batch.take(candidate_labels(true, CLASSES, method.rows, random))
    return Subject(method, batch, random)
