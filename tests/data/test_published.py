"""A name is not believed: files of a known data set that are not the published ones are named."""

import dataclasses
import json
import os
import warnings

import numpy as np
import pytest
from data_files import small_arrays, write_idx

from ffnp.data import load, verifying
from ffnp.data.catalogue import CATALOGUE, FASHION_MNIST
from ffnp.data.layouts import IDX
from ffnp.data.verifying import REMEMBERED
from ffnp.errors import InputWarning

ARRAYS = small_arrays(28, 28, train=40)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ffnp"


@pytest.fixture
def folder(tmp_path):
    """Files with the names of MNIST's, and of Fashion-MNIST's."""
    write_idx(tmp_path / "files", ARRAYS, gzipped=True)
    return tmp_path / "files"


@pytest.fixture
def published(folder, monkeypatch):
    """As if these files were what is published as Fashion-MNIST."""
    sums = [verifying._checksum(folder / f"{name}.gz") for name in IDX.files]
    known = dataclasses.replace(FASHION_MNIST, sha256=dict(zip(IDX.files, sums, strict=True)))
    monkeypatch.setitem(CATALOGUE, "fashion-mnist", known)


@pytest.fixture
def computed(monkeypatch):
    """The names of the files whose checksums are computed."""
    names, checksum = [], verifying._checksum

    def watched(path):
        names.append(path.name)
        return checksum(path)

    monkeypatch.setattr(verifying, "_checksum", watched)
    return names


def notes(name, folder):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load(name, folder)
    return [str(each.message) for each in caught]


def test_other_files_under_a_known_name_are_named(folder, published):
    (note,) = notes("mnist", folder)
    assert note == (
        f"mnist in {folder} is not the published data set: another content has "
        f"{', '.join(f'{name}.gz' for name in IDX.files)} "
        f"(`ffnp data verify mnist --data-dir {folder}` shows the checksums)"
    )
    assert notes("fashion-mnist", folder) == []


def test_one_file_that_was_encoded_again_is_named(folder, published):
    write_idx(folder, ARRAYS._replace(x_test=ARRAYS.x_test ^ 1), gzipped=True)
    (note,) = notes("fashion-mnist", folder)
    assert "another content has t10k-images-idx3-ubyte.gz (" in note


def test_checksums_are_computed_once_for_a_size_and_a_time(folder, published, computed):
    assert notes("fashion-mnist", folder) == [] and len(computed) == 4
    assert len(notes("mnist", folder)) == 1 and len(computed) == 4
    path = folder / f"{IDX.files[2]}.gz"
    write_idx(folder, ARRAYS._replace(x_test=ARRAYS.x_test ^ 1), gzipped=True)
    for name in IDX.files:  # but for one, they are as old as before, of the same size
        os.utime(folder / f"{name}.gz", ns=(0, 0))
    assert len(notes("fashion-mnist", folder)) == 1 and len(computed) == 8
    os.utime(path, ns=(1, 1))
    assert len(notes("fashion-mnist", folder)) == 1 and computed[8:] == [path.name]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b"3", b'{"x": 1}', b"[" * 10**5])
def test_a_damaged_memory_is_begun_again(folder, published, cache, content):
    cache.mkdir(parents=True)
    (cache / REMEMBERED).write_bytes(content)
    assert notes("fashion-mnist", folder) == []
    assert len(json.loads((cache / REMEMBERED).read_text())) >= 4


def test_where_nothing_can_be_kept_it_is_computed_again(folder, published, cache, computed):
    cache.parent.write_text("no folder")
    for _ in range(2):
        assert notes("fashion-mnist", folder) == []
    assert len(computed) == 8


def test_what_came_with_ffnp_is_not_looked_at(computed):
    assert notes("mnist", None) == [] and computed == []


def test_the_note_is_a_line_on_standard_error(ffnp, folder, tmp_path):
    options = ["--hidden", 5, "--epochs", 1, "--batch-size", 20, "--out", tmp_path / "run"]
    status, out, err = ffnp("train", "--data-dir", folder, *options)
    assert status == 0 and "stored in" in out
    assert err.startswith("Note: mnist in ") and err.count("\n") == 1


def test_the_published_mnist_inflated_is_the_published_one(tmp_path):
    mnist = load("mnist")
    arrays = ARRAYS._replace(
        x_train=mnist.train.images.reshape(-1, 28, 28), y_train=mnist.train.labels,
        x_test=mnist.test.images.reshape(-1, 28, 28), y_test=mnist.test.labels,
    )  # fmt: skip
    write_idx(tmp_path / "mnist", arrays, gzipped=False)
    assert notes("mnist", tmp_path) == []
    with pytest.warns(InputWarning, match="is not the published data set: .*train-labels-idx1"):
        np.asarray(arrays.y_train)[0] ^= 1
        write_idx(tmp_path / "mnist", arrays, gzipped=False)
        load("mnist", tmp_path)
