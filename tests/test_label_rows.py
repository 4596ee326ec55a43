"""The label rows that training shows: each image's own, drawn anew in every epoch."""

import numpy as np
import pytest

from ffnp.backends.selection import make_backend
from ffnp.config import Config
from ffnp.data.dataset import Dataset, Split
from ffnp.model import DataDescription, Model
from ffnp.training import Trainer

IMAGES, CLASSES, EPOCHS = 50, 4, 3


@pytest.fixture
def numbered():
    """Images whose one pixel is their number."""
    labels = np.random.default_rng(0).integers(0, CLASSES, IMAGES)
    split = Split(np.arange(IMAGES, dtype=np.float32)[:, None], labels)
    return Dataset("numbered", split, split, CLASSES, (1, 1))


def shown(dataset, rows):
    """(epochs, N, R): the label rows that each image was joined with, by epoch and number."""
    config = Config(
        method="ff", labels=rows, hidden=(5,), scaling="raw", epochs=EPOCHS, batch_size=20, lr=1e-9
    )
    model = Model.create(config, DataDescription.of(dataset, config), make_backend("numpy"))
    trainer, seen = Trainer(model, dataset.train), np.full((EPOCHS, IMAGES, rows), -1)
    step = trainer.schedule.step

    def look(batch, *rest):
        step(batch, *rest)
        seen[trainer.position.epoch, batch.x[:, 0].astype(int)] = batch.labels

    trainer.schedule.step = look
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
