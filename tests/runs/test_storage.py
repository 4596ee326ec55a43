"""Files of a run: atomic, checked, and never half-written."""

import errno
import json
import os
from dataclasses import replace
from functools import partial as bound
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffnp import Config, load, train
from ffnp.backends import Backend
from ffnp.errors import InputError, InputWarning, StorageError, TrainingError
from ffnp.files import partial, write_atomically
from ffnp.runs import folder as runs
from ffnp.runs.experiment import resume
from ffnp.runs.folder import Run, default_folders
from ffnp.runs.storage import read_tensors, write_tensors

SMALL = Config(limit_train=200, limit_test=100, hidden=(10, 10), epochs=2, batch_size=100)


def fail_at(monkeypatch, count):
    """Let the fsync number `count`, from 1, find the disk full; returns the calls so far."""
    calls = []

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) == count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    return calls


def test_tensors_and_values_come_back(tmp_path):
    tensors = {"a": np.arange(6.0).reshape(2, 3)[:, ::2], "b": np.zeros((), np.float32)}
    write_tensors(tmp_path / "file", tensors, {"steps": [1, 2]})
    found, values = read_tensors(tmp_path / "file")
    assert values == {"format": 1, "steps": [1, 2]}
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        np.testing.assert_array_equal(found[name], tensor)


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    fail_at(monkeypatch, 1)
    with pytest.raises(StorageError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("keep", [0, 7, 40, -1])
def test_truncated_file_is_refused(tmp_path, keep):
    path = tmp_path / "file"
    write_tensors(path, {"a": np.zeros(9)}, {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="damaged or not a file of ffnp"):
        read_tensors(path)


@given(data=st.data())
def test_a_changed_bit_is_an_error_or_changes_nothing(data):
    tensors, values = {"a": np.arange(7.0), "b": np.ones((2, 3), np.float32)}, {"steps": [3]}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write_tensors(path, tensors, values)
        content = bytearray(path.read_bytes())
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        try:
            found, read = read_tensors(path)
        except InputError:
            return
        assert read == {"format": 1, **values}
        assert {name: array.tobytes() for name, array in found.items()} == {
            name: array.tobytes() for name, array in tensors.items()
        }


def test_newer_format_is_refused(tmp_path):
    path = tmp_path / "file"
    write_tensors(path, {"a": np.zeros(9)}, {"format": 2})
    with pytest.raises(InputError, match="update ffnp"):
        read_tensors(path)


def test_full_disk_at_the_first_write_leaves_no_folder(tmp_path, monkeypatch):
    fail_at(monkeypatch, 1)
    with pytest.raises(StorageError, match="config.json cannot be written"):
        train(SMALL, tmp_path / "runs" / "new")
    assert os.listdir(tmp_path) == []


def test_full_disk_at_any_write_leaves_a_run_that_resumes_to_the_same_bits(tmp_path, monkeypatch):
    small = replace(SMALL, limit_train=100, batch_size=50)
    mnist = load("mnist")  # read once
    begin = bound(train, small, checkpoint_seconds=0, dataset=mnist)
    expected = begin(tmp_path / "whole").run
    calls = fail_at(monkeypatch, 0)
    begin(tmp_path / "counted")
    assert len(calls) > 10
    for count in range(3, len(calls) + 1):  # 1 and 2: before the run's folder has its name
        folder = tmp_path / f"full{count}"
        fail_at(monkeypatch, count)
        with pytest.raises(StorageError, match="No space left"):
            begin(folder)
        assert {path.suffix for path in folder.iterdir()} <= {".json", ".jsonl", ".safetensors"}
        resume(folder, dataset=mnist)
        model = "model.safetensors"
        assert (folder / model).read_bytes() == (expected.folder / model).read_bytes()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_run_killed_while_it_is_made_has_no_folder_or_a_whole_one(tmp_path, monkeypatch, count):
    folder = tmp_path / "runs" / "new"

    class Killed(BaseException):
        pass

    def look(descriptor):
        seen.append(folder.exists())
        assert not folder.exists() or Run(folder).config() == SMALL
        if len(seen) == count:
            raise Killed

    seen = []
    monkeypatch.setattr(os, "fsync", look)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)  # a killed process cleans nothing
    with pytest.raises(Killed):
        train(SMALL, folder)
    assert seen == [False, False, True][:count]
    monkeypatch.undo()
    finished = resume(folder) if folder.exists() else train(SMALL, folder)
    assert finished.run.folder == folder


def test_what_killed_writers_left_is_removed_on_resuming(tmp_path):
    run = train(SMALL, tmp_path / "run").run
    whole = sorted(os.listdir(run.folder))
    for name in ("state.safetensors", "metrics.jsonl"):
        partial(run.folder / name).write_bytes(b"half")
    resume(run.folder)
    assert sorted(os.listdir(run.folder)) == whole


def test_a_run_has_one_writer(tmp_path):
    run = train(SMALL, tmp_path / "run").run
    with run.alone(), pytest.raises(InputError, match="another process trains"):
        resume(run.folder)
    resume(run.folder)


def test_a_training_is_kept_though_its_test_set_is_bad(tmp_path):
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        images = rng.random((100, 5)).astype(np.float32)
        if split == "test":
            images[3, 2] = np.nan  # mapped, so only found when it is used
        np.save(tmp_path / f"x_{split}.npy", images)
        np.save(tmp_path / f"y_{split}.npy", np.arange(100) % 4)
    with pytest.raises(TrainingError, match="score of images .* is NaN"):
        train(replace(SMALL, dataset=str(tmp_path)), tmp_path / "run")
    assert len(Run(tmp_path / "run").model(Backend()).weights()) == 4


def test_existing_folder_is_refused_and_untouched(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        train(SMALL, tmp_path)
    assert os.listdir(tmp_path) == ["mine"]


def test_wrong_data_leave_no_folder(tmp_path):
    with pytest.raises(InputError):
        train(replace(SMALL, batch_size=201), tmp_path / "run")
    assert os.listdir(tmp_path) == []


def test_resume_refuses_other_data(tmp_path):
    mnist = load("mnist").limited(300, 100)
    run = train(SMALL, tmp_path / "run", dataset=mnist).run
    with pytest.raises(InputError, match="trained on other data"):
        resume(run.folder, dataset=replace(mnist, train=mnist.test))


def test_a_finished_run_without_its_state_is_not_trained_again(tmp_path):
    folder = train(SMALL, tmp_path / "run").run.folder
    (folder / "state.safetensors").unlink()
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="is finished, and its state.safetensors is gone"):
        resume(folder)
    assert (folder / "model.safetensors").read_bytes() == before


def test_resume_refuses_another_configuration(tmp_path):
    run = train(SMALL, tmp_path / "run").run
    path = run.folder / "config.json"
    values = json.loads(path.read_text())
    values["config"] |= {"epochs": 30, "seed": 1}
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match="trained with another epochs, seed than .*config.json"):
        resume(run.folder)


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    folder = train(replace(SMALL, backend="reference"), tmp_path / "run").run.folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    resume(folder, backend="numpy")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_run_is_read_from_any_folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    arrays = {"x_train": rng.random((9, 4)), "y_train": np.arange(9) % 3}
    np.savez(tmp_path / "my.npz", x_test=arrays["x_train"], y_test=arrays["y_train"], **arrays)
    monkeypatch.chdir(tmp_path)
    config = replace(SMALL, dataset="my.npz", data_dir="here", limit_train=9, batch_size=3)
    with pytest.warns(InputWarning, match="^data_dir has no effect on .*my.npz: it is for"):
        run = train(config, "run").run
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    stored = Run(tmp_path / run.folder).config()
    assert stored.dataset == str(tmp_path / "my.npz")
    assert stored.data_dir == str(tmp_path / "here")
    with pytest.warns(InputWarning, match="^data_dir has no effect"):
        resume(tmp_path / run.folder)


@pytest.mark.parametrize(
    "content, message",
    [("{", "damaged"), ("[" * 100_000, "damaged"), ("[]", "no configuration"),
     ('{"config": {"lrr": 1}}', "unknown"), ('{"config": {"lr": "1"}}', "not of type"),
     ('{"config": {}}', "lacks activation, alpha")],
)  # fmt: skip
def test_damaged_configuration_is_refused(tmp_path, content, message):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=message):
        Run(tmp_path).config()


def test_default_folders_never_collide(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = list(islice(default_folders(SMALL), 3))
    for name in names:
        with Run.create(names, SMALL) as run:
            assert run.folder == name
    with pytest.raises(InputError, match="exists already"), Run.create(names, SMALL):
        pass


def test_a_folder_that_another_process_makes_meanwhile_is_not_taken(tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    rename = runs.rename

    def slow(old, new):
        monkeypatch.setattr(runs, "rename", rename)
        with Run.create([first], SMALL):
            pass
        rename(old, new)

    monkeypatch.setattr(runs, "rename", slow)
    with Run.create([first, second], SMALL) as run:
        assert run.folder == second
    assert sorted(os.listdir(tmp_path)) == ["first", "second"]
