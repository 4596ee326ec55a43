"""Labels as people have them, and the names of classes from the data to the prediction."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas
import polars
import pytest
from data_files import small_arrays
from hypothesis import given, settings
from hypothesis import strategies as some
from small_training import small_dataset

from ffnp import Config, evaluate, from_arrays, load_model, predict, resume, train
from ffnp.data import Split
from ffnp.data.classes import as_labels, names_of
from ffnp.errors import InputError
from ffnp_cli.report import confusion_table

X, Y, X_TEST, Y_TEST = small_arrays(4, 4, train=50, test=23, classes=4)
WORDS = np.array(["cat", "dog", "eel", "fox"])
SMALL = Config(hidden=(6, 5), epochs=2, batch_size=20, backend="numpy")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run on animals, and its data set."""
    data = from_arrays(X, WORDS[Y], X_TEST, WORDS[Y_TEST], name="animals")
    folder = tmp_path_factory.mktemp("named") / "run"
    train(SMALL, folder, dataset=data)
    return folder, data


def kind_of(labels):
    return f"{type(labels).__module__.split('.')[0]}-{type(labels).__name__}"


TEXTS = [
    WORDS[Y], WORDS[Y].tolist(), WORDS[Y][:, None], WORDS[Y].astype(object),
    WORDS[Y].astype("S3"), WORDS[Y].astype(np.dtypes.StringDType()),
    pandas.Series(WORDS[Y]), pandas.Series(WORDS[Y], dtype="category"),
    pandas.DataFrame({"label": WORDS[Y]}), polars.Series(WORDS[Y].tolist()),
    polars.DataFrame({"label": WORDS[Y].tolist()}),
]  # fmt: skip
NUMBERS = [
    Y / 1, Y.astype(np.float16), Y.astype(object), pandas.Series(Y, dtype="Int64"),
    pandas.Series(Y / 1), polars.Series(Y), polars.DataFrame({"label": Y}),
]  # fmt: skip


@pytest.mark.parametrize("labels", TEXTS, ids=kind_of)
def test_texts_of_any_kind_are_indices_with_names(labels):
    split = Split(X, labels)
    assert split.names == tuple(WORDS)
    np.testing.assert_array_equal(split.labels, Y)


@pytest.mark.parametrize("labels", NUMBERS, ids=kind_of)
def test_whole_numbers_of_any_kind_are_indices(labels):
    split = Split(X, labels)
    assert split.names == ()
    np.testing.assert_array_equal(split.labels, Y)


def test_truth_values_have_names():
    assert Split(X, Y > 1).names == ("False", "True")


@pytest.mark.parametrize("frame", [pandas.DataFrame, polars.DataFrame])
@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float64])
def test_images_may_be_frames(frame, kind):
    flat = X.reshape(50, -1).astype(kind)
    given = frame({f"p{i}": column for i, column in enumerate(flat.T)})
    np.testing.assert_array_equal(Split(given, Y).images, flat)


def test_columns_that_may_lack_values_are_numbers_where_none_does():
    frame = pandas.DataFrame(X.reshape(50, -1)).astype("Int64")
    np.testing.assert_array_equal(Split(frame, Y).images, X.reshape(50, -1))
    frame.iloc[3, 5] = pandas.NA
    with pytest.raises(InputError, match=r"NaN, infinite or too large pixel \(image 3, pixel 5\)"):
        Split(frame, Y)


@pytest.mark.parametrize("frame", [pandas.DataFrame, polars.DataFrame])
def test_a_column_of_text_is_named(frame):
    given = frame({"a": X[:, 0, 0], "who": WORDS[Y].tolist(), "b": X[:, 0, 1]})
    with pytest.raises(InputError, match=r"column 'who' is none of numbers: leave it out"):
        Split(given, Y)


def test_both_splits_number_their_classes_alike():
    data = from_arrays(X, WORDS[Y], X_TEST[:2], ["fox", "gnu"])
    assert data.names == (*WORDS, "gnu")
    assert (data.classes, data.absent()) == (5, ["gnu"])
    np.testing.assert_array_equal(data.test.labels, [3, 4])
    with pytest.raises(InputError, match="labels of which some are texts and some numbers"):
        from_arrays(X, WORDS[Y], X_TEST, Y_TEST)
    with pytest.raises(InputError, match="its splits name their classes otherwise: ffnp.from_arr"):
        replace(data, test=Split(X_TEST[:2], ["fox", "gnu"]))


def test_given_names_are_the_classes():
    data = from_arrays(X, Y, X_TEST, Y_TEST, names=["a", "b", "c", "d"])
    assert data.names == ("a", "b", "c", "d")
    np.testing.assert_array_equal(data.train.labels, Y)
    with pytest.raises(InputError, match="has label 'dog', which is none of the classes"):
        from_arrays(X, WORDS[Y], X_TEST, WORDS[Y_TEST], names=["fox", "eel", "cat", "gnu"])


def test_a_text_of_everything_is_no_class():
    labels = [str(i) for i in range(5000)]
    with pytest.raises(InputError, match="5000 different texts as labels.*which column is the lab"):
        names_of("it", labels)


def test_numbers_as_texts_are_in_the_order_of_numbers():
    assert names_of("it", ["10", "9", "0"]) == ("0", "9", "10")


def test_names_are_kept_and_shown(ffnp, trained, tmp_path):
    folder, data = trained
    model = load_model(folder, "numpy")
    assert model.data.names == tuple(WORDS)
    np.save(tmp_path / "x.npy", X_TEST)
    labels = model.data.called(predict(model, X_TEST))
    lines = ffnp("predict", folder, tmp_path / "x.npy")[1].splitlines()
    assert [line.split()[-1] for line in lines if " image " in line] == labels
    assert lines[1].split() == ["label", *WORDS]
    found = json.loads(ffnp("predict", folder, tmp_path / "x.npy", "--json")[1])["predictions"]
    assert [each["name"] for each in found] == labels
    assert evaluate(model, data.test).names == list(WORDS)


def test_classes_are_found_by_their_names(trained):
    """A split alone numbers its own classes from 0."""
    folder, data = trained
    model = load_model(folder, "numpy")
    some_rows = Y_TEST >= 2
    split = Split(X_TEST[some_rows], WORDS[Y_TEST[some_rows]])
    assert split.names == ("eel", "fox")
    whole = evaluate(model, data.test).confusion
    np.testing.assert_array_equal(evaluate(model, split).confusion[2:], whole[2:])
    with pytest.raises(InputError, match=r"label 'gnu', which is none of the classes \(cat, dog"):
        evaluate(model, Split(X_TEST[:1], ["gnu"]))


def test_numbers_as_texts_are_those_numbers():
    model = train(SMALL, dataset=small_dataset()).model
    x, y = small_dataset().test.images, small_dataset().test.labels
    assert evaluate(model, Split(x, y.astype(str))).all == evaluate(model, Split(x, y)).all


def test_a_run_does_not_go_on_with_other_names(trained):
    folder, data = trained
    other = from_arrays(X, Y, X_TEST, Y_TEST, name="animals", names=["a", "b", "c", "d"])
    with pytest.raises(InputError, match="was trained on other data"):
        resume(folder, dataset=other)
    assert resume(folder, dataset=data).model.data.names == tuple(WORDS)


def test_the_confusion_matrix_has_names(ffnp, tmp_path):
    np.savez(tmp_path / "a.npz", x_train=X, y_train=Y, x_test=X_TEST, y_test=Y_TEST)
    options = "--hidden 6,5 --epochs 1 --batch-size 20 --backend numpy".split()
    run = tmp_path / "run"
    assert ffnp("train", "--dataset", tmp_path / "a.npz", *options, "--out", run)[0] == 0
    lines = ffnp("evaluate", run, "--confusion")[1].splitlines()
    found = json.loads(ffnp("evaluate", run, "--json")[1])
    start = next(i for i, line in enumerate(lines) if line.startswith("true, predicted:"))
    assert lines[start].split()[2:] == found["classes"] == ["0", "1", "2", "3"]
    rows = [[int(each) for each in line.split()] for line in lines[start + 1 :]]
    assert [row[1:] for row in rows] == found["confusion"]
    assert ffnp("plot", run, "-o", tmp_path / "c.svg")[::2] == (0, "")
    assert "<!-- true label -->" in (tmp_path / "c.svg").read_text()


def test_of_many_classes_the_commonest_errors_are_listed():
    counts = np.diag(np.full(21, 50))
    counts[3, 7], counts[20, 0], counts[0, 20] = 2, 9, 2
    test = SimpleNamespace(names=[f"class {i}" for i in range(21)], confusion=counts)
    assert confusion_table(test).splitlines() == [
        "true      predicted  images",
        "class 20  class 0         9",
        "class 0   class 20        2",
        "class 3   class 7         2",
    ]


@settings(max_examples=30)
@given(some.lists(some.text("abc é0", min_size=1, max_size=5), min_size=1, max_size=20))
def test_names_tell_the_labels_again(texts):
    names = names_of("it", texts)
    assert [names[label] for label in as_labels("it", texts, names)] == texts


@pytest.mark.parametrize(
    "names, message",
    [
        (["a", "a", "b", "c"], "two classes are called 'a': give different names"),
        ([1, 2, 3, 4], "a class is called 1: give texts"),
        (["a", "", "b", "c"], "a class is called '': give 1 to 200 characters"),
        ("abcd", "names is of type str: give a list of texts, one a class"),
        (set("abcd"), "names is of type set: give a list"),
        (4, "names is of type int: give a list"),
    ],
)
def test_names_are_different_texts(names, message):
    for make in (from_arrays, lambda x, y, names: Split(x, y, names=names)):
        with pytest.raises(InputError, match=message):
            make(X, Y, names=names)


def test_there_are_as_many_names_as_classes():
    with pytest.raises(InputError, match="3 classes have names, but classes is 4"):
        from_arrays(X, Y, names=["a", "b", "c"], classes=4)
    with pytest.raises(InputError, match="a class is called '': give"):  # an empty label
        from_arrays(X, np.array(["", "b", "c", "d"])[Y])
    names = iter(["a", "b", "c", "d"])
    assert from_arrays(X, Y, X_TEST, Y_TEST, names=names).test.names == ("a", "b", "c", "d")
