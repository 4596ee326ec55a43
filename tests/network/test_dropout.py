"""Dropout: what is left out, from what, and that no two things draw the same."""

from dataclasses import replace

import numpy as np
import pytest
from small_training import Halves, make_trainer, small_dataset, watch_steps

from ffnp.backends import Backend
from ffnp.backends.selection import make_backend
from ffnp.config import Config
from ffnp.errors import InputError
from ffnp.model import DataDescription, Model
from ffnp.network.building import labelled_network
from ffnp.network.dropout import Dropout
from ffnp.network.sharing import Filled, learn
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.training.sources import Pixels

CONFIG = Config(
    hidden=(64, 40), batch_size=20, epochs=2, pixel_dropout=0.25, unit_dropout=0.5, theta=5.0
)


def drawn(backend, **changes):
    """A training batch of 20 images after a step, and the trainer's model."""
    config, dataset = replace(CONFIG, **changes), small_dataset(train=20)
    model = Model.create(config, DataDescription.of(dataset, config), backend)
    method = model.method
    batch = method.training_batch(20)
    labels = np.tile(np.arange(method.rows, dtype=np.int32), (20, 1))
    batch.take(labels, np.arange(20), step=3)
    source = Pixels(method, dataset.train.images, model.data.scaling)
    learn(method, batch, source, np.zeros(method.losses + 1), range(method.depth))
    return batch, model


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.9])
def test_the_share_left_out_and_the_mean_that_stays(rate):
    dropout, out = Dropout(pixels=rate, units=rate), np.empty((200, 500))
    Backend().draw_kept(*dropout.of_pixels(0, 0), out=out)
    assert (out == 0).mean() == pytest.approx(rate, abs=0.005)
    assert out.mean() == pytest.approx(1, abs=0.02)
    dropout.draw_units(Backend(), 0, 0, 0, 2, out)
    assert (out**2).mean() == pytest.approx(1, abs=0.02)


def test_every_step_site_row_and_seed_draws_other_numbers():
    found = set()
    for seed, step, layer in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]:
        out = np.empty((3, 64))
        Dropout(units=0.5, seed=seed).draw_units(Backend(), step, layer, 0, 2, out)
        found |= {row.tobytes() for row in out}
    assert len(found) == 4 * 3


def test_a_seed_leaves_out_the_same_in_every_version():
    out = np.empty((2, 2, 12))  # two layers from the second on, two images from the third on
    Dropout(units=0.5, seed=7).draw_units(Backend(), 3, 1, 2, 2, out)
    kept = ["".join("01"[int(unit > 0)] for unit in row) for row in out.reshape(4, 12)]
    assert kept == ["000110101011", "100001001011", "101010100101", "110110101001"]


def test_the_rows_of_an_image_do_not_depend_on_where_a_batch_is_cut():
    dropout, whole, part = Dropout(units=0.5), np.empty((6, 70)), np.empty((4, 70))
    dropout.draw_units(Backend(), 0, 0, 0, 1, whole)
    dropout.draw_units(Backend(), 0, 0, 2, 1, part)
    np.testing.assert_array_equal(part, whole[2:])


def test_left_out_units_have_no_activity_and_no_gradient():
    batch, _ = drawn(Backend())
    for activity in batch.activities:
        dropped = activity.kept == 0
        assert 0 < dropped.mean() < 1
        assert not activity.values.transpose(0, 2, 1)[dropped].any()
    whole, _ = drawn(Backend(), pixel_dropout=0.0)
    left = (batch.x == 0) & (whole.x != 0)
    assert left.mean() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_allclose(batch.x[~left], whole.x[~left] / 0.75, rtol=1e-6)


@pytest.mark.parametrize("name", ["halves", "numpy", "numba"])
def test_parts_of_a_batch_draw_what_the_whole_would(name):
    batch, _ = drawn(Backend())
    shared, _ = drawn(Halves() if name == "halves" else make_backend(name))
    for one, other in zip(batch.activities, shared.activities, strict=True):
        np.testing.assert_array_equal(one.kept, other.kept)
    np.testing.assert_array_equal(batch.x == 0, shared.x == 0)


def test_prediction_leaves_out_nothing():
    method = drawn(Backend())[1].method
    for batch in (method.scoring_batch(3), method.candidates_batch(3, rows=2)):
        assert not batch.inputs[0].drops
        assert all(activity.kept is None for activity in batch.activities)


def test_no_two_steps_of_a_training_are_the_same():
    trainer, steps = make_trainer(CONFIG, small_dataset(train=50)), []
    watch_steps(trainer, lambda batch, lr: steps.append(batch.step))
    for _ in trainer.run():
        pass
    assert steps == list(range(6))


@pytest.mark.parametrize(
    "method, widths", [("backprop-pairwise", [64]), ("backprop-label", [64, 40])]
)
def test_a_baseline_drops_all_but_what_its_loss_reads(method, widths):
    batch, _ = drawn(Backend(), method=method)
    assert [kept.shape[2] for kept in batch.kept.values()] == widths
    dropping = [activity.kept is not None for activity in batch.activities]
    assert dropping == [True] * len(widths) + [False]


def network_of(hidden, **options):
    """An untrained one that drops half of its units, and a training batch of zeros."""
    network = labelled_network(
        Backend(), 5, 3, hidden, ACTIVATIONS["relu"], 1.0, np.dtype(np.float64),
        dropout=Dropout(units=0.5), **options,
    )  # fmt: skip
    batch = network.batch(20, 2, training=True)
    batch.x[...] = 0
    batch.take(np.zeros((20, 2), np.int32))
    return network, batch


@pytest.mark.parametrize("normalised, gain", [(True, np.sqrt(2)), (False, 2)])
def test_the_mean_of_what_is_read_stays(normalised, gain):
    """Of goodness where rows are normalised, of activities where not."""
    network, batch = network_of((7, 6), normalised=normalised)
    network.forward(batch, 0, 2)
    assert network.gain == pytest.approx(gain)
    assert np.unique(batch.kept[0]) == pytest.approx([0, gain])


@pytest.mark.parametrize("start, stop", [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4), (0, 4)])
def test_some_layers_draw_what_they_would_among_all(start, stop):
    network, batch = network_of((6, 7, 7, 7))
    network.forward(batch, 0, 4)
    expected = [activity.kept.copy() for activity in batch.activities]
    for kept in batch.kept.values():
        kept[...] = np.nan
    network.forward(batch, start, stop)
    for i, activity in enumerate(batch.activities):
        drawn = expected[i] if start <= i < stop else np.full((20, activity.kept.shape[1]), np.nan)
        np.testing.assert_array_equal(activity.kept, drawn)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "ff", "hidden": (9,)},
        {"method": "ff", "hidden": (9,), "activation": "tanh"},
        {"method": "backprop-label"},
        {"method": "backprop-pairwise"},
        {"method": "local-heads", "hidden": (9,)},
    ],
    ids=lambda change: " ".join(map(str, change.values())),
)
def test_the_gradient_is_that_of_what_is_kept(change):
    """Against a difference of the loss along a random direction: a step draws the same again."""
    batch, model = drawn(Backend(), **{"hidden": (9, 8), "dtype": "float64"} | change)
    method, flat = model.method, model.method.parameters.flat
    along = np.random.default_rng(0).normal(size=flat.shape)

    def loss(shift):
        flat[...] = before + shift * along
        totals = np.zeros(method.losses + 1)
        method.forward(batch)
        method.evaluate(batch, totals)
        return totals[0] / 20

    before = flat.copy()
    totals = np.zeros(method.losses + 1)
    method.backend.multiply(learn(method, batch, Filled(0), totals, range(method.depth)))
    expected = (loss(1e-7) - loss(-1e-7)) / 2e-7
    assert method.parameters.flat_gradient @ along == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_rates_outside_are_refused(rate):
    with pytest.raises(InputError, match="unit_dropout is .*: it must be in 0..0.95"):
        Config(unit_dropout=rate)
