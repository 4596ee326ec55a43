"""Objectives and data of one's own, given in Python."""

from dataclasses import replace

import numpy as np
import pytest
from small_training import StopAfter, same_bits

import ffnp as library
from ffnp import gradcheck
from ffnp.backends import Backend
from ffnp.errors import InputError, TrainingError
from ffnp.objectives import SigmoidGoodness

SMALL = library.Config(limit_train=450, limit_test=100, hidden=(20, 10), epochs=2, batch_size=100)


class Late:
    """The sigmoid objective at half of gamma: not of the sum of goodness and gamma."""

    def __call__(self, goodness, gamma):
        return SigmoidGoodness(20.0)(goodness, gamma / 2)


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    x, y = random.integers(0, 200, (300, 6, 6), dtype=np.uint8), random.integers(0, 3, 300)
    x[np.arange(300), y] = 255
    return library.from_arrays(x[:200], y[:200, None], x[200:], y[200:], name="rows")


def test_an_objective_of_ones_own_is_what_is_trained():
    named = library.train(replace(SMALL, theta=7.0))
    given = library.train(SMALL, objective=SigmoidGoodness(7.0))
    assert given.model.config.objective == "own"
    assert same_bits(named.model, given.model)
    assert not same_bits(given.model, library.train(SMALL, objective=Late()).model)


def test_its_run_is_stored_resumed_and_read(tmp_path):
    whole = library.train(SMALL, objective=Late())
    with pytest.raises(TrainingError, match="stopped"):
        library.train(SMALL, tmp_path / "run", StopAfter(7), objective=Late())
    with pytest.raises(InputError, match="one that Python is given"):
        library.resume(tmp_path / "run")
    assert same_bits(whole.model, library.resume(tmp_path / "run", objective=Late()).model)
    model = library.load_model(tmp_path / "run")
    errors = library.evaluate(model, library.load("mnist").test.first(100))
    assert errors.to_dict() == whole.test.to_dict()


def test_what_the_commands_do_with_it(ffnp, tmp_path):
    library.train(replace(SMALL, epochs=1), tmp_path / "run", objective=Late())
    status, out, err = ffnp("evaluate", tmp_path / "run")
    assert (status, err) == (0, "")
    status, out, err = ffnp("train", "--resume", tmp_path / "run")
    assert (status, out) == (2, "")
    assert "ffnp.resume(folder, objective=...)" in err
    status, out, err = ffnp("train", "--objective", "own")
    assert (status, out) == (2, "")
    assert "'own' is not one of" in err


def test_an_objective_belongs_to_its_configuration(tmp_path):
    with pytest.raises(InputError, match="one that Python is given"):
        library.train(replace(SMALL, objective="own"))
    library.train(replace(SMALL, epochs=1), tmp_path / "run")
    with pytest.raises(InputError, match="this run's objective is sigmoid: leave out your own"):
        library.resume(tmp_path / "run", objective=Late())
    with pytest.raises(InputError, match="backprop-label has a loss of its own"):
        library.train(replace(SMALL, method="backprop-label"), objective=Late())


def test_no_objective_is_checked_in_place_of_the_named_one():
    case = gradcheck.cases_of("sigmoid")[0]
    with pytest.raises(InputError, match="objective is sigmoid: leave out your own"):
        next(gradcheck.check(case, Backend(), Late()))


def test_a_model_without_its_objective_does_not_learn(tmp_path):
    library.train(replace(SMALL, epochs=1), tmp_path / "run", objective=Late())
    method = library.load_model(tmp_path / "run", "numpy").method
    batch = method.training_batch(4)
    with pytest.raises(InputError, match="one that Python is given"):
        method.evaluate(batch, np.zeros(3))


def test_data_of_ones_own_are_trained_on_and_resumed(data, tmp_path):
    config = library.Config(hidden=(20, 10), epochs=2, batch_size=50)
    whole = library.train(config, dataset=data)
    assert whole.model.config.dataset == "rows"
    with pytest.raises(TrainingError, match="stopped"):
        library.train(config, tmp_path / "run", StopAfter(6), dataset=data)
    with pytest.raises(InputError, match="unknown data set 'rows'"):
        library.resume(tmp_path / "run")
    assert same_bits(whole.model, library.resume(tmp_path / "run", dataset=data).model)


def test_limits_and_validation_hold_for_them_too(data):
    config = library.Config(hidden=(9,), epochs=1, batch_size=20, validation=60, limit_train=40)
    found = library.train(config, dataset=data)
    assert found.test.confusion.sum() == 60
    assert found.model.data.scaling.mean == pytest.approx(data.train.images[:40].mean())


def test_predictions_are_the_votes_of_all_or_of_some(data):
    model = library.train(
        library.Config(hidden=(20, 10), epochs=1, batch_size=50), dataset=data
    ).model
    images = data.test.images.reshape(-1, 6, 6)  # as they were, or flat
    goodness = np.concatenate(list(library.scores(model, images)), axis=1)
    np.testing.assert_array_equal(
        library.predict(model, images), goodness.sum(axis=0).argmax(axis=1)
    )
    flat = library.predict(model, data.test.images, layers=[2])
    np.testing.assert_array_equal(flat, goodness[1].argmax(axis=1))
    assert library.predict(model, images[:0]).shape == (0,)


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((3, 5, 7), np.uint8), r"of shape \(5, 7\): the model takes 6x6, or 36 values"),
        (np.full((3, 36), 256), r"integer pixels 256\.\.256: scale them to 0\.\.255"),
        (np.zeros((3, 36), np.float32), r"pixels that are floats, but .* trained on uint8"),
        ([[1.0] * 36], "pixels that are floats"),
        (5, "images of shape"),
    ],
)
def test_images_that_the_model_cannot_take_are_refused(data, images, message):
    model = library.train(library.Config(hidden=(9,), epochs=1, batch_size=50), dataset=data).model
    with pytest.raises(InputError, match=message):
        library.predict(model, images)


def test_numpy_numbers_and_lists_make_the_same_configuration():
    plain = library.Config(seed=1, lr=0.5, hidden=(64, 32), labels=3)
    made = library.Config(
        seed=np.int64(1), lr=np.float64(0.5), hidden=[np.int32(64), 32], labels=np.uint8(3)
    )
    assert made == plain
    assert made.to_dict() == plain.to_dict()
