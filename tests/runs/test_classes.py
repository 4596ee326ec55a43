"""Classes are looked at where a training's own rows are known, not in the whole set."""

import numpy as np
import pytest
from data_files import small_arrays

from ffnp import Config, from_arrays, train
from ffnp.errors import InputError, InputWarning
from ffnp.runs.experiment import load_data

SMALL = Config(hidden=(5,), epochs=1, batch_size=5)
X, Y, X_TEST, Y_TEST = small_arrays(3, 3, train=40, test=12, classes=4)
SORTED = from_arrays(X, np.sort(Y), X_TEST, Y_TEST, "sorted")


def with_(**choices):
    return Config(**(SMALL.to_dict() | choices))


def notes(config, dataset):
    with pytest.warns(InputWarning) as caught:
        train(config, dataset=dataset)
    return [str(each.message) for each in caught]


@pytest.mark.parametrize("choices", [{"limit_train": 10}, {"validation": 25, "limit_train": 10}])
def test_one_class_is_not_trained(choices):
    with pytest.raises(InputError, match="training set: every training label is 0: .*sorted"):
        train(with_(**choices), dataset=SORTED)


def test_one_class_left_by_held_out_rows_is_not_trained():
    with pytest.raises(InputError, match="every training label is 0"):
        train(with_(validation=30), dataset=SORTED)


def test_classes_without_a_training_image_are_named():
    (note,) = notes(with_(limit_train=15), SORTED)
    assert note == (
        "sorted: the training set has no image of class 2..3 (shuffle the images, if they are "
        "sorted by class)"
    )
    gaps = from_arrays(X, Y * 2, X_TEST, Y_TEST * 2, "gaps", classes=9)
    (note,) = notes(SMALL, gaps)
    assert "has no image of class 1, 3, 5, 7..8 (" in note


def test_labels_that_count_from_1_are_named():
    from_1 = from_arrays(X, Y + 1, X_TEST, Y_TEST + 1, "from 1")
    assert from_1.classes == 5
    (note,) = notes(SMALL, from_1)
    assert "has no image of class 0 (subtract 1 from the labels, if they count from 1)" in note


def test_validation_rows_of_one_class_are_named():
    first, second = notes(with_(validation=10), SORTED)
    assert first.startswith("sorted: the validation set has images of class 3 alone: its error")
    assert "has no image of class 3" in second


def test_test_rows_of_one_class_are_named():
    of_sorted = from_arrays(X, Y, X_TEST, np.sort(Y_TEST), "sorted")
    (note,) = notes(with_(limit_test=3), of_sorted)
    assert note.startswith("sorted: the test set has images of class 0 alone")


def test_a_whole_set_has_nothing_to_note():
    assert load_data(SMALL, SORTED).absent() == []
    train(SMALL, dataset=SORTED)  # a warning would be an error


def test_a_note_is_a_line_on_standard_error(ffnp, tmp_path):
    np.savez(tmp_path / "my.npz", x_train=X, y_train=Y + 1, x_test=X_TEST, y_test=Y_TEST + 1)
    options = ["--hidden", 5, "--epochs", 1, "--batch-size", 5, "--out", tmp_path / "run"]
    status, out, err = ffnp("train", "--dataset", tmp_path / "my.npz", *options)
    assert status == 0 and "stored in" in out
    assert err.startswith("Note: ") and err.count("\n") == 1 and "no image of class 0" in err
    options = ["--limit-train", 9, "--hidden", 5, "--batch-size", 5, "--out", tmp_path / "other"]
    np.savez(tmp_path / "my.npz", x_train=X, y_train=np.sort(Y), x_test=X_TEST, y_test=Y_TEST)
    status, out, err = ffnp("train", "--dataset", tmp_path / "my.npz", *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "every training label is 0" in err
    assert not (tmp_path / "other").exists()
