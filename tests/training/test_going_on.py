"""Two halves of a training are a whole, to the bit: weights, optimiser, and what is drawn."""

from dataclasses import replace

import numpy as np
import pytest
from small_training import make_trainer, same_bits, small_dataset

from ffnp import Config
from ffnp.training.trainer import Trainer

SMALL = Config(hidden=(6, 5), epochs=2, batch_size=20, gamma="previous")
SETTINGS = {
    "adam": {},
    "sgd, sequential": {"optimizer": "sgd", "update": "sequential"},
    "dropout": {"unit_dropout": 0.5, "pixel_dropout": 0.3},
    "three labels": {"labels": 3},
    "local-heads": {"method": "local-heads"},
}


def run(trainer):
    for _ in trainer.run():
        pass
    return trainer


@pytest.mark.parametrize("setting", SETTINGS)
def test_two_halves_are_a_whole(setting):
    config, dataset = replace(SMALL, **SETTINGS[setting]), small_dataset()
    whole = run(make_trainer(replace(config, epochs=5), dataset))
    first = run(make_trainer(replace(config, epochs=2), dataset))
    model = replace(first.model, config=replace(config, epochs=3))
    second = run(Trainer(model, dataset.train, first.left()))
    assert same_bits(second.model, whole.model)
    both = second.left(), whole.left()
    assert both[0].steps == both[1].steps and both[0].epochs == 5
    for name, moment in both[0].moments.items():
        np.testing.assert_array_equal(moment, both[1].moments[name])


def test_what_is_left_does_not_change_with_later_training():
    dataset = small_dataset()
    first = run(make_trainer(SMALL, dataset))
    left = first.left()
    before = {name: moment.copy() for name, moment in left.moments.items()}
    run(Trainer(first.model, dataset.train, left))
    for name, moment in before.items():
        np.testing.assert_array_equal(moment, left.moments[name])


def test_a_state_goes_on_after_earlier_trainings():
    dataset = small_dataset()
    left = run(make_trainer(SMALL, dataset)).left()
    whole, stopped, again = (
        Trainer(make_trainer(SMALL, dataset).model, dataset.train, left) for _ in range(3)
    )
    run(whole)
    steps = stopped.run()
    for _ in range(4):
        next(steps)
    again.load_state(*stopped.state())
    assert same_bits(run(again).model, whole.model)


def test_another_split_may_follow():
    config = replace(SMALL, batch_size=10)
    first = run(make_trainer(config, small_dataset()))
    other = small_dataset(train=30).train
    left = run(Trainer(first.model, other, first.left())).left()
    assert (left.epochs, left.batches, left.steps) == (4, 2 * 5 + 2 * 3, (16,))
