"""Disks that cannot do all: what is lost nowhere goes on, what might be is refused in one line."""

import errno
import fcntl
import os
import stat

import numpy as np
import pytest
from small_training import StopAfter, same_bits, small_dataset

from ffnp import Config, load_model, resume, train
from ffnp.data.npy import map_npy
from ffnp.errors import InputError, StorageError, TrainingError
from ffnp.files import write_atomically
from ffnp.runs import folder as folders
from ffnp.runs.folder import Run

SMALL = Config(hidden=(6, 5), epochs=2, batch_size=20, backend="numpy")


def refuse(number):
    def refused(*_):
        raise OSError(number, os.strerror(number))

    return refused


def fsync_of_files_alone(descriptor):
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        refuse(errno.EINVAL)()


@pytest.mark.parametrize(
    "fsync", [fsync_of_files_alone, refuse(errno.ENOSYS), refuse(errno.ENOTSUP)]
)
def test_a_disk_without_fsync_keeps_runs(tmp_path, monkeypatch, fsync):
    monkeypatch.setattr(os, "fsync", fsync)
    result = train(SMALL, tmp_path / "run", dataset=small_dataset())
    assert same_bits(load_model(tmp_path / "run", "numpy"), result.model)


def test_a_folder_that_cannot_be_read_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", refuse(errno.EACCES))
    write_atomically(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"new"


def test_a_disk_that_fails_is_not_one_that_cannot(tmp_path, monkeypatch):
    (tmp_path / "x").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", refuse(errno.EIO))
    with pytest.raises(StorageError, match="x cannot be written: Input/output error"):
        write_atomically(tmp_path / "x", b"new")
    assert os.listdir(tmp_path) == ["x"]
    assert (tmp_path / "x").read_bytes() == b"old"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_without_locks_a_new_run_is_trained_and_no_other(tmp_path, monkeypatch, number):
    dataset = small_dataset()
    monkeypatch.setattr(fcntl, "flock", refuse(number))
    with pytest.raises(TrainingError, match="stopped"):
        train(SMALL, tmp_path / "run", StopAfter(4), dataset=dataset)
    with pytest.raises(StorageError, match=r"cannot be locked: .*: copy .*run to a disk that can"):
        resume(tmp_path / "run", dataset=dataset)
    monkeypatch.undo()
    assert same_bits(
        resume(tmp_path / "run", dataset=dataset).model, train(SMALL, dataset=dataset).model
    )


@pytest.mark.parametrize("number", [errno.ENOTEMPTY, errno.EEXIST])
def test_a_folder_that_is_there_meanwhile_is_another_ones(tmp_path, monkeypatch, number):
    monkeypatch.setattr(folders, "rename", refuse(number))
    with pytest.raises(InputError, match="exists already"), Run.create([tmp_path / "run"], SMALL):
        pass
    assert os.listdir(tmp_path) == []


def test_a_disk_that_maps_no_files_is_read(tmp_path, monkeypatch):
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.save(tmp_path / "x.npy", values)
    monkeypatch.setattr(np, "memmap", refuse(errno.ENODEV))
    np.testing.assert_array_equal(map_npy(tmp_path / "x.npy"), values)
    monkeypatch.setattr(np, "memmap", refuse(errno.EIO))
    with pytest.raises(StorageError, match="x.npy cannot be read: Input/output error"):
        map_npy(tmp_path / "x.npy")
