"""`learn` on a batch that is split among threads, against the reference's whole batch."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ffnp.backends.selection import make_backend
from ffnp.config import Config
from ffnp.model import DataDescription, Model
from ffnp.network.labels import candidate_labels
from ffnp.network.sharing import learn
from ffnp.objectives import OBJECTIVES
from ffnp.objectives.collaboration import GAMMAS
from ffnp.scaling import Scaling
from ffnp.training.optimizers import SGD, Adam
from ffnp.training.sources import Pixels

IMAGES, CLASSES, ROWS = 21, 5, 3
DATA = DataDescription((13,), CLASSES, False, Scaling(0.2, 0.5, 2.0))


@pytest.fixture(autouse=True)
def two_threads():
    """On a machine of one core, too."""
    with threadpool_limits(2, "blas"):
        yield


def learned(backend, **options):
    """Method, batch and totals after `learn` on the same images, and the products left to make."""
    options = {"hidden": (19, 17), "labels": ROWS, "theta": 1.0, "dtype": "float64"} | options
    model = Model.create(Config(**options), DATA, make_backend(backend))
    random = np.random.default_rng(5)
    images = Pixels(model.method, random.normal(size=(40, 13)), DATA.scaling)
    batch = model.method.training_batch(IMAGES)
    labels = candidate_labels(random.integers(0, CLASSES, IMAGES), CLASSES, ROWS, random)
    batch.take(labels, random.permutation(40)[:IMAGES])
    totals = np.ones(model.method.depth + 1)  # what was there is added to
    products = learn(model.method, batch, images, totals, range(model.method.depth))
    return model.method, batch, totals, products


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_split_or_whole_the_gradient_is_the_same(backend, objective, gamma):
    method = {"method": "ff"} if gamma == "none" else {"gamma": gamma}
    results = []
    for name in ("reference", backend):
        method_, batch, totals, products = learned(name, objective=objective, **method)
        method_.backend.multiply(products)
        results.append((method_.parameters.flat_gradient, totals, batch.goodness))
    assert len(batch.parts) > 1  # else nothing is compared
    for have, want in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("optimizer", [Adam, SGD])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_the_optimiser_makes_the_products_first(backend, optimizer):
    weights = []
    for name in ("reference", backend):
        method, _, _, products = learned(name)
        if name != "reference":
            products = products[::-1]  # in whatever order
        optimizer(method.parameters, slice(None)).step(0.01, products)
        weights.append(method.parameters.flat)
    np.testing.assert_allclose(weights[1], weights[0], rtol=0, atol=1e-12)


def test_the_optimiser_of_a_layer_leaves_the_others_alone():
    method, _, _, products = learned("numpy")
    parameters = method.parameters
    before = parameters.flat.copy()
    span = parameters.span("layer2.")
    SGD(parameters, span).step(0.01, products[1:])
    changed = parameters.flat != before
    assert changed[span].any()
    changed[span] = False
    assert not changed.any()
