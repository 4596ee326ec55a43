"""The labels that the first layer finds best: wrong ones to train on."""

from dataclasses import replace

import numpy as np
import pytest
from small_training import Halves, make_trainer, small_dataset

from ffnp import Config
from ffnp.backends import Backend
from ffnp.backends.selection import make_backend
from ffnp.errors import InputError
from ffnp.network import candidates, sharing

HARDEST = Config(
    hidden=(6, 5), labels=3, negatives="hardest", batch_size=20, epochs=1, dtype="float64",
    update="simultaneous", lr=1e-9,
)  # fmt: skip


def goodness_by_hand(model, x, scale):
    """(N, K) goodness of the first layer for every label."""
    weights = model.weights()
    w, b = weights["layer1.weights"], weights["layer1.bias"]
    onehot = scale * np.eye(len(w) - x.shape[1])
    z = (x @ w[: x.shape[1]])[:, None] + onehot @ w[x.shape[1] :] + b
    return (np.maximum(z, 0) ** 2).sum(axis=2)


@pytest.mark.parametrize("together", [1, 7, 20])
def test_wrong_labels_are_those_of_the_most_goodness_in_layer_1(monkeypatch, together):
    dataset = small_dataset(classes=7)
    monkeypatch.setattr(candidates, "NUMBERS", together * dataset.classes * 6)
    trainer = make_trainer(HARDEST, dataset)
    next(trainer.run())  # at a rate of next to nothing
    (batch,) = trainer._buffers.values()
    goodness = goodness_by_hand(trainer.model, batch.x, HARDEST.label_scale)
    true = batch.labels[:, 0]
    goodness[np.arange(20), true] = -1
    order = np.argsort(-goodness, axis=1)[:, :2]
    assert batch.labels[:, 1:].tolist() == order.tolist()


def test_true_labels_stay():
    data = small_dataset(classes=7)
    trainers = [
        make_trainer(replace(HARDEST, negatives=kind), data) for kind in ("random", "hardest")
    ]
    for trainer in trainers:
        next(trainer.run())
    random, hardest = (next(iter(trainer._buffers.values())).labels for trainer in trainers)
    assert random[:, 0].tolist() == hardest[:, 0].tolist()
    assert random[:, 1:].tolist() != hardest[:, 1:].tolist()


@pytest.mark.parametrize("backend", ["halves", "numpy"])
@pytest.mark.parametrize("joined", ["first", "every"])
@pytest.mark.parametrize("kept", [0, 1])
def test_all_layers_read_the_labels_of_the_most_goodness_in_layer_1(
    monkeypatch, kept, joined, backend
):
    """`kept`: of which the true one stays where it is, as in training."""
    monkeypatch.setattr(candidates, "NUMBERS", 3 * 7 * 6)  # three images at a time
    config, data = replace(HARDEST, joined=joined), small_dataset(classes=7)
    backend = Halves() if backend == "halves" else make_backend(backend)
    method = make_trainer(config, data, backend).model.method
    random = np.random.default_rng(0)
    batch = method.training_batch(20) if kept else method.candidates_batch(20, 3)
    every, true = method.scoring_batch(20), random.integers(0, 7, 20)
    every.x[...] = batch.x[...] = random.normal(size=batch.x.shape)
    if kept:
        batch.take(np.repeat(true[:, None].astype(np.int32), 3, axis=1))
    for each in (batch, every):
        sharing.forward(method, each)
    first = every.goodness[0].copy()
    if kept:
        first[np.arange(20), true] = np.inf
    labels = np.argsort(-first, axis=1)[:, :3]
    np.testing.assert_array_equal(batch.labels, labels)
    expected = np.take_along_axis(every.goodness, labels[None], axis=2)
    np.testing.assert_allclose(batch.goodness, expected, rtol=1e-12)


class Counted(Backend):
    """The reference, and how often it has activated images with labels."""

    activated = 0

    def activate_labelled(self, *arguments):
        self.activated += 1
        super().activate_labelled(*arguments)


@pytest.mark.parametrize("numbers, together", [(1, 1), (7 * 6, 1), (3 * 7 * 6, 3), (10**9, 20)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_so_many_images_are_tried_together_as_there_is_room_for(
    monkeypatch, numbers, together, dtype
):
    monkeypatch.setattr(candidates, "NUMBERS", numbers)
    trainer = make_trainer(replace(HARDEST, dtype=dtype), small_dataset(classes=7), Counted())
    method = trainer.model.method
    batch = method.training_batch(20)
    trial = batch.candidates._trial
    assert trial.values.shape == (together, 7, 6)
    assert {trial.values.dtype, trial.goodness.dtype} == {np.dtype(dtype)}
    assert trial.delta is None
    batch.x[...] = 1
    batch.take(np.zeros((20, 3), np.int32))
    method.forward(batch)
    assert method.backend.activated == -(-20 // together) + 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "all"}, "labels all takes them all"),
        ({"labels": None, "objective": "softmax"}, "labels all takes them all"),
        ({"schedule": "layer", "gamma": "previous"}, "schedule network"),
        ({"method": "backprop-pairwise"}, "methods collab and ff"),
    ],
)
def test_hardest_negatives_are_refused_where_there_is_no_choice_to_make(changes, message):
    with pytest.raises(InputError, match=message):
        replace(HARDEST, **changes)
