"""The estimator: scikit-learn's own checks, and what its users do with it."""

import pickle
import re
from dataclasses import fields
from pathlib import Path
from unittest import SkipTest

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_digits, make_blobs
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import ffnp
from ffnp.errors import InputError, InputWarning
from ffnp.runs.fitting import MAY_CHANGE, Rows
from ffnp.sklearn import OPTIONS, ForwardForwardClassifier

SMALL = {"hidden": (32,), "epochs": 10, "lr": 0.01, "batch_size": 20}
QUICK = {
    "hidden": (8, 6), "epochs": 4, "lr": 0.01, "batch_size": 20, "random_state": 0,
    "backend": "numpy",
}  # fmt: skip
# What the data, the folder and the reports of a run are: an estimator has none.
NO_PARAMETERS = {
    "dataset", "data_dir", "seed", "limit_train", "limit_test", "validation", "patience", "keep",
    "evaluate_every", "analyse_every", "snapshot_every", "shift", "flip", "label_column",
}  # fmt: skip
X, Y = make_blobs(n_samples=90, centers=3, n_features=5, random_state=0)
NAMES = np.array(["ant", "bee", "cow"])


def passes(estimator, check):
    """A check that is not made is no check that is passed."""
    try:
        check(estimator)
    except SkipTest as skipped:
        pytest.fail(f"skipped: {skipped}")


@parametrize_with_checks([ForwardForwardClassifier(**SMALL)])
def test_estimator_checks(estimator, check):
    passes(estimator, check)


@pytest.mark.slow
@parametrize_with_checks(
    [
        ForwardForwardClassifier(epochs=20, batch_size=20),
        ForwardForwardClassifier(**SMALL, method="ff", dtype="float64"),
        ForwardForwardClassifier(**SMALL, objective="softmax", gamma="previous"),
        ForwardForwardClassifier(**SMALL, method="backprop-label"),
        ForwardForwardClassifier(**SMALL, unit_dropout=0.2, joined="every"),
    ]
)
def test_estimator_checks_of_other_settings(estimator, check):
    passes(estimator, check)


def quick(**parameters):
    return ForwardForwardClassifier(**QUICK | parameters)


def same_weights(first, second):
    a, b = first.model_.weights(), second.model_.weights()
    return all(a[name].tobytes() == b[name].tobytes() for name in a)


# --- parameters -----------------------------------------------------------------------------


def test_parameters_are_those_of_the_configuration():
    config = {each.name: each.default for each in fields(ffnp.Config)}
    assert set(OPTIONS) == config.keys() - NO_PARAMETERS
    parameters = ForwardForwardClassifier().get_params()
    assert {name: parameters[name] for name in OPTIONS} == {n: config[n] for n in OPTIONS}
    assert MAY_CHANGE < set(config)


def test_what_is_wrong_with_a_parameter_is_said_in_one_line():
    with pytest.raises(InputError, match="^lr is -1.0: it must be above 0"):
        quick(lr=-1.0).fit(X, Y)


def test_the_engine_trains_the_same(tmp_path):
    """Nothing is computed here: rows in the estimator's order give the estimator's bits."""
    fitted = quick().fit(X, Y)
    rows = Rows.of(X.astype(np.float32), Y, np.ones(len(X)))
    config = ffnp.Config(**{n: v for n, v in QUICK.items() if n != "random_state"})
    result = ffnp.train(config, dataset=ffnp.from_arrays(rows.x, rows.labels))
    weights = result.model.weights()
    for name, array in fitted.model_.weights().items():
        np.testing.assert_array_equal(array, weights[name])


# --- prediction -----------------------------------------------------------------------------


def test_scores_of_layers_add_up_to_the_decision():
    fitted = quick().fit(X, NAMES[Y])
    scores = fitted.layer_scores(X)
    assert scores.shape == (2, 90, 3)
    decision = fitted.decision_function(X)
    np.testing.assert_array_equal(decision, scores.sum(axis=0))
    np.testing.assert_array_equal(fitted.predict(X), NAMES[decision.argmax(axis=1)])
    expected = np.exp(decision - decision.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(X), expected)
    found = np.concatenate(list(ffnp.scores(fitted.model_, X.astype(np.float32))), axis=1)
    np.testing.assert_allclose(scores, found, rtol=1e-4, atol=1e-4)


def test_two_classes_have_one_decision():
    fitted = quick().fit(X, Y == 1)
    scores = fitted.layer_scores(X).sum(axis=0)
    np.testing.assert_array_equal(fitted.decision_function(X), scores[:, 1] - scores[:, 0])
    assert fitted.predict(X).dtype == bool


def test_it_learns_what_can_be_learned():
    x, y = load_digits(return_X_y=True)
    fitted = ForwardForwardClassifier(
        hidden=(64, 64), epochs=15, lr=0.005, batch_size=50, random_state=0
    ).fit(x[:1200], y[:1200])
    assert fitted.score(x[1200:], y[1200:]) > 0.85


def test_predicting_changes_nothing():
    fitted = quick().fit(X, Y)
    before = pickle.dumps(fitted)
    fitted.predict_proba(X)
    assert pickle.dumps(fitted) == before


# --- going on -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "setting", [{}, {"unit_dropout": 0.3}, {"optimizer": "sgd"}, {"update": "sequential"}]
)
def test_warm_start_two_halves_are_a_whole(setting):
    whole = quick(epochs=6, **setting).fit(X, Y)
    half = quick(epochs=2, warm_start=True, **setting).fit(X, Y)
    half = pickle.loads(pickle.dumps(half))  # whatever happens to it meanwhile
    half.set_params(epochs=4).fit(X, Y)
    assert same_weights(half, whole) and half.n_iter_ == whole.n_iter_ == 6
    assert half.loss_curve_ == whole.loss_curve_


def test_partial_fit_is_an_epoch():
    whole, part = quick(epochs=3).fit(X, Y), quick()
    for _ in range(3):
        part.partial_fit(X, Y, classes=[0, 1, 2])
    assert same_weights(part, whole) and part.n_iter_ == 3


def test_partial_fit_is_told_the_classes_first():
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        quick().partial_fit(X, Y)


def test_partial_fit_takes_what_comes():
    part = quick().partial_fit(X[Y == 1], Y[Y == 1], classes=[0, 1, 2])
    part.partial_fit(X[:1], Y[:1]).partial_fit(X[:37], Y[:37])
    assert part.n_iter_ == 3 and set(part.classes_) == {0, 1, 2}
    with pytest.raises(ValueError, match=r"y has classes .*7"):
        part.partial_fit(X[:2], [0, 7])
    with pytest.raises(ValueError, match="not the same as on the first call"):
        part.partial_fit(X, Y, classes=[0, 1])


def test_without_warm_start_fit_begins_again():
    fitted = quick().fit(X, Y)
    assert same_weights(clone(fitted).fit(X, Y), fitted.fit(X, Y)) and fitted.n_iter_ == 4


@pytest.mark.parametrize("change", [{"hidden": (9, 6)}, {"theta": 3.0}, {"optimizer": "sgd"}])
def test_what_cannot_change_in_a_warm_start_says_so(change):
    fitted = quick(warm_start=True).fit(X, Y)
    with pytest.raises(InputError, match=f"^{next(iter(change))} cannot change"):
        fitted.set_params(**change).fit(X, Y)


def test_schedule_layer_cannot_go_on():
    fitted = quick(schedule="layer", gamma="previous", warm_start=True).fit(X, Y)
    with pytest.raises(InputError, match="cannot be gone on with"):
        fitted.fit(X, Y)


# --- weights --------------------------------------------------------------------------------


def test_a_row_of_weight_2_is_the_row_twice():
    weight = np.arange(90) % 3
    weighted = quick().fit(X, Y, sample_weight=weight)
    order = np.random.default_rng(0).permutation(weight.sum())
    repeated = quick().fit(np.repeat(X, weight, axis=0)[order], np.repeat(Y, weight)[order])
    assert same_weights(weighted, repeated)
    assert not same_weights(weighted, quick().fit(X, Y))


def test_rows_are_equal_with_their_labels_whatever_the_sign_of_0():
    x = np.array([[0, 1], [-0.0, 1], [0, 1], [2, 3]], np.float32)
    rows = Rows.of(x, np.array([0, 0, 1, 1]), np.array([1.0, 1, 2, 0]))
    assert sorted(zip(rows.x.tolist(), rows.labels, rows.weight, strict=True)) == [
        ([0, 1], 0, 1), ([0, 1], 1, 1),
    ]  # fmt: skip


def test_weights_count_beside_each_other():
    assert same_weights(quick().fit(X, Y, sample_weight=np.full(90, 2.0)), quick().fit(X, Y))


def test_classes_of_weight_0_are_no_classes():
    fitted = quick().fit(X, Y, sample_weight=Y != 1)
    assert fitted.classes_.tolist() == [0, 2]
    with pytest.raises(ValueError, match="only one class, 2"):
        quick().fit(X, Y, sample_weight=Y == 2)


# --- early stopping -------------------------------------------------------------------------


def test_early_stopping_keeps_the_best_epoch():
    y = np.random.default_rng(0).permutation(Y)  # nothing to learn: errors go up and down
    settings = {"early_stopping": True, "validation_fraction": 0.3, "epochs": 30, "patience": 3}
    fitted = quick(**settings, lr=0.1).fit(X, y)
    scores = fitted.validation_scores_
    assert len(scores) == len(fitted.loss_curve_) == fitted.n_iter_ < 30
    assert fitted.best_validation_score_ == max(scores) == scores[fitted.best_epoch_ - 1]
    assert fitted.best_epoch_ == 1 + int(np.argmax(scores)) == len(scores) - 3
    again = quick(**settings, lr=0.1).fit(X, y)
    assert same_weights(again, fitted)


def test_partial_fit_holds_out_nothing():
    with pytest.raises(ValueError, match="leave out early_stopping"):
        quick(early_stopping=True).partial_fit(X, Y, classes=[0, 1, 2])


# --- with the rest of scikit-learn ------------------------------------------------------------


@pytest.mark.slow
def test_grid_search_in_two_processes():
    grid = GridSearchCV(quick(), {"gamma": ["others", "previous"]}, cv=2, n_jobs=2).fit(X, Y)
    assert grid.best_estimator_.predict(X).shape == (90,)
    alone = GridSearchCV(quick(), {"gamma": ["others", "previous"]}, cv=2).fit(X, Y)
    np.testing.assert_array_equal(
        grid.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


def test_pipeline_and_cross_validation():
    pipeline = make_pipeline(StandardScaler(), quick(epochs=20))
    scores = cross_val_score(pipeline, X * [1, 10, 100, 1000, 1e4], NAMES[Y], cv=3)
    assert scores.mean() > 0.8


def test_calibration():
    calibrated = CalibratedClassifierCV(quick(), cv=2).fit(X, Y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)


def test_joblib_and_clone(tmp_path):
    fitted = quick().fit(X, NAMES[Y])
    joblib.dump(fitted, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(again.decision_function(X), fitted.decision_function(X))
    assert not hasattr(clone(fitted), "classes_")


def test_data_frames_have_named_features():
    frame = pd.DataFrame(X, columns=list("abcde"))
    fitted = quick().fit(frame, pd.Series(NAMES[Y], dtype="category"))
    assert fitted.feature_names_in_.tolist() == list("abcde")
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[list("edcba")])


def test_callbacks_see_every_epoch_and_may_stop():
    monitor = ScoringMonitor(scoring="accuracy")
    fitted = quick().set_callbacks(monitor).fit(X, NAMES[Y], sample_weight=np.ones(90))
    epochs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert [row["task_id"] for row in epochs] == list(range(4))
    assert epochs[-1]["accuracy"] == fitted.score(X, NAMES[Y])


class StopSecond:
    """A callback that stops after the second epoch."""

    def setup(self, estimator, context):
        self.begun = 0

    def teardown(self, estimator, context):
        self.torn = True

    def on_fit_task_begin(self, estimator, context):
        self.begun += context.task_name == "epoch"

    def on_fit_task_end(self, estimator, context):
        return self.begun == 2


def test_a_callback_ends_the_training():
    callback = StopSecond()
    fitted = quick().set_callbacks(callback).fit(X, Y)
    assert callback.begun == fitted.n_iter_ == 2 and callback.torn
    assert same_weights(fitted, quick(epochs=2).fit(X, Y))


def test_an_objective_of_ones_own():
    def hinge(goodness, gamma):
        signs = np.where(np.arange(goodness.shape[1]) == 0, -1, 1).astype(goodness.dtype)
        slack = np.maximum(0, 1 + signs * (goodness + gamma - 20))
        return float(slack.sum() / len(slack)), signs * (slack > 0) / len(slack)

    fitted = quick(objective=hinge, warm_start=True).fit(X, Y).fit(X, Y)
    assert same_weights(fitted, quick(objective=hinge, epochs=8).fit(X, Y))


def test_a_parameter_without_effect_is_named():
    with pytest.warns(InputWarning, match="^alpha has no effect on this training$"):
        ForwardForwardClassifier(**SMALL, alpha=3.0).fit(np.eye(4), [0, 1, 0, 1])


@pytest.mark.parametrize("name", ["early_stopping", "warm_start"])
@pytest.mark.parametrize("value", ["x", 1, None])
def test_what_is_yes_or_no_is_a_bool(name, value):
    for learn in (lambda model: model.fit(X, Y), lambda model: model.partial_fit(X, Y, [0, 1, 2])):
        with pytest.raises(ValueError, match=f"^{name} is .*: give True or False"):
            learn(quick(**{name: value}))
    assert quick(**{name: np.False_}).fit(X, Y).n_iter_ == 4


@pytest.mark.parametrize("share", [2, 1, 0, -0.1, 1.5, "x", True, None, float("nan"), 0.001])
def test_a_share_of_rows_that_cannot_be_held_out_is_named(share):
    with pytest.raises(ValueError, match="validation_fraction"):
        quick(early_stopping=True, validation_fraction=share).fit(X, Y)
    assert quick(validation_fraction=share).fit(X, Y).n_iter_ == 4  # which is not used


def test_the_documentation_names_what_is_no_parameter():
    text = (Path(__file__).parents[1] / "docs" / "estimator.md").read_text()
    said = text.partition("**Parameters** are")[2].partition("Beside them")[0]
    assert set(re.findall(r"`(\w+)`", said)) - {"objective", "random_state"} == (
        NO_PARAMETERS - {"patience"}  # which is one of the estimator's own
    )
