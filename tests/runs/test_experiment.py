"""What is recorded of a run, on which rows and when, where it goes on, and what is kept first."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from small_training import StopAfter, same_bits, small_dataset

from ffnp import Config, analyse, evaluate, load_model, resume, train
from ffnp.backends import Backend
from ffnp.data.dataset import Split
from ffnp.errors import InputError, InputWarning, StorageError, TrainingError
from ffnp.runs.folder import OpenRun, Run
from ffnp.runs.storage import read_tensors, write_tensors

# 3 batches an epoch. The rate is so large that every epoch's errors are others.
SMALL = Config(hidden=(6, 5), epochs=4, batch_size=20, lr=0.05, backend="numpy")


@pytest.fixture(scope="module")
def dataset():
    return small_dataset()


class Clock(StopAfter):
    """A clock that only batches, evaluations and analyses move; may stop a training."""

    def __init__(self, stop_after=-1):
        super().__init__(stop_after)
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def batch(self, trainer):
        self.now += 1
        return super().batch(trainer)

    def slowed(self, call, seconds):
        def slow(*arguments, **options):
            self.now += seconds
            return call(*arguments, **options)

        return slow


@pytest.fixture
def clock(monkeypatch):
    """Make a clock the one of trainings: an evaluation takes 100 seconds, an analysis 1000."""

    def make(stop_after=-1):
        clock = Clock(stop_after)
        monkeypatch.setattr("ffnp.runs.experiment.time", clock)
        monkeypatch.setattr("ffnp.runs.experiment.evaluate", clock.slowed(evaluate, 100))
        monkeypatch.setattr("ffnp.runs.experiment.analyse", clock.slowed(analyse, 1000))
        return clock

    return make


def epochs(records):
    return [(record["phase"], record["epoch"]) for record in records]


def stop_in_epoch_2(config, folder, dataset):
    with pytest.raises(TrainingError, match="stopped"):
        train(config, folder, StopAfter(4), dataset=dataset)


def test_every_second_epoch_is_evaluated_and_the_last_as_the_result_is(dataset):
    found = train(replace(SMALL, evaluate_every=2), dataset=dataset)
    assert ["test_error" in record for record in found.metrics] == [False, True, False, True]
    assert found.metrics[-1]["test_error"] == found.test.to_dict()
    assert found.test.to_dict() == evaluate(found.model, dataset.test).to_dict()
    assert found.test.all != evaluate(found.model, dataset.train).all


def test_a_fixed_sample_of_training_rows_is_evaluated_too(dataset, monkeypatch):
    """Of all labels, and of the rows trained on: the pairs that training compares say less."""
    monkeypatch.setattr("ffnp.runs.experiment.SAMPLE", 20)
    config = replace(SMALL, evaluate_every=2, limit_train=40)
    found = train(config, dataset=dataset)
    assert ["train_error" in record for record in found.metrics] == [False, True, False, True]
    sample = Split(dataset.train.images[:40:2], dataset.train.labels[:40:2])
    assert found.metrics[-1]["train_error"] == evaluate(found.model, sample).to_dict()
    assert all(0 <= record["pair_error"] <= 100 for record in found.metrics)


def test_every_second_epoch_is_analysed_on_the_test_rows(dataset):
    found = train(replace(SMALL, analyse_every=2), dataset=dataset)
    assert ["analysis" in record for record in found.metrics] == [False, True, False, True]
    assert found.metrics[-1]["analysis"] == analyse(found.model, dataset.test).to_dict()


def test_in_a_phase_the_layers_trained_so_far_vote(dataset):
    config = replace(SMALL, method="ff", schedule="layer", epochs=2, evaluate_every=1)
    metrics = train(config, dataset=dataset).metrics
    assert epochs(metrics) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [len(record["test_error"]["layers"]) for record in metrics] == [1, 1, 2, 2]
    assert [len(record["losses"]) for record in metrics] == [1, 1, 2, 2]


def test_the_clock_stands_still_during_evaluations_and_analyses(dataset, clock):
    config = replace(SMALL, epochs=2, evaluate_every=1, analyse_every=1)
    found = train(config, watcher=clock(), dataset=dataset)
    assert [record["seconds"] for record in found.metrics] == [3, 6]
    assert found.seconds == 6


def test_the_clock_stands_still_while_code_is_compiled(dataset, clock, monkeypatch):
    """For a batch, and for an evaluation, during which it stands still already."""
    watcher, compiled, told = clock(), [0.0], []

    def compiling(call):
        def slow(*arguments, **options):
            compiled[0] += 10
            watcher.now += 10
            return call(*arguments, **options)

        return slow

    @contextmanager
    def listen(backend, begins):
        begins()
        yield lambda: compiled[0]

    monkeypatch.setattr(Backend, "compiling", listen)
    monkeypatch.setattr(watcher, "compiling", lambda: told.append(watcher.now))
    monkeypatch.setattr(watcher, "batch", compiling(watcher.batch))
    monkeypatch.setattr("ffnp.runs.experiment.evaluate", compiling(evaluate))
    found = train(replace(SMALL, epochs=2, evaluate_every=1), watcher=watcher, dataset=dataset)
    assert [record["seconds"] for record in found.metrics] == [3, 6]
    assert (found.seconds, told) == (6, [0])


def test_the_clock_goes_on_where_the_run_was_stopped(dataset, clock, tmp_path):
    config = replace(SMALL, epochs=3, evaluate_every=1)
    with pytest.raises(TrainingError, match="stopped"):
        train(config, tmp_path / "run", clock(stop_after=4), dataset=dataset)
    found = resume(tmp_path / "run", watcher=clock(), dataset=dataset)
    assert [record["seconds"] for record in found.metrics] == [3, 6, 9]
    assert found.seconds == 9


def test_an_epoch_that_is_trained_again_is_recorded_once(dataset, tmp_path):
    folder = tmp_path / "run"
    stop_in_epoch_2(SMALL, folder, dataset)
    run = Run(folder)
    (first,) = run.metrics()
    with run.alone() as writer:
        writer.record(first | {"epoch": 2, "seconds": 99.0})  # later than the state
    found = resume(folder, dataset=dataset)
    assert epochs(found.metrics) == [(1, 1), (1, 2), (1, 3), (1, 4)]
    assert run.metrics() == found.metrics


def test_a_run_goes_on_on_the_backend_that_is_asked_for(dataset, tmp_path):
    stop_in_epoch_2(SMALL, tmp_path / "run", dataset)
    with pytest.warns(InputWarning, match="trained on numpy .* goes on on reference"):
        found = resume(tmp_path / "run", backend="reference", dataset=dataset)
    assert found.model.backend.name == found.model.config.backend == "reference"


def test_the_last_state_is_stored_before_the_model(dataset, tmp_path, monkeypatch):
    """A run that has its model but not the last state would be finished and yet not."""

    def fail(run, model):
        raise KeyboardInterrupt

    monkeypatch.setattr(OpenRun, "write_model", fail)
    with pytest.raises(KeyboardInterrupt):
        train(SMALL, tmp_path / "run", dataset=dataset)
    _, values = read_tensors(tmp_path / "run" / "state.safetensors")
    assert values["position"] == {"phase": 1, "epoch": 0, "batch": 0}


def test_a_state_of_an_older_ffnp_goes_on(dataset, tmp_path):
    """It does not say what training images look like."""
    stop_in_epoch_2(SMALL, tmp_path / "run", dataset)
    path = tmp_path / "run" / "state.safetensors"
    tensors, values = read_tensors(path)
    del values["data"]["appearance"], values["format"]
    write_tensors(path, tensors, values)
    found = resume(tmp_path / "run", dataset=dataset)
    assert same_bits(found.model, train(SMALL, dataset=dataset).model)
    assert load_model(tmp_path / "run").data.appearance == found.model.data.appearance


def test_a_state_of_other_data_does_not_go_on(dataset, tmp_path):
    stop_in_epoch_2(SMALL, tmp_path / "run", dataset)
    with pytest.raises(InputError, match="was trained on other data: give the run's own"):
        resume(tmp_path / "run", dataset=small_dataset(train=40))


def test_snapshots_are_the_weights_as_they_were(dataset, tmp_path):
    config = replace(SMALL, epochs=3, snapshot_every=2)
    train(config, tmp_path / "run", dataset=dataset)
    two = train(replace(config, epochs=2, snapshot_every=0), dataset=dataset)
    run = Run(tmp_path / "run")
    assert list(run.snapshots()) == [2]
    assert same_bits(run.snapshot(run.snapshots()[2], Backend()), two.model)


def test_snapshots_are_numbered_over_all_phases(dataset, tmp_path):
    config = replace(SMALL, method="ff", schedule="layer", epochs=2, snapshot_every=2)
    done = train(config, tmp_path / "run", dataset=dataset)
    run = Run(tmp_path / "run")
    assert list(run.snapshots()) == [2, 4]
    assert same_bits(run.snapshot(run.snapshots()[4], Backend()), done.model)


def test_a_resumed_run_has_the_snapshots_of_one_never_stopped(dataset, tmp_path):
    config = replace(SMALL, snapshot_every=1)
    train(config, tmp_path / "whole", dataset=dataset)
    stop_in_epoch_2(config, tmp_path / "stopped", dataset)
    resume(tmp_path / "stopped", dataset=dataset)
    whole, stopped = (Run(tmp_path / name).snapshots() for name in ("whole", "stopped"))
    assert list(whole) == list(stopped) == [1, 2, 3, 4]
    assert [p.read_bytes() for p in whole.values()] == [p.read_bytes() for p in stopped.values()]


@pytest.mark.parametrize(
    "changed, options, named",
    [
        ({"method": "ff"}, {"gamma": lambda goodness: goodness}, "gamma has"),
        ({"method": "ff", "gamma": "next", "alpha": 2.0}, {}, "gamma, alpha have"),
        ({"snapshot_every": 1}, {}, "snapshot_every has"),  # nothing is stored
    ],
)
def test_what_has_no_effect_is_named(dataset, changed, options, named):
    with pytest.warns(InputWarning, match=f"^{named} no effect on this training$"):
        train(replace(SMALL, epochs=1, **changed), dataset=dataset, **options)


@pytest.mark.parametrize("seconds", ["x", None, -1, float("nan")])
def test_a_time_between_states_is_a_number_of_seconds(dataset, tmp_path, seconds):
    with pytest.raises(InputError, match="^checkpoint_seconds is "):
        train(SMALL, tmp_path / "run", checkpoint_seconds=seconds, dataset=dataset)
    assert not (tmp_path / "run").exists()
    train(SMALL, tmp_path / "run", dataset=dataset)
    with pytest.raises(InputError, match="^checkpoint_seconds is "):
        resume(tmp_path / "run", checkpoint_seconds=seconds, dataset=dataset)


def test_a_finished_run_whose_model_is_damaged_gets_it_again(dataset, tmp_path):
    model = tmp_path / "run" / "model.safetensors"
    train(SMALL, tmp_path / "run", dataset=dataset)
    whole = model.read_bytes()
    model.write_bytes(whole[:-1])
    resume(tmp_path / "run", dataset=dataset)
    assert model.read_bytes() == whole


@pytest.mark.parametrize("folders, says", [([], "no folder is named"), ([3], "the folder is of")])
def test_names_for_a_folder_are_names(dataset, folders, says):
    with pytest.raises(InputError, match=says):
        train(SMALL, folders, dataset=dataset)


def test_what_one_may_not_look_at_is_named(monkeypatch, tmp_path):
    def refuse(self, **_):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", refuse)
    closed = tmp_path / "closed"
    with pytest.raises(StorageError, match=f"{closed}.* cannot be (used|read): Permission denied"):
        load_model(closed)
    with pytest.raises(StorageError, match="closed.* cannot be (used|read): Permission denied"):
        train(replace(SMALL, dataset=str(closed)))
