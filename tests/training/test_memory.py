"""What a training is said to take: as much as its arrays, and no more than the machine has."""

import warnings
from dataclasses import replace

import pytest
from small_training import small_dataset

from ffnp import Config, train
from ffnp.backends.selection import make_backend
from ffnp.errors import InputError, InputWarning
from ffnp.model import DataDescription, Model
from ffnp.training import memory

DATASET = small_dataset()
BASE = Config(hidden=(200, 150), epochs=1, batch_size=20, backend="numpy")


@pytest.mark.parametrize(
    "changes",
    [
        {"objective": "softmax"},
        {"method": "ff", "joined": "every"},
        {"method": "backprop-label"},
        {"method": "backprop-pairwise"},
        {"method": "local-heads"},
        {"dtype": "float64", "hidden": (300,)},
    ],
)
def test_the_estimate_is_what_the_arrays_take(changes):
    config = replace(BASE, **changes)
    data = DataDescription.of(DATASET, config)
    model = Model.create(config, data, make_backend("numpy"))
    batch = model.method.training_batch(config.batch_size)
    arrays = [model.method.parameters.flat] * memory.EACH
    arrays += [batch.inputs[0].x]
    arrays += [array for a in batch.activities for array in (a.values, a.delta)]
    taken = sum(array.nbytes for array in arrays)
    assert 0.9 * taken < memory.estimate(config, data) <= 1.01 * taken


def test_much_is_said(monkeypatch):
    monkeypatch.setattr(memory, "WORTH_A_NOTE", 1000)
    with pytest.warns(InputWarning, match=r"takes 0\.\d GB \(fewer or narrower"):
        train(BASE, dataset=DATASET)


def test_little_is_not():
    with warnings.catch_warnings(action="error"):
        train(BASE, dataset=DATASET)


def test_more_than_the_machine_has_is_refused_before_anything_is_made(monkeypatch):
    monkeypatch.setattr(memory, "memory", lambda: 1e12)
    with pytest.raises(InputError, match=r"and this machine has 1,000\.0 GB: choose fewer"):
        train(replace(BASE, hidden=(1_000_000, 1_000_000)), dataset=DATASET)


def test_the_machine_tells_its_memory():
    assert 1e8 < memory.memory() < 1e15
