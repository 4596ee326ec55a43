"""What of a configuration may be another where a run goes on, and when a state is due."""

import json
import shutil
from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
from data_files import small_arrays
from small_training import StopAfter, make_trainer, same_bits, small_dataset

from ffnp import Config, resume, train
from ffnp.config import ADDED
from ffnp.errors import InputError, TrainingError
from ffnp.runs.folder import Every, Run
from ffnp.runs.storage import read_tensors, write_tensors

SMALL = Config(hidden=(6, 5), epochs=2, batch_size=20, gamma="previous", backend="numpy")
MAY_CHANGE = {"dataset": "elsewhere.npz", "data_dir": "elsewhere", "backend": "auto", "device": 1}
MAY_NOT = {
    "limit_train": 40, "limit_test": 9, "validation": 5, "method": "ff", "gamma": "others",
    "gamma_scale": 0.5, "objective": "softmax", "labels": 3, "theta": 5.0, "alpha": 2.0,
    "negatives": "hardest", "schedule": "layer", "update": "sequential", "hidden": (6, 4),
    "activation": "tanh",
    "scaling": "raw", "input_length": 9.0, "label_scale": 2.0, "pixel_dropout": 0.1,
    "unit_dropout": 0.1, "shift": 1, "flip": 0.5,
    "hidden_length": 2.0, "joined": "every", "optimizer": "sgd",
    "lr": 0.002, "momentum": 0.8,
    "weight_decay": 0.1, "lr_schedule": "linear", "epochs": 3, "batch_size": 10, "seed": 1,
    "cache_mb": 1, "dtype": "float64", "evaluate_every": 1, "analyse_every": 1, "snapshot_every": 1,
    "label_column": "5", "patience": 2, "keep": "best",
}  # fmt: skip


@pytest.fixture(scope="module")
def dataset():
    return small_dataset()


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    return train(SMALL, tmp_path_factory.mktemp("runs") / "run", dataset=dataset).run


def read_with(change, run, dataset):
    """Read the run's state where its configuration says something else."""
    trainer = make_trainer(SMALL, dataset)
    config = replace(run.config(), **change)
    trainer.model = replace(trainer.model, config=config)
    return run.read_state(trainer)


def test_every_field_may_change_or_not():
    assert {*MAY_CHANGE, *MAY_NOT} == {field.name for field in fields(Config)}


@pytest.mark.parametrize("name", MAY_NOT)
def test_a_run_does_not_go_on_as_another_one(run, dataset, name):
    with pytest.raises(InputError, match=f"trained with another {name} than"):
        read_with({name: MAY_NOT[name]}, run, dataset)


@pytest.mark.parametrize("name", MAY_CHANGE)
def test_a_run_goes_on_elsewhere(run, dataset, name):
    assert read_with({name: MAY_CHANGE[name]}, run, dataset)["seconds"] > 0


def test_a_run_goes_on_where_its_data_were_moved(tmp_path):
    arrays = small_arrays(4, 4, train=50, classes=4)._asdict()
    np.savez(tmp_path / "old.npz", **arrays)
    config = replace(SMALL, dataset=str(tmp_path / "old.npz"))
    whole = train(config)
    folder = tmp_path / "run"
    with pytest.raises(TrainingError, match="stopped"):
        train(config, folder, StopAfter(4))
    (tmp_path / "old.npz").rename(tmp_path / "new.npz")
    values = json.loads((folder / "config.json").read_text())
    values["config"]["dataset"] = str(tmp_path / "new.npz")
    (folder / "config.json").write_text(json.dumps(values))
    assert same_bits(whole.model, resume(folder).model)


def test_a_state_is_due_once_an_interval(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr("ffnp.runs.folder.time", SimpleNamespace(monotonic=lambda: now.seconds))
    every, due = Every(10), []
    for now.seconds in (109.0, 111.0, 112.0, 120.0, 121.0, 130.0):
        due.append(every.due())
    assert due == [False, True, False, False, True, False]


def test_a_state_without_an_interval_is_always_due(monkeypatch):
    monkeypatch.setattr("ffnp.runs.folder.time", SimpleNamespace(monotonic=lambda: 100.0))
    every = Every(0)
    assert every.due() and every.due()


def test_a_run_of_ffnp_0_1_goes_on(run, dataset, tmp_path):
    """It knows nothing of the options that were added since."""
    old = tmp_path / "old"
    shutil.copytree(run.folder, old)
    stored = json.loads((old / "config.json").read_text())
    tensors, values = read_tensors(old / "state.safetensors")
    for config in (stored["config"], values["config"]):
        for name in ADDED:
            del config[name]
    (old / "config.json").write_text(json.dumps(stored))
    write_tensors(old / "state.safetensors", tensors, values)
    assert Run(old).config() == run.config()
    assert Run(old).read_state(make_trainer(SMALL, dataset))["seconds"] > 0
