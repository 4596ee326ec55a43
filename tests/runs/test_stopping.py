"""Early stopping and the best epoch: by the validation error, to the same bits when resumed."""

from dataclasses import replace

import numpy as np
import pytest
from small_training import StopAfter, same_bits, small_dataset

from ffnp import Config, evaluate, load_model, resume, train
from ffnp.errors import InputError, TrainingError
from ffnp.runs.experiment import Watcher
from ffnp.runs.folder import Run
from ffnp.runs.stopping import Best
from ffnp.runs.storage import read_tensors, write_tensors

# Random labels: the error goes up and down, and the best epoch is one in the middle.
SMALL = Config(
    hidden=(6, 5), epochs=12, batch_size=20, lr=0.05, seed=3, backend="numpy", validation=20,
    patience=3, keep="best",
)  # fmt: skip


@pytest.fixture(scope="module")
def dataset():
    return small_dataset(train=70)


@pytest.fixture(scope="module")
def whole(dataset):
    return train(SMALL, dataset=dataset)


@pytest.fixture(scope="module")
def errors(dataset):
    """The validation error after each epoch of a training that is not stopped."""
    record = train(replace(SMALL, patience=0, evaluate_every=1), dataset=dataset).metrics
    return [each["test_error"]["all"] for each in record]


def see(best, *found):
    """Whether training is over after each of these errors."""
    return [(best.see(epoch, error, None), best.over)[1] for epoch, error in enumerate(found, 1)]


def test_patience_counts_epochs_without_a_lower_error():
    best = Best(replace(SMALL, keep="last", patience=2))
    assert see(best, 5.0, 4.0, 4.0, 3.0, 3.5, 3.0) == [False, False, False, False, False, True]
    assert (best.epoch, best.error) == (4, 3.0)


def test_without_patience_a_training_is_never_over():
    assert not any(see(Best(replace(SMALL, keep="last", patience=0)), *[5.0] * 9))


def test_training_ends_after_patience_and_keeps_the_best_epoch(dataset, whole, errors):
    last = len(whole.metrics)
    assert last < SMALL.epochs  # else nothing is tested
    assert whole.epoch == 1 + int(np.argmin(errors[:last])) == last - SMALL.patience
    assert whole.test.all == min(errors[:last])
    assert whole.to_dict()["kept_epoch"] == whole.epoch
    as_long = train(replace(SMALL, epochs=whole.epoch, patience=0, keep="last"), dataset=dataset)
    assert same_bits(whole.model, as_long.model)


def test_without_keep_the_last_epoch_is_kept(dataset, whole):
    result = train(replace(SMALL, keep="last"), dataset=dataset)
    assert result.epoch == len(result.metrics) == len(whole.metrics)
    assert not same_bits(result.model, whole.model)


def test_errors_are_recorded_of_every_epoch(whole, errors):
    recorded = [record["test_error"]["all"] for record in whole.metrics]
    assert recorded == errors[: len(recorded)]


@pytest.mark.parametrize("batches", [1, 18, 22, 27])
def test_a_stopped_run_goes_on_to_the_same_bits(dataset, whole, tmp_path, batches):
    with pytest.raises(TrainingError, match="stopped"):
        train(SMALL, tmp_path / "run", StopAfter(batches), dataset=dataset)
    result = resume(tmp_path / "run", dataset=dataset)
    assert same_bits(result.model, whole.model) and result.epoch == whole.epoch
    assert same_bits(load_model(tmp_path / "run"), whole.model)
    assert len(result.metrics) == len(whole.metrics)


def test_a_finished_run_is_evaluated_again_and_not_trained(dataset, whole, tmp_path):
    train(SMALL, tmp_path / "run", dataset=dataset)
    before = (tmp_path / "run" / "state.safetensors").read_bytes()
    result = resume(tmp_path / "run", watcher=StopAfter(1), dataset=dataset)
    assert same_bits(result.model, whole.model) and result.test.all == whole.test.all
    assert (tmp_path / "run" / "state.safetensors").read_bytes() == before


def test_a_run_that_was_killed_before_its_model_was_stored_is_over(dataset, whole, tmp_path):
    train(SMALL, tmp_path / "run", dataset=dataset)
    (tmp_path / "run" / "model.safetensors").unlink()
    assert same_bits(resume(tmp_path / "run", dataset=dataset).model, whole.model)
    assert Run(tmp_path / "run").finished


@pytest.mark.parametrize(
    "best",
    [
        {"epoch": 1, "error": 3.0},
        {"epoch": 99, "error": 3.0, "seen": 99},
        {"epoch": 2, "error": 3.0, "seen": 1},
        {"epoch": 1, "error": 300.0, "seen": 1},
        {"epoch": True, "error": 3.0, "seen": 1},
        [],
    ],
)
def test_a_state_whose_best_epoch_cannot_be_is_damaged(dataset, tmp_path, best):
    train(SMALL, tmp_path / "run", dataset=dataset)
    tensors, values = read_tensors(tmp_path / "run" / "state.safetensors")
    write_tensors(tmp_path / "run" / "state.safetensors", tensors, values | {"best": best})
    with pytest.raises(InputError, match="is damaged: (the best epoch|it does not say)"):
        resume(tmp_path / "run", dataset=dataset)


def test_a_state_without_the_best_weights_is_damaged(dataset, tmp_path):
    train(SMALL, tmp_path / "run", dataset=dataset)
    tensors, values = read_tensors(tmp_path / "run" / "state.safetensors")
    del tensors["best.layer2.bias"]
    write_tensors(tmp_path / "run" / "state.safetensors", tensors, values)
    with pytest.raises(InputError, match="it lacks layer2.bias of the best epoch"):
        resume(tmp_path / "run", dataset=dataset)


@pytest.mark.parametrize("setting", [{"keep": "last"}, {"patience": 0}])
def test_both_need_validation_rows(dataset, setting):
    with pytest.raises(InputError, match="how many are held out"):
        train(replace(SMALL, validation=0, **setting), dataset=dataset)


def test_schedule_layer_has_neither(dataset):
    config = replace(SMALL, schedule="layer", gamma="previous")
    with pytest.raises(InputError, match="belong to schedule network"):
        train(config, dataset=dataset)


def test_the_kept_model_is_what_was_evaluated(dataset, whole):
    rows = dataset.hold_out(SMALL.validation).test
    assert evaluate(whole.model, rows).all == whole.test.all


def test_on_the_command_line(ffnp, tmp_path):
    options = ["--limit-train", 300, "--validation", 100, "--epochs", 9, "--batch-size", 50]
    status, out, _ = ffnp(
        "train", *options, "--hidden", "8", "--patience", 1, "--keep", "best",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert status == 0 and "kept epoch" in out
    status, _, err = ffnp("train", "--patience", 1, "--out", tmp_path / "other")
    assert status == 2 and "say with validation" in err


class EndSecond(Watcher):
    """Ends a training with its second epoch."""

    def epoch(self, record):
        return record["epoch"] == 2


def test_a_watcher_ends_a_training_with_an_epoch(dataset, tmp_path):
    config = replace(SMALL, patience=0, keep="last", epochs=4)
    ended = train(config, tmp_path / "run", EndSecond(), dataset=dataset)
    assert ended.epoch == len(ended.metrics) == 2
    assert same_bits(ended.model, load_model(tmp_path / "run"))
    assert same_bits(ended.model, train(replace(config, epochs=2), dataset=dataset).model)
    whole = resume(tmp_path / "run", dataset=dataset)
    assert same_bits(whole.model, train(config, dataset=dataset).model)
