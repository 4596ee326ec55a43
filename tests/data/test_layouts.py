"""The files of CIFAR-100, EMNIST and QMNIST, as their makers name and write them."""

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from data_files import idx_bytes, small_arrays

from ffnp import load
from ffnp.data.layouts import CIFAR_100, EMNIST
from ffnp.data.pickles import read_batch
from ffnp.errors import InputError

X, Y, X_TEST, Y_TEST = small_arrays(28, 28, train=12, test=6, classes=6)


def write_idx(folder, train, test, labels="labels-idx1-ubyte", first=0, kind=idx_bytes):
    """Four files, the images transposed, gzipped as they come."""
    folder.mkdir(exist_ok=True)
    for split, x, y in ((train, X, Y), (test, X_TEST, Y_TEST)):
        images = idx_bytes(np.swapaxes(x, 1, 2))
        (folder / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"{split}-{labels}.gz").write_bytes(gzip.compress(kind(y + first)))
    return folder


def emnist(folder, name, first=0):
    return write_idx(folder, f"emnist-{name}-train", f"emnist-{name}-test", first=first)


def eight_labels(labels):
    """QMNIST's: the digit, and seven numbers of where it comes from."""
    table = np.full((len(labels), 8), 1000, ">i4")
    table[:, 0] = labels
    return struct.pack(">BBBB2I", 0, 0, 0x0C, 2, *table.shape) + table.tobytes()


def check(dataset, upright=True):
    wanted = X if upright else np.swapaxes(X, 1, 2)
    np.testing.assert_array_equal(dataset.train.images, wanted.reshape(12, 784))
    np.testing.assert_array_equal(dataset.train.labels, Y)
    np.testing.assert_array_equal(dataset.test.labels, Y_TEST)


@pytest.mark.parametrize(
    "name, first, names",
    [
        ("letters", 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), ("digits", 0, "0123456789"),
        ("balanced", 0, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*has no image of class:ffnp.errors.InputWarning")
def test_emnist_is_upright_and_named(tmp_path, name, first, names):
    dataset = load(emnist(tmp_path, name, first))
    check(dataset)
    assert (dataset.names, dataset.classes) == (tuple(names), len(names))


def test_emnist_has_as_many_classes_as_its_makers_say():
    names = {layout.files[0].split("-")[1]: layout.names for layout in EMNIST}
    counts = {name: len(set(each)) for name, each in names.items()}
    assert counts == {
        "balanced": 47, "byclass": 62, "bymerge": 47, "digits": 10, "letters": 26, "mnist": 10,
    }  # fmt: skip


def test_of_several_sets_in_a_folder_one_is_given(tmp_path):
    emnist(tmp_path, "digits")
    emnist(tmp_path, "mnist")
    with pytest.raises(InputError, match="several data sets: give the training images of one, e.g"):
        load(tmp_path)
    check(load(tmp_path / "emnist-mnist-train-images-idx3-ubyte.gz"))


def test_letters_that_count_from_0_are_refused(tmp_path):
    with pytest.raises(InputError, match="has label 0, but letters count from 1"):
        load(emnist(tmp_path, "letters", 0))


def test_qmnist_has_its_digit_first(tmp_path):
    write_idx(tmp_path, "qmnist-train", "qmnist-test", "labels-idx2-int", kind=eight_labels)
    check(load(tmp_path), upright=False)
    path = tmp_path / "qmnist-test-labels-idx2-int.gz"
    path.write_bytes(gzip.compress(idx_bytes(Y_TEST)))
    with pytest.raises(InputError, match="is not an IDX file of integers of 32 bits"):
        load(tmp_path)


def test_qmnist_has_a_row_of_labels_an_image(tmp_path):
    write_idx(tmp_path, "qmnist-train", "qmnist-test", "labels-idx2-int", kind=one_label)
    with pytest.raises(InputError, match=r"has labels of shape \(12,\): QMNIST's are \(N, 8\)"):
        load(tmp_path)


def one_label(labels):
    return struct.pack(">BBBBI", 0, 0, 0x0C, 1, len(labels)) + labels.astype(">i4").tobytes()


def test_mnist_has_no_columns(tmp_path):
    emnist(tmp_path, "digits")
    with pytest.raises(InputError, match="has no column fine: leave it out"):
        load(tmp_path, label_column="fine")


# --- CIFAR-100 --------------------------------------------------------------------------------

PIXELS, FINE, PIXELS_TEST, FINE_TEST = small_arrays(3, 32, 32, train=12, test=6, classes=100)
COARSE, COARSE_TEST = FINE % 20, FINE_TEST % 20


def write_binary(folder):
    for name, x, fine, coarse in (
        ("train.bin", PIXELS, FINE, COARSE), ("test.bin", PIXELS_TEST, FINE_TEST, COARSE_TEST),
    ):  # fmt: skip
        records = [coarse[:, None], fine[:, None], x.reshape(len(x), -1)]
        (folder / name).write_bytes(np.concatenate(records, axis=1).tobytes())


def write_python(folder):
    for name, x, fine, coarse in (
        ("train", PIXELS, FINE, COARSE), ("test", PIXELS_TEST, FINE_TEST, COARSE_TEST),
    ):  # fmt: skip
        batch = {"data": x.reshape(len(x), -1), "fine_labels": fine.tolist()}
        batch |= {"coarse_labels": coarse.tolist(), "filenames": ["a.png"] * len(x)}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))


@pytest.mark.parametrize("write", [write_binary, write_python])
@pytest.mark.parametrize("place", ["", "own"])
def test_cifar_100_has_fine_and_coarse_labels(tmp_path, write, place):
    folders = {write_binary: "cifar-100-binary", write_python: "cifar-100-python"}
    folder = tmp_path / folders[write] if place else tmp_path
    folder.mkdir(exist_ok=True)
    write(folder)
    for label, labels, names in ((None, FINE, 100), ("fine", FINE, 100), ("coarse", COARSE, 20)):
        dataset = load(tmp_path, label_column=label)
        np.testing.assert_array_equal(dataset.train.labels, labels)
        np.testing.assert_array_equal(dataset.train.images, PIXELS.reshape(12, -1))
        assert (dataset.shape, len(dataset.names)) == ((3, 32, 32), names)


def test_cifar_100_has_its_classes_in_alphabetical_order():
    for layout in CIFAR_100:
        assert sorted(layout.names) == list(layout.names)
        assert len(set(layout.names)) == (100 if layout.label == "fine" else 20)


def test_cifar_100_has_no_other_label(tmp_path):
    write_binary(tmp_path)
    with pytest.raises(InputError, match="is no table, and has no column colour"):
        load(tmp_path, label_column="colour")
    (tmp_path / "train.bin").write_bytes(b"\x00\xff" + bytes(3072))
    with pytest.raises(InputError, match="train.bin has label 255, not 0..99"):
        load(tmp_path)


def test_a_pickle_as_large_as_cifar_100s_is_read():
    """50,000 images' names and two labels each: more opcodes than CIFAR-10's batches have."""
    from ffnp.data.pickles import Machine

    names = [f"a_{i}.png" for i in range(50_000)]
    batch = {"filenames": names, "fine_labels": [i % 100 for i in range(50_000)]}
    batch["coarse_labels"] = [i % 20 for i in range(50_000)]
    found = Machine().run(pickle.dumps(batch, protocol=2))
    assert found == batch


def batch_of_one(raw=b"C\1x", width=b"K\1"):
    """Opcodes of a batch as NumPy 2 and protocol 5 write it: an image of a pixel, label 0."""
    array = (
        b"cnumpy.core.numeric\n_frombuffer\n(%bcnumpy\ndtype\nX\2\0\0\0u1\x85RK\1%b\x86X\1\0\0\0CtR"
    )
    labels = b"X\6\0\0\0labels]K\0as"
    return b"\x80\5}X\4\0\0\0data" + array % (raw, width) + b"s" + labels + b"."


@pytest.mark.parametrize(
    "content, message",
    [
        (batch_of_one(raw=b"N"), "is not a CIFAR batch: its array has no data"),
        (batch_of_one(raw=b"X\2\0\0\0\xc4\x80"), "is damaged: its pixels are not bytes"),
        (batch_of_one(width=b"N"), "is not a CIFAR batch: its array has no shape"),
    ],
    ids=["nothing", "letters", "no width"],
)
def test_what_is_no_array_of_bytes_is_named(content, message):
    assert read_batch(batch_of_one(), Path("x")) == ((1, 1), b"x", [0])
    with pytest.raises(InputError, match=f"x {message}"):
        read_batch(content, Path("x"))
