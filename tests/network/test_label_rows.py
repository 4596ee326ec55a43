"""The label rows that training shows: each image's own, drawn anew in every epoch."""

from itertools import combinations

import numpy as np
import pytest
from small_training import make_trainer, watch_steps

from ffnp.config import Config
from ffnp.data.dataset import Dataset, Split
from ffnp.errors import InputError
from ffnp.network import labels
from ffnp.network.labels import candidate_labels, every_label

IMAGES, CLASSES, EPOCHS = 50, 4, 3


@pytest.fixture
def numbered():
    """Images whose one pixel is their number."""
    labels = np.random.default_rng(0).integers(0, CLASSES, IMAGES)
    split = Split(np.arange(IMAGES, dtype=np.float32)[:, None, None], labels)
    return Dataset("numbered", split, split, CLASSES)


def shown(dataset, rows):
    """(epochs, N, R): the label rows that each image was joined with, by epoch and number."""
    config = Config(
        method="ff", labels=rows, hidden=(5,), scaling="raw", epochs=EPOCHS, batch_size=20, lr=1e-9
    )
    trainer, seen = make_trainer(config, dataset), np.full((EPOCHS, IMAGES, rows), -1)

    def look(batch, lr):
        seen[trainer.position.epoch, batch.x[:, 0].astype(int)] = batch.labels

    watch_steps(trainer, look)
    for _ in trainer.run():
        pass
    return seen


@pytest.mark.parametrize("rows", [2, 3, CLASSES])
def test_every_image_is_joined_with_its_own_label_and_wrong_ones(numbered, rows):
    labels = shown(numbered, rows)
    np.testing.assert_array_equal(labels[:, :, 0], np.tile(numbered.train.labels, (EPOCHS, 1)))
    assert (np.sort(labels, axis=2)[:, :, 1:] > np.sort(labels, axis=2)[:, :, :-1]).all()
    assert labels.min() == 0
    assert labels.max() == CLASSES - 1


@pytest.mark.parametrize("rows", [2, 3])
def test_wrong_labels_are_drawn_anew_in_every_epoch(numbered, rows):
    labels = shown(numbered, rows)
    for before, after in zip(labels[:-1], labels[1:], strict=True):
        changed = (before[:, 1:] != after[:, 1:]).any(axis=1).mean()
        assert 0.3 < changed < 1


def wrong_of(rows, images=9000, classes=10):
    """(images, rows - 1): how far the drawn labels are above the true one, 1..classes - 1."""
    true = np.arange(images) % classes
    labels = candidate_labels(true, classes, rows, np.random.default_rng(0))
    return (labels[:, 1:] - true[:, None]) % classes


@pytest.mark.parametrize("rows", [2, 3, 5])
def test_every_wrong_label_is_drawn_as_often_as_any_other(rows):
    counts = np.bincount(wrong_of(rows).ravel(), minlength=10)
    assert counts[0] == 0
    np.testing.assert_allclose(counts[1:], 1000 * (rows - 1), rtol=0.1)


@pytest.mark.parametrize("rows", [3, 5])
def test_every_pair_of_wrong_labels_is_drawn_as_often_as_any_other(rows):
    drawn = wrong_of(rows)
    pairs = [
        (drawn == a).any(axis=1) & (drawn == b).any(axis=1)
        for a, b in combinations(range(1, 10), 2)
    ]
    of_an_image = (rows - 1) * (rows - 2) / 2
    np.testing.assert_allclose(np.sum(pairs, axis=1), 9000 * of_an_image / 36, rtol=0.2)


@pytest.mark.parametrize("rows, draws", [(1, False), (2, True), (3, True), (CLASSES, False)])
def test_labels_are_drawn_only_where_there_is_a_choice(rows, draws):
    random = np.random.default_rng(2)
    before = random.bit_generator.state
    labels = candidate_labels(np.arange(40) % CLASSES, CLASSES, rows, random)
    assert labels.shape == (40, rows)
    assert labels.dtype == np.int32
    assert (random.bit_generator.state != before) == draws


class Drawn:
    """A generator that draws what it was given."""

    def __init__(self, *rows):
        self.random = lambda shape, dtype: np.array(rows, dtype).reshape(shape)


def test_wrong_labels_stand_in_the_order_of_their_draws():
    """So a seed has the same label rows on every processor; equal draws are in labels' order."""
    random = Drawn([0.7, 0.2, 0.9, 0.1, 0.5], [0.3, 0.8, 0.3, 0.1, 0.8])
    labels = candidate_labels(np.array([0, 4]), 6, 4, random)
    np.testing.assert_array_equal(labels, [[0, 4, 2, 5], [4, 2, 5, 1]])


def test_equal_draws_are_in_the_order_of_labels_however_many_there_are():
    """A sort that is not stable keeps the order of few."""
    draws = np.where(np.arange(63) % 3, 0.25, 0.75)
    labels = candidate_labels(np.array([0]), 64, 63, Drawn(draws))
    expected = [0, *(1 + np.argsort(draws, kind="stable")[:62])]
    np.testing.assert_array_equal(labels, [expected])


def test_draws_that_differ_by_the_last_bit_are_told_apart():
    random = Drawn([0.5, 0.25 + 2.0**-24, 0.25, 0.75])
    assert candidate_labels(np.array([0]), 5, 3, random).tolist() == [[0, 3, 2]]


@pytest.mark.parametrize("rows", [3, 700, 3999])
def test_of_many_draws_the_smallest_choose(rows):
    draws = np.random.default_rng(rows).random((300, 3999), dtype=np.float32)
    labels = candidate_labels(np.zeros(300, int), 4000, rows, np.random.default_rng(rows))
    expected = 1 + np.argsort(draws, axis=1, kind="stable")[:, : rows - 1]
    np.testing.assert_array_equal(labels[:, 1:], expected)


@pytest.mark.parametrize("rows", [0, CLASSES + 1])
def test_label_rows_that_there_are_not_are_refused(rows):
    with pytest.raises(InputError, match=f"choose 1..{CLASSES}"):
        candidate_labels(np.zeros(3, int), CLASSES, rows, np.random.default_rng(2))


def test_every_label_of_every_image_in_their_order():
    labels = every_label(3, 4)
    np.testing.assert_array_equal(labels, [[0, 1, 2, 3]] * 3)
    assert labels.dtype == np.int32


def test_many_classes_are_drawn_in_blocks_with_the_bits_of_one(monkeypatch):
    true = np.arange(50) % 33
    monkeypatch.setattr(labels, "NUMBERS", 33 * len(true))
    whole = candidate_labels(true, 33, 4, np.random.default_rng(0))
    monkeypatch.setattr(labels, "NUMBERS", 33 * 7)
    np.testing.assert_array_equal(candidate_labels(true, 33, 4, np.random.default_rng(0)), whole)
