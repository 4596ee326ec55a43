"""How a batch and a descent are shared by threads."""

import numpy as np
import pytest

from ffnp.backends import Backend
from ffnp.network import ForwardForward, sharing
from ffnp.network.building import labelled_network
from ffnp.network.dropout import Dropout
from ffnp.network.labels import every_label
from ffnp.network.sharing import Filled, descend, forward, learn
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
        assert gradient[span].ndim == 1
        assert gradient[span].all()  # it is there already
        weights[span] -= gradient[span]

    descend(backend, [(a, b, gradient.reshape(96, 20))], gradient, update)
    assert backend.ran == ran
    np.testing.assert_allclose(weights.reshape(96, 20), -(a @ b), rtol=1e-12)


def prepared(threads, dtype=np.float64, images=40, **options):
    """A method of two layers, and a batch of images with all labels, to be learned from."""
    network = labelled_network(
        Recorded(threads), 5, 3, (16, 16), ACTIVATIONS["relu"], 1.0, np.dtype(dtype), **options
    )
    random = np.random.default_rng(0)
    network.parameters.initialise(random)
    objective = LayerObjective(SigmoidGoodness(1.0), "others")
    method = ForwardForward(network, objective, rows=3, hardest=False)
    batch = method.training_batch(images)
    batch.x[...] = random.normal(size=batch.x.shape)
    batch.take(every_label(images, 3))
    return method, batch


def learned(threads, **options):
    """What is added to the totals, and the flat gradient."""
    method, batch = prepared(threads, **options)
    assert len(batch.parts) == threads
    totals = np.ones(3)
    method.backend.multiply(learn(method, batch, Filled(0), totals, [0, 1]))
    return totals - 1, method.parameters.flat_gradient


OPTIONS = [{}, {"joined": "every"}, {"dropout": Dropout(units=0.5)}]


@pytest.mark.parametrize("options", OPTIONS, ids=repr)
@pytest.mark.parametrize("threads", [2, 3])
def test_the_parts_of_a_batch_are_together_what_the_whole_is(threads, options):
    for found, expected in zip(learned(threads, **options), learned(1, **options), strict=True):
        assert expected.any()
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "threads, images, least, starts",
    [
        (2, 40, 1, [0, 24]),  # multiples of 8 images, of two rows at least: BLAS takes 16 at a time
        (3, 2, 1, [0, 1]),
        (3, 1, 1, [0]),
        (2, 40, 40 * 3 * 16 // 2, [0, 24]),
        (2, 40, 40 * 3 * 16 // 2 + 1, [0]),
    ],
)
def test_a_batch_is_split_between_threads_if_there_is_work(
    monkeypatch, threads, images, least, starts
):
    monkeypatch.setattr(sharing, "LEAST", least)  # numbers of a layer
    _, batch = prepared(threads, images=images)
    assert [part.images.start for part in batch.parts] == starts
    assert [len(part.x) for part in batch.parts] == np.diff([*starts, images]).tolist()


def test_every_part_takes_what_its_own_images_have():
    _, batch = prepared(2)
    labels, index, weight = np.arange(120).reshape(40, 3), np.arange(40) + 7, np.arange(40.0)
    batch.take(labels, index, 5, weight)
    for part in batch.parts:
        np.testing.assert_array_equal(part.labels, labels[part.images])
        np.testing.assert_array_equal(part.index, index[part.images])
        np.testing.assert_array_equal(part.sample_weight, weight[part.images])
        assert part.step == 5
    batch.take(labels)
    assert all(part.index is part.sample_weight is None for part in batch.parts)


def of_the_whole_batch(goodness, gamma):
    """As `SigmoidGoodness`, without a word on images."""
    return SigmoidGoodness(1.0)(goodness, gamma)


@pytest.mark.parametrize("own, ran", [(SigmoidGoodness(1.0), [2]), (of_the_whole_batch, [2, 2])])
def test_parts_wait_for_each_other_only_where_the_loss_is_of_the_whole_batch(own, ran):
    method, batch = prepared(2)
    method = ForwardForward(method.network, LayerObjective(own, "others"), rows=3, hardest=False)
    learn(method, batch, Filled(0), np.zeros(3), [0, 1])
    assert method.backend.ran == ran


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_of_a_part_have_the_type_of_the_weights(dtype):
    _, batch = prepared(2, dtype)
    arrays = [a for part in batch.parts for each in part.gradients for a in each.arrays]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@pytest.mark.parametrize("threads", [1, 2])
def test_layers_that_are_not_trained_yet_are_not_computed(threads):
    method, batch = prepared(threads)
    batch.activities[1].values[...] = np.nan
    learn(method, batch, Filled(0), np.zeros(2), [0], stop=1)
    assert np.isfinite(batch.activities[0].values).all()
    assert np.isnan(batch.activities[1].values).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_pass_may_stop_at_a_layer(threads):
    method, batch = prepared(threads)
    batch.activities[1].values[...] = np.nan
    forward(method, batch, stop=1)
    assert np.isfinite(batch.activities[0].values).all()
    assert np.isnan(batch.activities[1].values).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_layers_that_are_computed_already_are_not_computed_again(threads):
    method, batch = prepared(threads)
    forward(method, batch)
    expected = batch.activities[1].values.copy()
    batch.x[...] = batch.activities[1].values[...] = np.nan
    learn(method, batch, Filled(1), np.zeros(3), [1])
    np.testing.assert_array_equal(batch.activities[1].values, expected)
