"""Files of strangers: only what is a file is read, and nothing is written where a link leads."""

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from data_files import small_arrays, write_idx, write_npy

from ffnp import files
from ffnp.config import Config
from ffnp.data import load
from ffnp.data.catalogue import CIFAR10
from ffnp.data.fetching import fetch
from ffnp.data.idx import read_idx
from ffnp.data.inputs import read_images
from ffnp.data.npy import map_npy, read_npz
from ffnp.errors import InputError, InputWarning, StorageError
from ffnp.files import ROOM, inflated, partial, read_bytes, remove_partial, write_atomically
from ffnp.reproduction import expand
from ffnp.reproduction.running import finished
from ffnp.runs.folder import Run
from ffnp.runs.listing import list_runs
from ffnp.runs.own import import_own
from ffnp.runs.storage import read_json, read_tensors


def inflate(path: Path) -> None:
    with inflated(path) as file:
        file.read()


READERS = {
    "any": read_bytes,
    "packed": inflate,
    ".npy": map_npy,
    ".npz": read_npz,
    ".npz of a data set": lambda path: load(path),
    "idx": read_idx,
    "a picture": lambda path: read_images(path.rename(path.with_suffix(".png")), (28, 28)),
    "an array to predict": lambda path: read_images(path, (28, 28)),
    "JSON": read_json,
    "tensors": read_tensors,
    "an objective": lambda path: import_own(f"{path}:X"),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_pipe_is_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(InputError, match=r"pipe.* is a pipe or a device: give a file"):
        read(tmp_path / "pipe.npz")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_a_device_is_not_read(device):
    with pytest.raises((InputError, StorageError), match=f"{device} (is a pipe or a d|cannot be)"):
        read_bytes(Path(device))


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "model.safetensors"])
def test_a_pipe_in_a_runs_folder_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    read = {"c": Run.config, "m": Run.metrics}.get(name[0]) if name != "model.safetensors" else None
    with pytest.raises(InputError, match=f"{name} is a pipe or a device"):
        read(Run(tmp_path)) if read else Run(tmp_path).model(None)


@pytest.mark.parametrize("write, name", [(write_npy, "y_train.npy"), (write_npy, "x_test.npy")])
def test_a_pipe_among_the_files_of_a_data_set(tmp_path, write, name):
    write(tmp_path, small_arrays(3, 4))
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=f"{name} is a pipe or a device"):
        load(tmp_path)


def test_what_is_nearly_all_holes_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "holes"
    path.write_bytes(b"x")
    os.truncate(path, ROOM)
    assert len(read_bytes(path)) == ROOM
    os.truncate(path, 1 << 40)
    with pytest.raises(InputError, match="holds 4096 bytes that stand for 1099511627776"):
        read_bytes(path)
    with path.open("r+b") as file:  # many small parts
        for place in range(1, 200):
            file.seek(place << 24)
            file.write(b"x")
    with pytest.raises(InputError, match="stand for 1099511627776: if these are data, save them"):
        read_bytes(path)


def test_on_a_disk_that_does_not_tell_its_holes_files_are_read(tmp_path, monkeypatch):
    def refused(descriptor, place, kind):
        if kind != os.SEEK_SET:
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "lseek", refused)
    assert files._without_holes(0, 1 << 40) == 1 << 40


def test_a_packed_file_that_stands_for_too_much_is_refused_before_it_is_inflated(tmp_path):
    images = np.zeros((2 * ROOM // 100, 10, 10), np.uint8)
    arrays = small_arrays(3, 4)._replace(x_train=images, y_train=images[:, 0, 0])
    write_idx(tmp_path, arrays, gzipped=True)
    with pytest.raises(
        InputError, match="train-images-idx3-ubyte.gz holds .* that stand for 33554"
    ):
        load(tmp_path)
    np.savez_compressed(tmp_path / "zeros.npz", **arrays._asdict())
    with pytest.raises(InputError, match="zeros.npz: x_train holds .* that stand for 33554"):
        load(tmp_path / "zeros.npz")


# --- writing ----------------------------------------------------------------------------------


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine").write_text("mine")
    yield tmp_path / "mine"
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_link_is_replaced_and_not_followed(tmp_path, mine):
    for target in (mine, tmp_path / "nowhere"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(target)
        write_atomically(tmp_path / "link", b"new")
        assert (tmp_path / "link").read_bytes() == b"new" and not (tmp_path / "link").is_symlink()
    assert not (tmp_path / "nowhere").exists()


def test_temporary_names_cannot_be_foreseen(tmp_path):
    assert len({partial(tmp_path / "x") for _ in range(100)}) == 100


def test_a_link_of_a_temporary_name_is_not_followed(tmp_path, mine, monkeypatch):
    monkeypatch.setattr(files, "token_hex", lambda _: "0" * 16)
    partial(tmp_path / "x").symlink_to(mine)
    with pytest.raises(StorageError, match="x cannot be written: File exists"):
        write_atomically(tmp_path / "x", b"new")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_who_may_read_a_file_stays(tmp_path, mode):
    (tmp_path / "x").touch()
    (tmp_path / "x").chmod(mode)
    write_atomically(tmp_path / "x", b"new")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == mode


def test_a_new_file_is_as_the_user_wants_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "x", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe is a pipe or a device: give another name"):
        write_atomically(tmp_path / "pipe", b"new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(StorageError, match="x cannot be written: Is a directory"):
        write_atomically(tmp_path / "x", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_only_what_ffnp_left_is_removed(tmp_path, mine):
    own = [".x.partial", ".x.y.partial", "x.0123456789abcdef.partial", ".x.0123456789abcdef.part"]
    left = [".x.123.partial", partial(tmp_path / "x").name, partial(tmp_path / "a\nb").name]
    for name in own + left:
        (tmp_path / name).write_text("x")
    partial(tmp_path / "link").symlink_to(mine)
    partial(tmp_path / "folder").mkdir()
    remove_partial(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([*own, "mine"])


def test_a_run_is_not_made_where_a_link_leads(tmp_path, mine):
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises((InputError, StorageError)):
        with Run.create([tmp_path / "run"], Config()):
            pass
    assert sorted(os.listdir(tmp_path)) == ["mine", "run"]


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A folder that one may not look into, as Python up to 3.13 tells, and root alike."""
    folder = tmp_path / "locked"
    folder.mkdir()

    def refusing(look):
        def refused(path, *given, **named):
            if folder in path.parents:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return look(path, *given, **named)

        return refused

    for name in ("exists", "is_file", "is_dir", "stat"):
        monkeypatch.setattr(Path, name, refusing(getattr(Path, name)))
    return folder


LOOKS = {
    "a file of data": lambda folder: load(folder / "x.npz"),
    "a folder of data": load,
    "a folder in it": lambda folder: load(folder / "deeper"),
    "a named data set": lambda folder: load("mnist", folder),
    "a named data set in a folder in it": lambda folder: load("mnist", folder / "deeper"),
    "runs": list_runs,
    "a result": lambda folder: finished(folder, expand("table1")[0]),
}


@pytest.mark.parametrize("what", LOOKS)
def test_where_one_may_not_look_is_named(locked, what):
    with pytest.raises(StorageError, match="locked.* cannot be read: Permission denied$"):
        LOOKS[what](locked)


def test_fetching_where_one_may_not_look_is_one_line(locked):
    with pytest.raises(StorageError, match="cannot be written: Permission denied"):
        fetch(CIFAR10, locked / "deeper")


def test_a_run_where_one_may_not_look_is_named(ffnp, locked):
    status, _, err = ffnp("evaluate", locked / "run")
    assert (status, err.count("\n")) == (1, 1)
    assert f"{locked}" in err and "Permission denied" in err and "FFNP_DEBUG" not in err


def test_a_run_that_one_may_not_look_into_is_left_out_of_a_list(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")

    def refused(_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Run, "config", refused)
    with pytest.warns(InputWarning, match="run cannot be read: Permission denied: the run is left"):
        assert list_runs(tmp_path) == []
