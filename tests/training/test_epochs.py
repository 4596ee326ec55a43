"""What an epoch is: its learning rates, its order and negatives, and what is recorded of it."""

import numpy as np
import pytest
from small_training import make_trainer, small_dataset, watch_steps

from ffnp import Config, scores
from ffnp.network.labels import candidate_labels
from ffnp.objectives.collaboration import gamma_of_layers
from ffnp.randomness import NEGATIVES, SHUFFLE, stream

IMAGES, BATCH, EPOCHS = 50, 20, 3  # the last batch of an epoch is half full
SMALL = Config(
    hidden=(6, 5), epochs=EPOCHS, batch_size=BATCH, seed=3, dtype="float64",
    lr=1e-30, theta=4.0, gamma="previous", cache_mb=0,  # no weight moves; batches know their images
)  # fmt: skip
SCHEDULES = {
    "simultaneous": {},
    "sequential": {"update": "sequential"},
    "layer": {"schedule": "layer"},
}
each_schedule = pytest.mark.parametrize("options", SCHEDULES.values(), ids=SCHEDULES)


@pytest.fixture(scope="module")
def dataset():
    return small_dataset(IMAGES)


def make(dataset, **options):
    return make_trainer(Config.from_dict(SMALL.to_dict() | options), dataset)


def shown(trainer):
    """Train; at the end of every epoch, the order of its images and their label rows."""
    batches = []
    watch_steps(trainer, lambda batch, _: batches.append((batch.index, batch.labels.copy())))
    for position in trainer.run():
        if position.batch == trainer.batches:
            yield [np.concatenate(parts) for parts in zip(*batches, strict=True)]
            batches.clear()


@each_schedule
def test_the_learning_rate_falls_batch_by_batch_in_every_phase(dataset, options):
    trainer = make(dataset, **options, lr=0.009, lr_schedule="linear")
    rates = []
    watch_steps(trainer, lambda _, lr: rates.append(lr))
    list(trainer.run())
    phase = [0.009, 0.009, 0.009, 0.009, 0.009, 0.008, 0.006, 0.004, 0.002]
    assert rates == pytest.approx(phase * trainer.phases, rel=1e-12)


@each_schedule
def test_every_epoch_of_every_phase_has_its_own_order_and_negatives(dataset, options):
    trainer = make(dataset, **options)
    for number, (order, labels) in enumerate(shown(trainer)):
        np.testing.assert_array_equal(order, stream(3, SHUFFLE, number).permutation(IMAGES))
        expected = candidate_labels(dataset.train.labels[order], 4, 2, stream(3, NEGATIVES, number))
        np.testing.assert_array_equal(labels, expected)
    assert number == trainer.phases * EPOCHS - 1


@each_schedule
def test_losses_and_error_of_an_epoch_are_sums_over_its_images(dataset, options):
    trainer = make(dataset, **options)
    goodness = np.concatenate(list(scores(trainer.model, dataset.train.images)), axis=1)
    for order, labels in shown(trainer):
        layers = trainer.position.phase + 1 if trainer.phases > 1 else 2
        g = np.take_along_axis(goodness[:layers, order], labels[None], axis=2)
        logit = g + gamma_of_layers("previous", g) - SMALL.theta
        each = np.log1p(np.exp(-logit[:, :, 0])) + np.log1p(np.exp(logit[:, :, 1]))
        total = g.sum(axis=0)
        wrong = (total[:, 1] >= total[:, 0]).sum()
        assert 0 < wrong < IMAGES
        losses, error = trainer.losses()
        assert losses == pytest.approx(each.sum(axis=1) / IMAGES, rel=1e-9)
        assert error == pytest.approx(100 * wrong / IMAGES)
