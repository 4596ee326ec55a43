"""The estimator beside others of scikit-learn, on digits and 5,000 images of MNIST.

    python benchmarks/estimator.py

prints docs/estimator.md's table: test error, log loss and calibration error of `predict_proba`,
and the seconds of `fit` and of `predict_proba`, by the clock and of all cores' work, in one run.
Every pixel is divided by the largest; the others have scikit-learn's settings but for what their
names say.
"""

import argparse
import json
import time
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import ffnp
from ffnp.bench import machine
from ffnp.sklearn import ForwardForwardClassifier

BINS = 15  # of the calibration error
ROUNDS = {"epochs": 30, "lr_schedule": "linear", "random_state": 0}
FF = ForwardForwardClassifier(**ROUNDS, batch_size=50)
SOFTMAX = ForwardForwardClassifier(**ROUNDS, batch_size=50, objective="softmax", gamma="previous")
MODELS = {
    "ForwardForwardClassifier": FF,
    "the same, temperature": FF,
    "ForwardForwardClassifier, softmax": SOFTMAX,
    "MLPClassifier, 3x500": MLPClassifier((500, 500, 500), random_state=0),
    "LogisticRegression": LogisticRegression(max_iter=1000),
    "HistGradientBoosting": HistGradientBoostingClassifier(random_state=0),
}


def digits():
    """1,437 rows of 64 pixels to learn from, 360 to test."""
    x, y = load_digits(return_X_y=True)
    return train_test_split(x / 16, y, test_size=360, stratify=y, random_state=0)


def mnist():
    """The first 5,000 training images, and all 10,000 test images."""
    data = ffnp.load("mnist")
    train, test = data.train.first(5000), data.test
    return train.images / 255, test.images / 255, train.labels, test.labels


DATA = {"digits": digits, "mnist": mnist}


def calibration_error(proba, y):
    """Mean distance of accuracy from confidence, over bins of confidence, in %."""
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == y
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs((right[bins == b] - confidence[bins == b]).sum()) for b in range(BINS)]
    return 100 * sum(gaps) / len(y)


def fitted(name, model, x, y):
    """The model; a temperature is found on a fifth of the rows, which the model does not see."""
    if "temperature" not in name:
        return model.fit(x, y)
    x, held_x, y, held_y = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    frozen = FrozenEstimator(model.fit(x, y))
    return CalibratedClassifierCV(frozen, method="temperature").fit(held_x, held_y)


def measure(name, model, x, x_test, y, y_test):
    """One row of the table."""
    start = clocks()
    found = fitted(name, clone(model), x, y)
    fit = clocks() - start
    start = clocks()
    proba = found.predict_proba(x_test)
    predict = clocks() - start
    return {
        "error": 100 * float((proba.argmax(axis=1) != y_test).mean()),
        "log_loss": float(log_loss(y_test, proba)),
        "calibration": calibration_error(proba, y_test),
        "fit_seconds": fit[0],
        "fit_processor": fit[1],
        "predict_seconds": predict[0],
        "predict_processor": predict[1],
    }


def clocks():
    """Seconds by the clock, and of all cores' work, which others on the machine do not lengthen."""
    return np.array([time.perf_counter(), time.process_time()])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=DATA, default=list(DATA), nargs="+")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    clone(FF).set_params(epochs=1).fit(*load_digits(return_X_y=True))  # compiles its loops
    rows = rows_of_table(options.data)
    if options.json:
        print(json.dumps({"machine": machine(), "results": dict(rows)}))
        return
    print(machine())
    seconds = "fit s | of cores | predict s | of cores"
    print(f"| data, model | error % | log loss | calibration % | {seconds} |")
    print("|---|---|---|---|---|---|---|---|")
    for name, row in rows:
        print(
            f"| {name} | " + " | ".join(f"{value:.3g}" for value in row.values()) + " |", flush=True
        )


def rows_of_table(chosen):
    """Names and figures, one after the other."""
    for data in chosen:
        x, x_test, y, y_test = DATA[data]()
        for name, model in MODELS.items():
            yield f"{data}: {name}", measure(name, model, x, x_test, y, y_test)


if __name__ == "__main__":
    main()
