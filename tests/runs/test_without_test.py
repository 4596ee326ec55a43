"""Training where there is no test set, or nothing but rows held out of the training set."""

import json
from dataclasses import replace

import numpy as np
import pytest
from data_files import small_arrays
from small_training import same_bits, small_dataset

from ffnp import Config, from_arrays, train
from ffnp.errors import InputError
from ffnp.runs.folder import Run

SMALL = Config(hidden=(6, 5), epochs=2, batch_size=20, gamma="previous", backend="numpy")


@pytest.fixture(scope="module")
def alone():
    """The training set of `small_dataset`, without the test set."""
    x, y, _, _ = small_arrays(4, 4, train=50, test=23, classes=4)
    return from_arrays(x, y, name="small")


def test_what_is_learned_does_not_depend_on_a_test_set(alone):
    result = train(SMALL, dataset=alone)
    assert result.test is None and result.to_dict()["test_error"] is None
    assert same_bits(result.model, train(SMALL, dataset=small_dataset()).model)


def test_errors_are_of_rows_held_out(alone):
    result = train(replace(SMALL, validation=10, evaluate_every=1), dataset=alone)
    assert result.test.confusion.sum() == 10
    assert result.test.all == result.metrics[-1]["test_error"]["all"]


def test_without_a_test_set_the_record_has_errors_of_training_rows_alone(alone, tmp_path):
    train(replace(SMALL, evaluate_every=1), tmp_path / "run", dataset=alone)
    for record in Run(tmp_path / "run").metrics():
        assert "train_error" in record and "test_error" not in record


@pytest.mark.parametrize("setting", [{"limit_test": 5}, {"analyse_every": 1}])
def test_what_needs_a_test_set_says_so(alone, setting):
    with pytest.raises(InputError, match="small has no test set: "):
        train(replace(SMALL, **setting), dataset=alone)


def test_half_a_test_set_is_refused():
    x, y, x_test, _ = small_arrays(4, 4, train=50, test=23, classes=4)
    with pytest.raises(InputError, match="the test set has labels"):
        from_arrays(x, y, x_test)


def test_commands_of_a_run_without_a_test_set(ffnp, tmp_path):
    x, y, x_test, y_test = small_arrays(4, 4, train=50, test=23, classes=4)
    np.savez(tmp_path / "alone.npz", x_train=x, y_train=y)
    np.savez(tmp_path / "both.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    run, options = tmp_path / "run", ["--epochs", 1, "--batch-size", 20, "--hidden", "6"]
    data = ["--dataset", tmp_path / "alone.npz"]
    status, out, err = ffnp("train", *data, *options, "--evaluate-every", 1, "--out", run)
    assert (status, err) == (0, "") and "no test set: no errors" in out
    status, out, _ = ffnp("train", "--resume", run, "--json")
    assert status == 0 and json.loads(out)["test_error"] is None
    status, _, err = ffnp("evaluate", run)
    assert status == 2 and "alone.npz has no test set: give one" in err
    assert ffnp("evaluate", run, "--dataset", tmp_path / "both.npz")[0] == 0
