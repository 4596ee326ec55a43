"""Every layout gives the same data set; what cannot be learned from is refused in one line."""

import dataclasses
import gzip
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from data_files import (
    binary_batch,
    idx_bytes,
    python2_batch,
    python3_batch,
    small_arrays,
    write_cifar,
    write_idx,
    write_npy,
)

from ffnp.config import Config
from ffnp.data import Dataset, from_arrays, load
from ffnp.data.arrays import Arrays
from ffnp.data.catalogue import FASHION_MNIST
from ffnp.errors import InputError
from ffnp.runs.experiment import load_data

pytestmark = pytest.mark.filterwarnings(
    "ignore:.* is not the published data set:ffnp.errors.InputWarning"
)

ARRAYS = small_arrays(3, 4)
X, Y, X_TEST, Y_TEST = ARRAYS


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ffnp"


def assert_same(dataset: Dataset, arrays: Arrays) -> None:
    for split, images, labels in (
        (dataset.train, arrays.x_train, arrays.y_train),
        (dataset.test, arrays.x_test, arrays.y_test),
    ):
        assert split.images.dtype == images.dtype
        assert split.images.flags.c_contiguous
        np.testing.assert_array_equal(split.images, images.reshape(len(images), -1))
        np.testing.assert_array_equal(split.labels, labels)
    assert dataset.shape == arrays.x_train.shape[1:]


def test_mnist_is_embedded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mnist = load("mnist")
    assert mnist.train.images.shape == (60000, 784)
    assert mnist.test.images.shape == (10000, 784)
    assert mnist.train.images.dtype == np.uint8
    assert mnist.train.images.flags.c_contiguous
    assert (mnist.classes, mnist.shape) == (10, (28, 28))
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("inner", ["", "fashion-mnist"])
def test_idx_in_the_data_dir(tmp_path, gzipped, inner):
    arrays = small_arrays(3, 4)
    write_idx(tmp_path / inner, arrays, gzipped)
    assert_same(load("fashion-mnist", tmp_path), arrays)


def test_a_named_set_has_its_classes_whatever_labels_are_left(tmp_path):
    write_idx(tmp_path, small_arrays(3, 4, classes=2), gzipped=False)
    assert load("fashion-mnist", tmp_path).classes == 10
    assert load(str(tmp_path)).classes == 2


def test_a_label_beyond_a_named_sets_classes_is_damage(tmp_path):
    arrays = small_arrays(3, 4)
    arrays.y_test[0] = 85
    write_idx(tmp_path, arrays, gzipped=False)
    with pytest.raises(InputError, match="has label 85, but its classes are 0..9"):
        load("fashion-mnist", tmp_path)
    assert load(str(tmp_path)).classes == 86


def test_the_data_dir_comes_before_the_cache_and_that_before_the_package(tmp_path, empty_cache):
    ours, cached = small_arrays(2, 2), small_arrays(5)
    write_idx(tmp_path / "ours", ours, gzipped=True)
    write_idx(empty_cache / "mnist", cached, gzipped=False)
    assert_same(load("mnist", tmp_path / "ours"), ours)
    assert_same(load("mnist"), cached)


@pytest.mark.parametrize("inner", ["", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"])
def test_cifar10_binary(tmp_path, inner):
    arrays = small_arrays(3, 32, 32)
    write_cifar(tmp_path / inner, arrays, ".bin", binary_batch)
    assert_same(load("cifar10", tmp_path), arrays)


@pytest.mark.parametrize("inner", ["", "cifar-10-batches-py"])
def test_cifar10_python(tmp_path, inner):
    arrays = small_arrays(3, 32, 32)
    write_cifar(tmp_path / inner, arrays, "", python2_batch)
    assert_same(load("cifar10", tmp_path), arrays)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_cifar10_pickled_by_python_3(tmp_path, protocol):
    arrays = small_arrays(3, 32, 32)
    write_cifar(tmp_path, arrays, "", lambda *batch: python3_batch(*batch, protocol))
    assert_same(load(str(tmp_path)), arrays)


@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 4, 2)])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_of_any_rank(tmp_path, shape, save):
    arrays = small_arrays(*shape, classes=4)
    save(tmp_path / "own.npz", **arrays._asdict())
    dataset = load(str(tmp_path / "own.npz"))
    assert_same(dataset, arrays)
    assert (dataset.name, dataset.classes) == (str(tmp_path / "own.npz"), 4)


@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f8", "<f2"])
def test_npz_floats_become_float32(tmp_path, dtype):
    arrays = small_arrays(3, 4)
    floats = arrays._replace(
        x_train=(arrays.x_train / 8).astype(dtype), x_test=(arrays.x_test / 8).astype(dtype)
    )
    np.savez(tmp_path / "own.npz", **floats._asdict())
    expected = floats._replace(
        x_train=floats.x_train.astype(np.float32), x_test=floats.x_test.astype(np.float32)
    )
    assert_same(load(str(tmp_path / "own.npz")), expected)


def test_npz_in_a_compression_that_numpy_never_uses(tmp_path):
    write_npy(tmp_path, ARRAYS)
    with zipfile.ZipFile(tmp_path / "own.npz", "w", zipfile.ZIP_LZMA) as archive:
        for path in tmp_path.glob("*.npy"):
            archive.write(path, path.name)
    with pytest.raises(InputError, match="compressed in a way that NumPy never uses"):
        load(str(tmp_path / "own.npz"))


def test_npz_whose_member_is_not_as_long_as_its_shape(tmp_path):
    write_npy(tmp_path, ARRAYS)
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as archive:
        for path in tmp_path.glob("*.npy"):
            archive.writestr(path.name, path.read_bytes() + b"more")
    with pytest.raises(InputError, match="x_train declares 144 bytes of data but holds 148"):
        load(str(tmp_path / "own.npz"))


def test_npz_in_fortran_order_with_a_column_of_wide_labels(tmp_path):
    arrays = small_arrays(3, 4)
    saved = arrays._replace(
        x_train=np.asfortranarray(arrays.x_train), y_train=arrays.y_train.astype(">i8")[:, None]
    )
    np.savez(tmp_path / "own.npz", **saved._asdict())
    dataset = load(str(tmp_path / "own.npz"))
    assert_same(dataset, arrays)
    assert dataset.train.labels.dtype == np.int64


def test_a_folder_of_npy_is_mapped_not_read(tmp_path):
    arrays = small_arrays(3, 4)
    write_npy(tmp_path, arrays)
    dataset = load(str(tmp_path))
    assert_same(dataset, arrays)
    # What is written to the file afterwards shows through: nothing was copied.
    with (tmp_path / "x_train.npy").open("r+b") as file:
        file.seek(-1, 2)
        file.write(bytes([255 - int(arrays.x_train.flat[-1])]))
    assert dataset.train.images[-1, -1] == 255 - int(arrays.x_train.flat[-1])
    with pytest.raises(ValueError, match="read-only"):
        dataset.train.images[0, 0] = 0


def test_the_test_set_may_have_a_class_of_its_own(tmp_path):
    np.savez(tmp_path / "own.npz", **ARRAYS._replace(y_test=Y_TEST + 20)._asdict())
    assert load(str(tmp_path / "own.npz")).classes == int(Y_TEST.max()) + 21


def test_mapped_floats_are_not_searched_for_nan(tmp_path):
    arrays = small_arrays(3, 4)
    floats = arrays._replace(
        x_train=np.full(arrays.x_train.shape, np.nan, np.float32),
        x_test=arrays.x_test.astype(np.float32),
    )
    write_npy(tmp_path, floats)
    assert np.isnan(load(str(tmp_path)).train.images[0, 0])


def with_pixel(value: float) -> np.ndarray:
    images = X.astype(np.float64)
    images[7, 1, 2] = value
    return images


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": X[:0], "y_train": Y[:0]}, r"training set has images of shape \(0, 3, 4\)"),
        ({"x_test": X_TEST[:0], "y_test": Y_TEST[:0]}, "the test set has images of shape"),
        ({"x_train": X[:, :0], "x_test": X_TEST[:, :0]}, r"\(12, 0, 4\)"),
        ({"x_train": np.uint8(3)}, r"the training set has images of shape \(\)"),
        ({"x_train": X[:, 0, 0], "x_test": X_TEST[:, 0, 0]}, r"images of shape \(12,\)"),
        ({"x_test": X_TEST[:, :2]}, r"training images are of shape \(3, 4\), test images .*2, 4"),
        ({"y_train": Y[:-1]}, r"12 images but labels of shape \(11,\)"),
        ({"y_train": Y[:0]}, "the training set has no labels"),
        ({"y_train": Y / 2}, r"has label 0\.5 \(image 1\): a class is a whole number"),
        ({"y_train": np.eye(10)[Y].astype(int)}, r"labels of shape \(12, 10\)"),
        ({"y_train": Y.astype(int) - 1}, r"labels -1\.\.8: give class indices from 0 on"),
        ({"y_test": Y_TEST.astype(np.uint64) + 2**63}, "class indices from 0 on"),
        ({"y_train": Y * 0 + 3}, "every training label is 3: give at least two classes"),
        ({"x_train": X.astype(bool), "x_test": X_TEST.astype(bool)}, "images of type bool"),
        ({"x_train": X.astype(int) + 5, "x_test": X_TEST.astype(int)}, r"integer pixels 5\.\.260"),
        ({"x_train": X.astype(int) - 1, "x_test": X_TEST.astype(int)}, r"integer pixels -1\.\."),
        ({"x_test": X_TEST / 255}, "training images are uint8, test images float32"),
    ]
    + [
        (
            {"x_train": with_pixel(value), "x_test": X_TEST.astype(float)},
            r"training set has a NaN, infinite or too large pixel \(image 7, pixel 6\)",
        )
        for value in (np.nan, np.inf, -np.inf, 1e300)
    ],
)
def test_what_cannot_be_learned_from(tmp_path, changes, message):
    np.savez(tmp_path / "own.npz", **(ARRAYS._asdict() | changes))
    with pytest.raises(InputError, match=f"/own.npz: .*{message}"):
        load(str(tmp_path / "own.npz"))


def test_where_the_nan_is_in_a_large_set(tmp_path, monkeypatch):
    monkeypatch.setattr("ffnp.data.arrays.BLOCK", 4)
    changed = ARRAYS._replace(x_train=with_pixel(np.nan), x_test=X_TEST.astype(float))
    np.savez(tmp_path / "own.npz", **changed._asdict())
    with pytest.raises(InputError, match=r"image 7, pixel 6"):
        load(str(tmp_path / "own.npz"))


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<i4"])
def test_mapped_images_must_be_usable_in_place(tmp_path, dtype):
    write_npy(tmp_path, ARRAYS._replace(x_train=X.astype(dtype), x_test=X_TEST.astype(dtype)))
    with pytest.raises(InputError, match=f"images of type {dtype}, which cannot be used in place"):
        load(str(tmp_path))


def test_mapped_images_must_be_in_c_order(tmp_path):
    write_npy(tmp_path, ARRAYS._replace(x_train=np.asfortranarray(X)))
    with pytest.raises(InputError, match="in C order"):
        load(str(tmp_path))


def test_an_object_array_is_refused_and_nothing_of_it_runs(tmp_path):
    np.savez(
        tmp_path / "own.npz",
        **ARRAYS._replace(x_train=np.array([Touch(tmp_path)], object))._asdict(),
    )
    with pytest.raises(InputError, match="x_train holds Python objects"):
        load(str(tmp_path / "own.npz"))
    assert not (tmp_path / "touched").exists()


class Touch:
    """Creates a file when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.folder / "touched",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle_is_refused_and_nothing_of_it_runs(tmp_path, protocol):
    write_cifar(tmp_path, small_arrays(3, 32, 32), "")
    hostile = pickle.dumps({"data": Touch(tmp_path), "labels": [1]}, protocol)
    (tmp_path / "data_batch_3").write_bytes(hostile)
    with pytest.raises(InputError, match="data_batch_3 is refused .* it (names '|holds the op)"):
        load("cifar10", tmp_path)
    assert not (tmp_path / "touched").exists()
    pickle.loads(hostile)
    assert (tmp_path / "touched").exists(), "the pickle was not hostile at all"


@pytest.mark.parametrize(
    "batch",
    [
        [1, 2],
        {"labels": [1, 2]},
        {"data": X, "labels": Y.tolist()},
        {"data": np.zeros((2, 3072)), "labels": [1, 2]},
        {"data": np.zeros((2, 3072), np.int8), "labels": [1, 2]},
        {"data": np.zeros((3072, 2), np.uint8), "labels": [1, 2]},
        {"data": np.zeros((2, 3072), np.uint8)},
        {"data": np.zeros((2, 3072), np.uint8), "labels": [1, 2, 3]},
        {"data": np.zeros((2, 3072), np.uint8), "labels": [1, 10]},
        {"data": np.zeros((2, 3072), np.uint8), "labels": [1, True]},
        {"data": np.zeros((2, 3072), np.uint8, order="F"), "labels": [1, 2]},
    ],
)
def test_a_pickle_that_is_no_batch(tmp_path, batch):
    write_cifar(tmp_path, small_arrays(3, 32, 32), "")
    (tmp_path / "test_batch").write_bytes(pickle.dumps(batch))
    with pytest.raises(InputError, match="test_batch"):
        load("cifar10", tmp_path)


def test_a_pickled_array_shorter_than_its_shape(tmp_path):
    arrays = small_arrays(3, 32, 32, train=4)
    write_cifar(tmp_path, small_arrays(3, 32, 32), "")
    batch = python2_batch(arrays.x_train, arrays.y_train)
    longer = batch.replace(b"J\4\0\0\0", b"J\5\0\0\0").replace(b"]q\x05(", b"]q\x05(K\1")
    (tmp_path / "test_batch").write_bytes(longer)
    with pytest.raises(InputError, match=r"test_batch has images that are not \(N, 3072\)"):
        load("cifar10", tmp_path)


def test_a_binary_label_over_9(tmp_path):
    arrays = small_arrays(3, 32, 32)
    write_cifar(tmp_path, arrays, ".bin", binary_batch)
    (tmp_path / "data_batch_2.bin").write_bytes(bytes([10]) + bytes(3072))
    with pytest.raises(InputError, match=r"data_batch_2.bin has label 10, not 0..9"):
        load("cifar10", tmp_path)


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_truncated_file_says_how_much_is_there(tmp_path, gzipped):
    write_idx(tmp_path, ARRAYS, gzipped)
    path = next(tmp_path.glob("train-images*"))
    content = idx_bytes(ARRAYS.x_train)[:-4]
    path.write_bytes(gzip.compress(content) if gzipped else content)
    with pytest.raises(InputError, match=f"{path.name} is truncated: 140 of 144 bytes of data"):
        load("fashion-mnist", tmp_path)


def test_a_missing_file_is_named(tmp_path):
    write_idx(tmp_path, ARRAYS, gzipped=True)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte.gz: no such file"):
        load(str(tmp_path))


def test_a_missing_array_is_named(tmp_path):
    np.savez(tmp_path / "own.npz", x_train=X, y_train=Y, x_test=X_TEST)
    with pytest.raises(InputError, match="has no array y_test"):
        load(str(tmp_path / "own.npz"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar10", "cifar10 is not on this machine: `ffnp data fetch cifar10` downloads it"),
        (
            "nonesuch",
            "unknown data set 'nonesuch': choose mnist, fashion-mnist, cifar10, or give the path",
        ),
        ("nonesuch.npz", "nonesuch.npz: no such file"),
        (".", "holds no data set"),
    ],
)
def test_nothing_there(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        load(name)


def test_a_folder_does_not_hide_a_known_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_idx(tmp_path / "mnist", ARRAYS, gzipped=False)
    assert len(load("mnist").train) == 60000


def test_a_copy_installed_by_the_system_is_found(tmp_path):
    write_idx(tmp_path / "system", ARRAYS, gzipped=True)
    known = dataclasses.replace(FASHION_MNIST, system=(tmp_path / "system",))
    assert [copy.place for copy in known.copies(None)] == [tmp_path / "system"]


def test_a_copy_installed_by_the_system_comes_after_the_cache(tmp_path, empty_cache):
    cache, system = empty_cache / "fashion-mnist", tmp_path / "system"
    for place in (cache, system):
        write_idx(place, ARRAYS, gzipped=True)
    known = dataclasses.replace(FASHION_MNIST, system=(system,))
    assert [copy.place for copy in known.copies(None)] == [cache, system]


def test_a_data_dir_may_be_text(tmp_path):
    write_idx(tmp_path, ARRAYS, gzipped=False)
    assert_same(load("mnist", str(tmp_path)), ARRAYS)


def test_rows_held_out_are_the_last_ones_and_not_trained_on():
    images = np.arange(12, dtype=np.float32)[:, None]
    dataset = from_arrays(images, Y, images[:3], Y[:3])
    found = load_data(Config(validation=5), dataset)
    for split, rows in ((found.train, slice(7)), (found.test, slice(7, None))):
        np.testing.assert_array_equal(split.images, images[rows])
        np.testing.assert_array_equal(split.labels, Y[rows])


def test_a_cache_that_cannot_be_looked_at_is_passed_over(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/" + "x" * 300)
    assert len(load("mnist").test) == 10_000


def test_a_data_dir_that_is_none(tmp_path):
    with pytest.raises(InputError, match="nowhere is not a folder"):
        load("mnist", tmp_path / "nowhere")
