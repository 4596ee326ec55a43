"""Tables of images: .csv and .parquet, as courses and people have them."""

import gzip
import sys
from contextlib import nullcontext

import numpy as np
import pandas
import pytest
from data_files import small_arrays

from ffnp import load
from ffnp.data.tables import read_pixels
from ffnp.errors import InputError, InputWarning

X, Y, X_TEST, Y_TEST = small_arrays(5, 5, train=30, test=11, classes=3)
NAMES = [f"{i}x{j}" for i in range(1, 6) for j in range(1, 6)]
WORDS = np.array(["cat", "dog", "eel"])


def frame(x, y, name="label"):
    found = pandas.DataFrame(x.reshape(len(x), -1), columns=NAMES)
    found.insert(0, name, y)
    return found


def write(folder, name="label", kind="csv", train=Y, test=Y_TEST, **options):
    """mnist_train and mnist_test; the former's path."""
    for split, x, y in (("train", X, train), ("test", X_TEST, test)):
        path = folder / f"mnist_{split}.{kind}"
        if kind == "parquet":
            frame(x, y, name).to_parquet(path)
        else:
            frame(x, y, name).to_csv(path, **{"index": False} | options)
    return folder / f"mnist_train.{kind}"


def check(dataset):
    np.testing.assert_array_equal(dataset.train.images, X.reshape(30, 25))
    np.testing.assert_array_equal(dataset.test.images, X_TEST.reshape(11, 25))
    np.testing.assert_array_equal(dataset.train.labels, Y)
    np.testing.assert_array_equal(dataset.test.labels, Y_TEST)
    assert dataset.train.images.dtype == np.uint8
    assert dataset.shape == (5, 5)


def rows(x, y):
    """Rows as of a file without names, the label first."""
    return np.concatenate([y[:, None], x.reshape(len(x), -1)], axis=1)


OPTIONS = [
    {}, {"header": False}, {"sep": ";"}, {"sep": "\t"}, {"index": True}, {"kind": "csv.gz"},
    {"kind": "parquet"}, {"name": "Label"}, {"encoding": "utf-8-sig"},
    {"lineterminator": "\r\n"}, {"header": [str(i) for i in range(26)]},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=lambda each: "-".join(each) or "usual")
def test_the_tables_of_courses_are_the_images(tmp_path, options):
    check(load(write(tmp_path, **options)))


def test_a_folder_of_tables_is_a_data_set(tmp_path):
    path = write(tmp_path)
    check(load(tmp_path))
    (tmp_path / "other_train.csv").write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="holds several tables: give one, e.g. .*mnist_train.csv"):
        load(tmp_path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_is_read_part_by_part(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("ffnp.data.tables.ROWS", 4)
    check(load(write(tmp_path, kind=kind)))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_column_of_the_labels_may_be_any(tmp_path, kind):
    path = write(tmp_path, "kind", kind, WORDS[Y], WORDS[Y_TEST])
    with pytest.raises(InputError, match="'cat' in column 'kind' .row 1.: a pixel is a numb"):
        load(path)
    dataset = load(path, label_column="kind")
    check(dataset)
    assert dataset.names == tuple(WORDS)
    with pytest.raises(InputError, match="has no column breed: --label-column says which it is .k"):
        load(write(tmp_path, "kind", kind), label_column="breed")


def test_columns_without_names_are_counted(tmp_path):
    path = tmp_path / "a_train.csv"
    np.savetxt(path, rows(X, Y)[:, ::-1], "%d", ",")
    np.savetxt(tmp_path / "a_test.csv", rows(X_TEST, Y_TEST)[:, ::-1], "%d", ",")
    found = load(path, label_column="26")
    np.testing.assert_array_equal(found.train.labels, Y)
    np.testing.assert_array_equal(found.train.images[:, ::-1], X.reshape(30, 25))
    for column in ("0", "27", "label"):
        with pytest.raises(InputError, match=f"column is {column}, but must be a number, 1..26"):
            load(path, label_column=column)


def test_test_rows_may_have_their_columns_in_another_order(tmp_path):
    path = write(tmp_path)
    test = frame(X_TEST, Y_TEST)
    test[test.columns[::-1]].to_csv(tmp_path / "mnist_test.csv", index=False)
    check(load(path))
    test.drop(columns="2x2").to_csv(tmp_path / "mnist_test.csv", index=False)
    with pytest.raises(InputError, match="has no column 2x2, which the training rows have"):
        load(path)


@pytest.mark.parametrize("beside", ["nothing", "no labels"])
def test_without_test_rows_every_sixth_is_held_out(tmp_path, beside):
    path = write(tmp_path)
    test = tmp_path / "mnist_test.csv"
    why = "no file of test rows is beside it"
    if beside == "nothing":
        test.unlink()
    else:
        frame(X_TEST, Y_TEST).drop(columns="label").to_csv(test, index=False)
        why = f"{test} has no labels"
    with pytest.warns(InputWarning, match=f"{path}: {why}: every 6th row is held out"):
        dataset = load(path)
    np.testing.assert_array_equal(dataset.test.images, X[5::6].reshape(5, 25))
    assert len(dataset.train) == 25


def test_test_rows_of_larger_numbers_make_all_of_them_floats(tmp_path):
    path = write(tmp_path)
    frame(X_TEST * 10.0, Y_TEST).to_csv(tmp_path / "mnist_test.csv", index=False)
    dataset = load(path)
    assert dataset.train.images.dtype == dataset.test.images.dtype == np.float32
    np.testing.assert_array_equal(dataset.train.images, X.reshape(30, 25))


def test_numbers_of_any_size_are_floats(tmp_path):
    values = X.reshape(30, 25) * 10
    for split in ("train", "test"):
        made = frame(values, Y)
        made["1x1"] = made["1x1"] / 7
        made.to_csv(tmp_path / f"t_{split}.csv", index=False)
    found = load(tmp_path / "t_train.csv").train.images
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 1:], values[:, 1:])


BAD = {
    "empty": (b"", "begins with no line of text"),
    "a header alone": (b"label,a,b\n", "has no rows"),
    "labels alone": (b"label\n1\n", "has no column of pixels"),
    "ragged": (b"1,2,3\n1,2,3,4,5\n", "is damaged"),
    "no text": (b"\x00\xff\xfe\n", "is damaged"),
    "a quote": (b'label,a\n1,"2\n', "is damaged"),
    "a missing pixel": (b"label,a,b\n" + b"0,1,2\n1,,2\n" * 3, "NaN, infinite or too large pixel"),
    "a missing label": (b"label,a,b\n" + b"c,1,2\n,3,2\n" * 3, "has label nan .image 1"),
    "a word": (b"label,a,b\n0,1,2\n1,what,2\n", "has 'what' in column 'a' .row 2."),
    "few": (b"0,1,2\n1,2,3\n", "has 2 rows: give 6 at least"),
    "one class": (b"0,1,2\n" * 6, "give at least two classes"),
}


@pytest.mark.filterwarnings("ignore:.*every 6th row:ffnp.errors.InputWarning")
@pytest.mark.parametrize("content, message", BAD.values(), ids=BAD)
def test_what_is_no_table_of_images_is_one_line(tmp_path, content, message):
    (tmp_path / "x.csv").write_bytes(content)
    (tmp_path / "y.csv.gz").write_bytes(gzip.compress(content))
    for path in (tmp_path / "x.csv", tmp_path / "y.csv.gz"):
        with pytest.raises(InputError, match=message) as failed:
            load(path)
        assert "\n" not in str(failed.value) and str(failed.value).startswith(str(path))


def test_a_damaged_parquet_is_one_line(tmp_path):
    path = write(tmp_path, kind="parquet")
    whole = path.read_bytes()
    for content in (b"", whole[:100], whole[:-9] + b"nothing..", b"PAR1" * 40):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is damaged") as failed:
            load(path)
        assert "\n" not in str(failed.value)


def test_a_table_of_nearly_nothing_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("ffnp.files.ROOM", 0)
    rows = frame(np.zeros((4000, 5, 5), np.uint8), np.zeros(4000, np.uint8))
    rows.to_csv(tmp_path / "x.csv.gz", index=False)
    rows.to_parquet(tmp_path / "x.parquet")
    for path in (tmp_path / "x.csv.gz", tmp_path / "x.parquet"):
        monkeypatch.setattr("ffnp.files.TIMES", 100_000 / path.stat().st_size)
        load_nearly(path, True)
        monkeypatch.setattr("ffnp.files.TIMES", 90_000 / path.stat().st_size)
        load_nearly(path, False)


def load_nearly(path, taken):
    """It is of one class, and that is said once it is read."""
    message = "give at least two classes" if taken else "bytes that stand for 100000"
    with pytest.warns(InputWarning) if taken else nullcontext():
        with pytest.raises(InputError, match=message):
            load(path)


def test_a_column_belongs_to_a_table(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=X, y_train=Y, x_test=X_TEST, y_test=Y_TEST)
    for name in ("mnist", tmp_path / "x.npz"):
        with pytest.raises(InputError, match="has no column kind: leave it out"):
            load(name, label_column="kind")


def test_without_pandas_there_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    np.savetxt(tmp_path / "x.csv", rows(X, Y), "%d", ",")
    with pytest.raises(InputError, match=r"pandas is not installed: pip install 'ffnp\[table\]'"):
        load(tmp_path / "x.csv")


def test_images_of_a_table_are_read_with_labels_or_without(tmp_path):
    np.savetxt(tmp_path / "labelled.csv", rows(X, Y), "%d", ",")
    np.savetxt(tmp_path / "bare.csv", X.reshape(30, 25), "%d", ",")
    frame(X, WORDS[Y], "kind").to_csv(tmp_path / "named.csv")
    for name, label in (("labelled", None), ("bare", None), ("named", "kind")):
        found = read_pixels(tmp_path / f"{name}.csv", 25, label)
        np.testing.assert_array_equal(found, X.reshape(30, 25))


def test_a_table_trains_and_predicts_from_the_command_line(ffnp, tmp_path):
    path = write(tmp_path, "kind", train=WORDS[Y], test=WORDS[Y_TEST])
    options = "--hidden 6,5 --epochs 1 --batch-size 10 --backend numpy".split()
    options += ["--label-column", "kind", "--out", tmp_path / "run"]
    status, out, err = ffnp("train", "--dataset", path, *options)
    assert (status, err) == (0, "")
    assert ffnp("evaluate", tmp_path / "run")[1].splitlines()[-1] in out
    test = tmp_path / "mnist_test.csv"
    status, out, err = ffnp("predict", tmp_path / "run", test, "--layers", "2")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 11 * 3  # one layer needs no vote
    assert lines[0].split()[-1] in WORDS
    assert lines[2].split()[:2] == ["layer", "2"]
