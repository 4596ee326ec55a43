"""Exercises of the first notebook: rows, goodness and the vote."""

from typing import Any

import numpy as np

from ffnp.exercises.checking import Answer, Compared, Exercise, Fault, called

Random = np.random.Generator


def _entries(labels: Any, classes: int) -> Any:
    return np.eye(classes)[labels]


joined = Compared(
    draw=lambda random: {
        "images": random.uniform(-1, 1, (4, 12)), "labels": random.permutation(4),
        "classes": 5, "scale": 3.0,
    },
    right=lambda images, labels, classes, scale: np.hstack(
        [images, scale * _entries(labels, classes)]
    ),
    mistakes={
        "the label's entry is 1: multiply by `scale`": (
            lambda images, labels, classes, scale: np.hstack([images, _entries(labels, classes)])
        ),
        "the label stands before the image: the image comes first": (
            lambda images, labels, classes, scale: np.hstack(
                [scale * _entries(labels, classes), images]
            )
        ),
        "the label is laid over the first pixels: write it behind them": (
            lambda images, labels, classes, scale: np.hstack(
                [scale * _entries(labels, classes), images[:, classes:]]
            )
        ),
        "the label is one number: it needs an entry for each class, 0 but for its own": (
            lambda images, labels, classes, scale: np.hstack([images, scale * labels[:, None]])
        ),
    },
)  # fmt: skip

goodness = Compared(
    draw=lambda random: {"a": np.maximum(random.normal(size=(6, 5)), 0)},
    right=lambda a: (a**2).sum(axis=1),
    mistakes={
        "it is the mean of the squares: goodness is their sum": lambda a: (a**2).mean(axis=1),
        "the activities are not squared": lambda a: a.sum(axis=1),
        "it is one number for all rows: sum over the units alone, axis=1": lambda a: (a**2).sum(),
        "it sums over the rows: sum over the units, axis=1": lambda a: (a**2).sum(axis=0),
        "it is the length: goodness is its square": lambda a: np.sqrt((a**2).sum(axis=1)),
    },
)


def _silent(random: Random) -> dict[str, Any]:
    a = np.maximum(random.normal(size=(5, 4)), 0)
    a[2] = 0
    return {"a": a}


def _length(a: Any) -> Any:
    return np.sqrt((a**2).sum(axis=1, keepdims=True))


normalised = Compared(
    draw=_silent,
    right=lambda a: a / (_length(a) + 1e-8),
    mistakes={
        "it divides by goodness: a row's length is the root of that": (
            lambda a: a / (_length(a) ** 2 + 1e-8)
        ),
        "it divides by the sum: a row's length is the root of the sum of squares": (
            lambda a: a / (a.sum(axis=1, keepdims=True) + 1e-8)
        ),
        "all rows are divided by one number: each has a length of its own, axis=1": (
            lambda a: a / (np.sqrt((a**2).sum()) + 1e-8)
        ),
        "the units are scaled over the rows: each row is to have length 1, axis=1": (
            lambda a: a / (np.sqrt((a**2).sum(axis=0)) + 1e-8)
        ),
        "a row without any activity gives NaN: add 1e-8 to the length": lambda a: a / _length(a),
    },
)

vote = Compared(
    draw=lambda random: {"goodness": random.gamma(2.0, 3.0, (3, 12, 5))},
    right=lambda goodness: goodness.sum(axis=0).argmax(axis=1),
    mistakes={
        "it is the last layer's vote alone: add up all layers": lambda goodness: goodness[
            -1
        ].argmax(axis=1),
        "it is the first layer's vote alone: add up all layers": lambda goodness: goodness[
            0
        ].argmax(axis=1),
        "it takes the label of the least goodness": lambda goodness: goodness.sum(axis=0).argmin(
            axis=1
        ),
        "it follows the loudest layer: add up the layers, axis=0, then choose": (
            lambda goodness: goodness.max(axis=0).argmax(axis=1)
        ),
        "it gives a vote for each layer: add up the layers, axis=0, first": (
            lambda goodness: goodness.argmax(axis=2)
        ),
        "it chooses among the images: choose among the labels, axis=1 of the sum": (
            lambda goodness: goodness.sum(axis=0).argmax(axis=0)
        ),
    },
)


class Negatives(Exercise):
    """Wrong labels: never the true one, each other one as likely, drawn from `random`."""

    def judge(self, answer: Answer) -> None:
        """See `Exercise`."""
        classes, each = 5, 400
        labels = np.repeat(np.arange(classes), each)

        def drawn(seed: int) -> Any:
            random = np.random.default_rng(seed)
            case = {"labels": labels, "classes": classes, "random": random}
            return called(answer, case)

        found = np.asarray(drawn(0))
        if found.shape != labels.shape:
            raise Fault(f"it gives shape {found.shape}: one wrong label for each of {labels.shape}")
        if not np.isin(found, np.arange(classes)).all():
            raise Fault(f"a label is none of 0..{classes - 1}: is the sum taken modulo `classes`?")
        if (found == labels).any():
            share = 100 * (found == labels).mean()
            raise Fault(f"{share:.0f}% of the labels are the true ones: a negative is never true")
        counts = np.zeros((classes, classes), int)
        np.add.at(counts, (labels, found), 1)
        never = np.argwhere((counts == 0) & ~np.eye(classes, dtype=bool))
        if len(never):
            true, wrong = never[0]
            raise Fault(f"of label {true}, {wrong} is never drawn: every other label may come")
        expected = each / (classes - 1)
        if np.abs(counts - expected)[counts > 0].max() > 5 * np.sqrt(expected):  # five deviations
            true, wrong = np.unravel_index(counts.argmax(), counts.shape)
            raise Fault(
                f"of label {true}, {wrong} comes {counts[true, wrong]} times in {each}, where "
                f"{expected:.0f} were fair: each wrong label shall be as likely"
            )
        if np.array_equal(found, drawn(1)):
            raise Fault("it draws the same labels each time: use `random`, which is given")
        if not np.array_equal(found, drawn(0)):
            raise Fault("the same `random` gives other labels: use no other source of chance")


negatives = Negatives()
