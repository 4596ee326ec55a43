"""Runs that would lie: other data, other writers, states and models that nobody trained."""

import copy
import fcntl
import json
import os
import stat
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from data_files import small_arrays
from small_training import StopAfter, same_bits, small_dataset

from ffnp import Config, from_arrays, load_model, resume, scores, train
from ffnp.errors import FFNPError, InputError, InputWarning, StorageError, TrainingError
from ffnp.files import PARTIAL
from ffnp.runs import place
from ffnp.runs.experiment import Watcher
from ffnp.runs.folder import Run
from ffnp.runs.storage import read_tensors, write_tensors

SMALL = Config(hidden=(6, 5), epochs=2, batch_size=20, backend="numpy")
STATE, MODEL = "state.safetensors", "model.safetensors"
DATASET = small_dataset()


def stop(folder, config=SMALL, watcher=None, **options):
    options = {"dataset": DATASET} | options
    with pytest.raises(TrainingError, match="stopped"):
        train(config, folder, watcher or StopAfter(4), **options)
    return folder


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    return stop(tmp_path_factory.mktemp("runs") / "stopped")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(SMALL, tmp_path_factory.mktemp("runs") / "trained", dataset=DATASET).run.folder


# Data


def changed(images=None, labels=None):
    """The data set with other training rows of the same statistics."""
    split, test = DATASET.train, DATASET.test
    x = split.images if images is None else images
    y = split.labels if labels is None else labels
    shape = (-1, *DATASET.shape)
    return from_arrays(
        x.reshape(shape), y, test.images.reshape(shape), test.labels, name="small", classes=4
    )


ORDER = np.random.default_rng(0).permutation(len(DATASET.train))
SWAPPED = np.array([1, 0, *range(2, len(DATASET.train))])
OTHER = {
    "labels permuted": changed(labels=DATASET.train.labels[ORDER]),
    "images permuted": changed(DATASET.train.images[ORDER]),
    "both permuted": changed(DATASET.train.images[ORDER], DATASET.train.labels[ORDER]),
    "two rows swapped": changed(DATASET.train.images[SWAPPED], DATASET.train.labels[SWAPPED]),
}


@pytest.mark.parametrize("name", OTHER)
def test_a_run_does_not_go_on_with_other_data(stopped, name):
    before = (stopped / STATE).read_bytes()
    with pytest.raises(InputError, match="trained on other data: give the run's own data set, wi"):
        resume(stopped, dataset=OTHER[name])
    assert (stopped / STATE).read_bytes() == before


def test_rows_that_are_not_trained_on_may_be_others(tmp_path):
    config = replace(SMALL, limit_train=30, validation=10)
    more = np.concatenate([DATASET.train.images[:30], 255 - DATASET.train.images[30:]])
    folder = stop(tmp_path / "run", config)
    assert resume(folder, dataset=changed(more)).run.folder == folder


def test_a_run_of_an_earlier_version_goes_on_and_says_that_nothing_is_known(stopped, tmp_path):
    folder = stop(tmp_path / "run")
    tensors, values = read_tensors(folder / STATE)
    del values["data"]["digest"], values["format"]
    write_tensors(folder / STATE, tensors, values)
    with pytest.warns(InputWarning, match="does not say what it was trained on, since an earlier"):
        found = resume(folder, dataset=DATASET)
    assert same_bits(found.model, train(SMALL, dataset=DATASET).model)
    resume(folder, dataset=DATASET)  # finished: there is nothing to say


# Where the data are


@pytest.fixture
def moved(tmp_path):
    """A stopped run, and the file where its data are now."""
    arrays = small_arrays(4, 4, train=50, test=23, classes=4)._asdict()
    np.savez(tmp_path / "old.npz", **arrays)
    stop(tmp_path / "run", replace(SMALL, dataset=str(tmp_path / "old.npz")), dataset=None)
    (tmp_path / "old.npz").rename(tmp_path / "new.npz")
    return tmp_path / "run", tmp_path / "new.npz"


def test_a_run_remembers_where_its_data_are_now(moved):
    folder, now = moved
    with pytest.raises(TrainingError, match="stopped"):
        resume(folder, watcher=StopAfter(1), dataset=now)
    assert Run(folder).config().dataset == str(now)
    again = now.rename(now.with_name("newer.npz"))
    resume(folder, dataset=again)
    assert load_model(folder).config.dataset == str(again)


def test_a_finished_run_remembers_it_too(moved):
    folder, now = moved
    resume(folder, dataset=now)
    before = (folder / MODEL).read_bytes()
    again = now.rename(now.with_name("newer.npz"))
    resume(folder, dataset=again)
    assert load_model(folder).config.dataset == str(again)
    assert (folder / MODEL).read_bytes() == before


def test_wrong_data_are_not_remembered(moved, tmp_path):
    folder, now = moved
    arrays = small_arrays(4, 4, train=50, test=23, classes=4)
    other = arrays._replace(x_train=arrays.x_train[::-1])
    np.savez(tmp_path / "other.npz", **other._asdict())
    before = (folder / "config.json").read_bytes()
    with pytest.raises(InputError, match="other data"):
        resume(folder, dataset=tmp_path / "other.npz")
    assert (folder / "config.json").read_bytes() == before


# Writers


class Meanwhile(StopAfter):
    """Does something after the first epoch, and may stop later."""

    def __init__(self, act, batches=-1):
        super().__init__(batches)
        self.act = act

    def epoch(self, record):
        if record["epoch"] == 1:
            self.act()


def test_a_run_renamed_in_training_stays_itself_though_its_name_is_used_anew(tmp_path):
    """The second run is begun under the old name while the first one trains."""
    second = replace(SMALL, seed=1)

    def rename():
        (tmp_path / "run").rename(tmp_path / "moved")
        train(second, tmp_path / "run", dataset=DATASET)

    first = train(SMALL, tmp_path / "run", Meanwhile(rename), 0, dataset=DATASET)
    assert first.run.folder == tmp_path / "moved"
    for folder, config in ((tmp_path / "moved", SMALL), (tmp_path / "run", second)):
        assert Run(folder).config() == replace(config, dataset="small")
        assert same_bits(load_model(folder), train(config, dataset=DATASET).model)
        assert [record["epoch"] for record in Run(folder).metrics()] == [1, 2]
        assert len(os.listdir(folder)) == 4


def test_a_renamed_run_is_found_on_macos_too(tmp_path, monkeypatch):
    """Which has no /proc, but a command of fcntl."""

    def answer(descriptor, command, room):
        assert command == 50
        name = next(path for path in tmp_path.iterdir() if place.Place.leads_here(held, path))
        return bytes(name).ljust(len(room), b"\0")

    (tmp_path / "run").mkdir()
    held = place.Place(tmp_path / "run")
    monkeypatch.setattr(fcntl, "F_GETPATH", 50, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", answer)
    monkeypatch.setattr(os, "readlink", None)
    (tmp_path / "run").rename(tmp_path / "moved")
    assert held.name == tmp_path / "moved"
    held.close()


def test_a_renamed_run_says_how_it_goes_on(tmp_path):
    act = Meanwhile(lambda: (tmp_path / "run").rename(tmp_path / "moved"), batches=4)
    with pytest.raises(TrainingError, match=f"ffnp train --resume {tmp_path / 'moved'}`"):
        train(SMALL, tmp_path / "run", act, dataset=DATASET)
    assert same_bits(
        resume(tmp_path / "moved", dataset=DATASET).model, train(SMALL, dataset=DATASET).model
    )


def test_a_run_whose_folder_is_removed_ends_with_one_line(tmp_path):
    def remove():
        for path in (tmp_path / "run").iterdir():
            path.unlink()
        (tmp_path / "run").rmdir()

    with pytest.raises(StorageError, match="run/.* cannot be written: No such file or directory"):
        train(SMALL, tmp_path / "run", Meanwhile(remove), 0, dataset=DATASET)
    assert os.listdir(tmp_path) == []


def test_a_new_configuration_file_lets_no_second_writer_in(tmp_path):
    folder = tmp_path / "run"

    def replace_it():
        content = (folder / "config.json").read_bytes()
        (folder / "new").write_bytes(content)
        (folder / "new").replace(folder / "config.json")
        with pytest.raises(InputError, match="another process trains in .*run: wait until"):
            resume(folder, dataset=DATASET)

    train(SMALL, folder, Meanwhile(replace_it), dataset=DATASET)


def test_a_disk_that_locks_no_folders_has_one_writer_still(tmp_path, monkeypatch):
    lock = place.lock
    monkeypatch.setattr(place, "lock", lambda d: not stat.S_ISDIR(os.fstat(d).st_mode) and lock(d))
    folder = tmp_path / "run"

    def try_it():
        with pytest.raises(InputError, match="another process trains"):
            resume(folder, dataset=DATASET)

    def move():
        with Run(folder).alone() as run:
            run.remember(replace(SMALL, dataset="elsewhere"))  # in a new configuration file
            try_it()

    train(SMALL, folder, Meanwhile(try_it), dataset=DATASET)
    move()
    resume(folder, dataset=DATASET)


def test_a_folder_renamed_while_it_is_opened_is_not_taken_for_another(tmp_path):
    stop(tmp_path / "run")
    with pytest.raises(InputError, match="run was renamed meanwhile"):
        with Run(tmp_path / "run").alone() as run:
            (tmp_path / "run").rename(tmp_path / "moved")
            stop(tmp_path / "run")
            run.check_name()


def test_the_record_is_on_the_disk_before_the_state(tmp_path, monkeypatch):
    """Else a power cut could leave a state that counts more epochs than are recorded."""
    flushed = []
    flush = place.flush

    def look(descriptor):
        flushed.extend(
            path.name
            for path in (tmp_path / "run").iterdir()
            if os.path.samestat(path.stat(), os.fstat(descriptor))
        )
        flush(descriptor)

    stop(tmp_path / "run")
    monkeypatch.setattr(place, "flush", look)
    with pytest.raises(TrainingError, match="stopped"):
        resume(tmp_path / "run", watcher=StopAfter(1), dataset=DATASET)
    assert flushed[0] == "metrics.jsonl" and flushed[1].startswith(f".{STATE}")


def test_what_a_killed_creation_left_does_not_block_a_run(tmp_path):
    folder = stop(tmp_path / "run")
    left = folder / f".new.1{PARTIAL}"
    left.mkdir()
    (left / "config.json").write_text("{}")
    resume(folder, dataset=DATASET)
    assert left.exists()  # it may be another run, being made


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", STATE, MODEL])
def test_no_link_in_a_runs_folder_is_written_through(tmp_path, name):
    folder, mine = stop(tmp_path / "run"), tmp_path / "mine"
    mine.write_bytes((folder / name).read_bytes() if (folder / name).exists() else b"mine")
    before = mine.read_bytes()
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(mine)
    with pytest.raises(InputError) if name in ("config.json", "metrics.jsonl") else nullcontext():
        resume(folder, dataset=DATASET)
    assert mine.read_bytes() == before


# What nobody trained


def at(*path, **change):
    def set_it(tensors, values):
        place = values
        for name in path:
            place = place[name]
        place.update(change)

    return set_it


def tensor(name, change):
    def set_it(tensors, values):
        tensors[name] = change(tensors[name])

    return set_it


STATES = {
    "steps are a text": at(steps="x"),
    "steps are below 0": at(steps=[-1]),
    "steps are others": at(steps=[3]),
    "steps are huge": at(steps=[10**30]),
    "steps are whole floats": at(steps=[4.0]),
    "steps are too many": at(steps=[4, 4]),
    "no position": at(position=None),
    "more of a position": at("position", x=1),
    "a position past the end": at(position={"phase": 1, "epoch": 1, "batch": 2}),
    "no configuration": at(config=7),
    "no extra": at(extra=[]),
    "a time that is a text": at("extra", seconds="x"),
    "no time": at("extra", seconds=float("nan")),
    "threads that are none": at("extra", threads={}),
    "a digest that is none": at("data", digest=7),
    "weights of another type": tensor("layer1.weights", lambda a: a.astype(np.float64)),
    "weights that are true": tensor("layer1.weights", lambda a: a.astype(bool)),
    "moments of another type": tensor("optimizer0.mean", lambda a: a.astype(np.uint8)),
    "totals of another type": tensor("totals", lambda a: a.astype(np.int32)),
}
MODELS = {
    "data are a list": at(data=[]),
    "a shape that is a text": at("data", shape="xy"),
    "a shape below 0": at("data", shape=[4, -4]),
    "a huge shape": at("data", shape=[10**30]),
    "classes are a list": at("data", classes=[4]),
    "huge classes": at("data", classes=10**30),
    "classes that are true": at("data", classes=True),
    "integer is a text": at("data", integer="x"),
    "scaling is a text": at("data", scaling="x"),
    "a mean that is a list": at("data", "scaling", mean=[1.0]),
    "a huge mean": at("data", "scaling", mean=10**30),
    "no deviation": at("data", "scaling", deviation=0.0),
    "a length below 0": at("data", "scaling", length=-1),
    "a length that is NaN": at("data", "scaling", length=float("nan")),
    "an appearance of text": at("data", "appearance", low="x"),
    "brightness is nothing": at("data", "appearance", brightness=None),
    "brightness of lists": at("data", "appearance", "brightness", mean=[1]),
    "method is missing": lambda tensors, values: values["config"].pop("method"),
    "configuration is a text": at(config="x"),
    "weights of bytes": tensor("layer1.weights", lambda a: a.astype(np.uint8)),
}


@pytest.mark.parametrize("name", STATES)
def test_a_crafted_state_is_refused_in_one_line(stopped, tmp_path, name):
    tensors, values = read_tensors(stopped / STATE)
    good = (stopped / STATE).read_bytes()
    del values["format"]
    STATES[name](tensors, values)
    write_tensors(stopped / STATE, tensors, values)
    try:
        with pytest.raises(InputError, match=f"{STATE}") as refused:
            resume(stopped, dataset=DATASET)
        assert len(str(refused.value)) < 1000 and "\n" not in str(refused.value)
    finally:
        (stopped / STATE).write_bytes(good)


@pytest.mark.parametrize("name", MODELS)
def test_a_crafted_model_is_refused_in_one_line(trained, tmp_path, name):
    tensors, values = copy.deepcopy(read_tensors(trained / MODEL))
    del values["format"]
    MODELS[name](tensors, values)
    write_tensors(tmp_path / MODEL, tensors, values)
    with pytest.raises(InputError, match=f"{MODEL} is damaged"):
        load_model(tmp_path)


@pytest.mark.parametrize("text", ["[]", "7", "[" * 100_000, '{"format": [1]}', "{}"])
def test_values_that_are_none_are_refused(tmp_path, monkeypatch, text):
    monkeypatch.setattr("ffnp.runs.storage.json.dumps", _signed_as(text))
    write_tensors(tmp_path / MODEL, {"a": np.zeros(3)}, {})
    monkeypatch.undo()
    with pytest.raises(InputError, match=MODEL):
        load_model(tmp_path)


def _signed_as(text):
    """A `dumps` that gives this text for the values, and the truth for what is around them."""
    return lambda values: text if "format" in values else json.JSONEncoder().encode(values)


def test_a_model_is_used_by_itself(trained, tmp_path):
    (tmp_path / MODEL).write_bytes((trained / MODEL).read_bytes())
    assert len(list(scores(load_model(tmp_path), DATASET.test.images))) > 0


# The record


def test_a_line_is_added_an_epoch_and_nothing_written_anew(tmp_path):
    seen = []

    class Sizes(Watcher):
        def epoch(self, record):
            stat = (tmp_path / "run" / "metrics.jsonl").stat()
            seen.append((stat.st_ino, stat.st_size))

    train(replace(SMALL, epochs=4), tmp_path / "run", Sizes(), dataset=DATASET)
    assert len({inode for inode, _ in seen}) == 1
    sizes = [size for _, size in seen]
    assert sizes == sorted(set(sizes)) and len(sizes) == 4


@pytest.mark.parametrize("rest", [b'{"phase": 1, "epo', b"\0\0\0\0", b"{", b"7", b'"\xff'])
def test_a_torn_last_line_is_no_record(tmp_path, rest):
    folder = stop(tmp_path / "run")
    path = folder / "metrics.jsonl"
    before = path.read_bytes()
    path.write_bytes(before + rest)
    assert len(Run(folder).metrics()) == 1
    with pytest.raises(TrainingError, match="stopped"):
        resume(folder, watcher=StopAfter(1), dataset=DATASET)
    assert path.read_bytes() == before  # the state is in the middle of the second epoch
    found = resume(folder, dataset=DATASET)
    assert Run(folder).metrics() == found.metrics
    assert [record["epoch"] for record in found.metrics] == [1, 2]


def test_a_whole_last_line_without_its_end_is_a_record(tmp_path):
    folder = stop(tmp_path / "run")
    path = folder / "metrics.jsonl"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    resume(folder, dataset=DATASET)
    assert [record["epoch"] for record in Run(folder).metrics()] == [1, 2]


def test_a_line_torn_in_the_middle_is_damage(tmp_path):
    folder = stop(tmp_path / "run")
    path = folder / "metrics.jsonl"
    path.write_bytes(b'{"phase"\n' + path.read_bytes())
    with pytest.raises(InputError, match="metrics.jsonl is damaged: .*: remove it: only the reco"):
        resume(folder, dataset=DATASET)


def test_a_record_that_was_removed_goes_on_with_what_is_to_come(tmp_path):
    """As the message advises; a later stop does not record an epoch twice."""
    config = replace(SMALL, epochs=5)
    folder = stop(tmp_path / "run", config, StopAfter(7))
    (folder / "metrics.jsonl").unlink()
    with pytest.raises(TrainingError, match="stopped"):
        resume(folder, watcher=StopAfter(4), dataset=DATASET)
    line = Run(folder).metrics()[-1]
    with Run(folder).alone() as run:
        run.record(line | {"epoch": line["epoch"] + 1})  # of an epoch after the state
    resume(folder, dataset=DATASET)
    assert [record["epoch"] for record in Run(folder).metrics()] == [3, 4, 5]


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path, monkeypatch):
    folder = stop(tmp_path / "run")
    (record,) = Run(folder).metrics()
    before = (folder / "metrics.jsonl").read_bytes()

    class Full:
        """A disk with room for three bytes."""

        def __init__(self, file):
            self.file, self.room = file, 3

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, data):
            if not self.room:
                raise OSError(28, "No space left on device")
            self.room -= (count := self.file.write(data[: self.room]))
            return count

    with Run(folder).alone() as run:
        monkeypatch.setattr(
            "ffnp.runs.place.open", lambda *a, **o: Full(open(*a, **o)), raising=False
        )
        with pytest.raises(FFNPError, match="metrics.jsonl cannot be written: No space left"):
            run.record(record | {"epoch": 2})
    assert (folder / "metrics.jsonl").read_bytes() == before
