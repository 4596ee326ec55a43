"""The door for arrays: whatever is given becomes an array to rely on, or one clear line."""

import numpy as np
import pytest
from data_files import small_arrays
from small_training import make_trainer, small_dataset

from ffnp import Config, analyse, evaluate, from_arrays, load, load_model, predict, resume, train
from ffnp.data import Dataset, Split
from ffnp.errors import InputError
from ffnp.scoring.evaluation import scores
from ffnp.training.trainer import Trainer

X, Y = small_arrays(4, 4, train=50, classes=4)[:2]
FLOATS = (X / 255).astype(np.float32)


class Frame:
    """Converts itself to an array, as data frames and tensors do."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        if isinstance(self.values, Exception):
            raise self.values
        return np.asarray(self.values, dtype)


@pytest.fixture(scope="module")
def model():
    return make_trainer(Config(hidden=(6, 5), batch_size=10), small_dataset()).model


USABLE = {
    "a list": X.tolist(),
    "a tuple of rows": tuple(map(tuple, X.reshape(50, 16).tolist())),
    "a data frame": Frame(X.reshape(50, 16)),
    "a data frame of int64": Frame(X.reshape(50, 16).astype(int)),
    "big-endian integers": X.astype(">i4"),
    "a view with strides": np.repeat(X, 2, axis=0)[::2],
    "Fortran order": np.asfortranarray(X),
    "rows backwards, twice": X[::-1][::-1],
    "read-only": np.frombuffer(X.tobytes(), np.uint8).reshape(X.shape),
}


@pytest.mark.parametrize("images", USABLE.values(), ids=USABLE)
def test_what_converts_itself_is_converted_once_at_the_door(model, images):
    split = Split(images, Y)
    np.testing.assert_array_equal(split.images, X.reshape(50, 16))
    assert split.images.dtype == np.uint8 and split.images.flags.c_contiguous
    expected = predict(model, X)
    np.testing.assert_array_equal(predict(model, images), expected)
    assert evaluate(model, split).all == 100 * (expected != Y).mean()


@pytest.mark.parametrize("dtype", [">f4", "<f8", "<f2", "g"])
def test_floats_of_any_kind_become_float32(dtype):
    split = Split(FLOATS.astype(dtype), Y)
    assert split.images.dtype == np.float32
    np.testing.assert_allclose(split.images, FLOATS.reshape(50, 16), atol=1e-3)


def test_what_is_usable_is_not_copied():
    for images in (X, FLOATS):
        split = Split(images, Y)
        assert np.shares_memory(split.images, images)
        assert np.shares_memory(split.first(3).images, images)


@pytest.mark.parametrize("labels", [Y.tolist(), Y[:, None], Y.astype(">i2"), Frame(Y), tuple(Y)])
def test_labels_of_any_kind_are_the_same(labels):
    np.testing.assert_array_equal(Split(X, labels).labels, Y)


HOSTILE = {
    "None": (None, "has images of type NoneType: give an array"),
    "a number": (3, "has images of shape ()"),
    "text": ("digits.npy", "has images of type str"),
    "a sparse matrix": (object(), "has images of type object: give an array of numbers (a sparse"),
    "a generator": ((row for row in X), "has images of type generator"),
    "a dictionary": ({"x": X}, "has images of type dict"),
    "ragged rows": ([[1, 2], [3]], "has images that do not make an array"),
    "a tensor on a GPU": (Frame(TypeError("can't convert\ncuda")), "array (can't convert cuda)"),
    "one that needs a gradient": (Frame(RuntimeError("requires grad")), "(requires grad)"),
    "objects": (X.astype(object), "images of type object: give uint8 or floats"),
    "texts": (X.astype(str), "images of type <U3: give uint8 or floats"),
    "complex numbers": (X.astype(complex), "images of type complex128"),
    "truth values": (X > 9, "images of type bool"),
    "dates": (X.astype("M8[s]"), "images of type datetime64[s]"),
    "records": (np.zeros((50, 2), [("a", "f4")]), "images of type [('a', '<f4')]"),
    "masked": (np.ma.masked_greater(X, 9), "has masked images: fill what is masked"),
    "masked nowhere": (np.ma.array(X), "has masked images"),
    "a list of masked": ([np.ma.array(X[0]), np.ma.array(X[1])], "has masked images"),
    "a missing value": (Frame([[1.0, np.nan]]), "NaN, infinite or too large pixel (image 0, pixel"),
    "beyond float32": (np.full((50, 16), 1e300), "NaN, infinite or too large pixel (image 0"),
    "beyond 255": (X.astype(int) * 2, "has integer pixels 0..510: scale them to 0..255"),
    "below 0": (X.astype(np.int8), "has integer pixels -128..127"),
    "one image": (X[0, 0], "has images of shape (4,)"),
    "no pixels": (X[:, :0], "has images of shape (50, 0, 4)"),
}


@pytest.mark.parametrize("images, message", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_array_of_images_gives_one_line(model, images, message):
    for door in (
        lambda: Split(images, Y),
        lambda: from_arrays(images, Y, images, Y),
        lambda: predict(model, images),
        lambda: scores(model, images),
    ):
        with pytest.raises(InputError) as caught:
            door()
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


BAD_LABELS = {
    "None": (None, "has labels of type NoneType"),
    "another length": (Y[:-1], "has 50 images but labels of shape (49,)"),
    "none": (Y[:0], "has no labels"),
    "one-hot": (np.eye(4)[Y], "labels.argmax(axis=1), if they are one-hot"),
    "a row": (Y[None], "labels of shape (1, 50)"),
    "fractions": (Y / 2, "has label 0.5 (image 1): a class is a whole number or a text; to tell"),
    "missing values": (np.full(50, np.nan), "has label nan (image 0)"),
    "a missing text": (["a", None] * 25, "has label None (image 1): give one class an image"),
    "texts and numbers": (np.array(["a", 1] * 25, object), "that are numbers and texts: give one"),
    "complex numbers": (Y + 1j, "give one class an image, a number or a text"),
    "ragged": ([[1], [2, 3]], "has labels that do not make an array"),
    "masked": (np.ma.masked_equal(Y, 1), "has masked labels"),
    "below 0": (Y.astype(int) - 1, "has labels -1..2: give class indices from 0 on"),
    "-1 and 1": (2 * (Y.astype(int) % 2) - 1, "has labels -1..1"),
    "no indices": (Y.astype(int) + 70_000, "has labels 70000..70003"),
    "a wrapped -1": (Y.astype(np.uint64) - 1, "give class indices from 0 on"),
}


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("labels, message", BAD_LABELS.values(), ids=BAD_LABELS)
def test_what_are_no_labels_gives_one_line(labels, message):
    for door in (lambda: Split(X, labels), lambda: from_arrays(X, labels, X, Y)):
        with pytest.raises(InputError) as caught:
            door()
        assert message in str(caught.value)


def test_images_with_channels_last_are_not_taken_for_ones_with_channels_first():
    first, labels = small_arrays(3, 4, 4, train=40, classes=2)[:2]
    last = np.ascontiguousarray(np.moveaxis(first, 1, -1))
    model = make_trainer(
        Config(hidden=(6,), batch_size=10), from_arrays(first, labels, first, labels)
    ).model
    for door in (
        lambda: evaluate(model, Split(last, labels)),
        lambda: analyse(model, Split(last, labels)),
        lambda: predict(model, last),
    ):
        with pytest.raises(InputError, match=r"shape \(4, 4, 3\): the model takes 3x4x4"):
            door()
    flat = Split(first.reshape(40, -1), labels)  # as there is but one order of values
    assert evaluate(model, flat).all == evaluate(model, Split(first, labels)).all
    with pytest.raises(InputError, match="they must agree"):
        from_arrays(first, labels, last, labels)


@pytest.mark.parametrize("factor", [255, 1 / 255])
def test_splits_of_ranges_that_differ_by_orders_are_refused(factor):
    with pytest.raises(InputError, match="training pixels are up to .* scale both alike"):
        from_arrays(FLOATS, Y, FLOATS * np.float32(factor), Y)
    standard = (FLOATS - FLOATS.mean()) / FLOATS.std()
    from_arrays(FLOATS, Y, standard, Y)  # one may be known to want this


def test_bytes_of_0_and_1_beside_bytes_of_0_to_255_are_refused():
    with pytest.raises(InputError, match="training pixels are up to 1, test pixels up to 255"):
        from_arrays(X // 128, Y, X, Y)


def test_a_blank_test_image_is_no_other_range():
    from_arrays(X, Y, X[:1] * 0, Y[:1])


DATA = small_dataset()
WRONG = {
    "a data set for a split": lambda m: evaluate(m, DATA),
    "arrays for a split": lambda m: evaluate(m, (X, Y)),
    "None for a split": lambda m: analyse(m, None),
    "a folder for a model": lambda m: predict("mine", X),
    "a result for a model": lambda m: analyse(None, DATA.test),
    "a layer": lambda m: evaluate(m, DATA.test, layers=1),
    "text for layers": lambda m: predict(m, X, "12"),
    "a truth value for a layer": lambda m: predict(m, X, [True]),
    "a fraction for a layer": lambda m: predict(m, X, [1.0]),
    "no layer": lambda m: predict(m, X, np.array([], int)),
    "more layers than there are": lambda m: analyse(m, DATA.test, layers=3),
    "arrays to train on": lambda m: Trainer(m, (X, Y)),
    "images of another size to train on": lambda m: Trainer(m, Split(X[:, 1:], Y)),
    "labels of other classes to train on": lambda m: Trainer(m, Split(X, Y + 1)),
    "no layers": lambda m: analyse(m, DATA.test, layers=0),
    "a list of layers": lambda m: analyse(m, DATA.test, layers=[1]),
    "no rows": lambda m: analyse(m, DATA.test, rows=0),
    "rows below 0": lambda m: DATA.test.first(-1),
    "half a row": lambda m: DATA.test.spread(2.5),
    "more rows than there are": lambda m: DATA.hold_out(50),
    "a path for a data set": lambda m: train(Config(), dataset="my.npz"),
    "a split for a data set": lambda m: train(Config(), dataset=DATA.train),
    "a dictionary for a configuration": lambda m: train({"epochs": 1}),
    "no configuration": lambda m: train(None),
    "a number for a folder": lambda m: train(Config(), 5, dataset=DATA),
    "a name for an objective": lambda m: train(Config(), objective="sigmoid", dataset=DATA),
    "a function for a watcher": lambda m: train(Config(), watcher=print, dataset=DATA),
    "no data set to load": lambda m: load(None),
    "a number for a data folder": lambda m: load("mnist", 3),
    "no folder to load": lambda m: load_model(None),
    "no folder to resume": lambda m: resume(3),
    "arrays for the splits of a data set": lambda m: Dataset("x", X, X, 4),
    "a name that is none": lambda m: from_arrays(X, Y, X, Y, name=None),
    "text for classes": lambda m: from_arrays(X, Y, X, Y, classes="4"),
    "fewer classes than labels": lambda m: from_arrays(X, Y, X, Y, classes=2),
    "one class": lambda m: from_arrays(X, Y * 0, X, Y),
    "another shape": lambda m: Split(X, Y, shape=(5, 5)),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_one_thing_for_another_gives_one_line(model, call):
    with pytest.raises(InputError) as caught:
        call(model)
    assert ": " in str(caught.value) and "\n" not in str(caught.value)


def test_layers_may_be_an_array_or_a_range(model):
    expected = evaluate(model, DATA.test, [1, 2]).all
    for layers in (np.array([1, 2]), range(1, 3), (1, 2), iter([1, 2])):
        assert evaluate(model, DATA.test, layers).all == expected


def test_no_images_have_no_labels(model):
    assert predict(model, X[:0]).shape == (0,)


def test_mapped_images_are_neither_copied_nor_searched(tmp_path):
    images = np.full((50, 16), np.nan, np.float32)
    np.save(tmp_path / "x.npy", images)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for given in (mapped, mapped[:20], np.asarray(mapped)):
        split = Split(given, Y[: len(given)])
        assert np.shares_memory(split.images, mapped)
        assert type(split.images) is np.ndarray
        assert np.shares_memory(Split(split.images, split.labels).images, mapped)
