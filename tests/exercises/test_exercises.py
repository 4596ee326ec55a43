"""Right answers pass, and each wrong one is told what is wrong with it."""

from types import SimpleNamespace

import numpy as np
import pytest

from ffnp import exercises
from ffnp.exercises.checking import Compared, Exercise
from ffnp.objectives import OBJECTIVES, SigmoidGoodness, make_objective
from ffnp.objectives.collaboration import gamma_of_layers
from ffnp.scoring.analysis import decompose, functional_entropy

ALL = {name: each for name, each in vars(exercises).items() if isinstance(each, Exercise)}
MISTAKES = [
    (name, says)
    for name, each in ALL.items()
    if isinstance(each, Compared)
    for says in each.mistakes
]


def negatives(labels, classes, random):
    return (labels + random.integers(1, classes, len(labels))) % classes


def of_config(name):
    return make_objective(name, SimpleNamespace(theta=20.0, alpha=1.0))


# The library's own functions are right answers, too.
RIGHT = {
    "joined": lambda images, labels, classes, scale: np.concatenate(
        [images, [[scale * (k == label) for k in range(classes)] for label in labels]], axis=1
    ),
    "goodness": lambda a: np.einsum("ru,ru->r", a, a),
    "normalised": lambda a: a / (np.linalg.norm(a, axis=1)[:, None] + 1e-8),
    "negatives": negatives,
    "vote": lambda goodness: np.mean(goodness, axis=0).argmax(1),
    "coefficient": lambda goodness, gamma, theta: SigmoidGoodness(theta)(goodness, gamma)[1],
    "delta": lambda coefficients, a: coefficients.reshape(-1, 1) * 2 * a,
    "weights_gradient": lambda h, delta: np.einsum("ri,ro->io", h, delta),
    "difference": lambda f, x, step: [
        (f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))
    ],
    "gamma_others": lambda goodness: gamma_of_layers("others", goodness),
    "gamma_previous": lambda goodness: gamma_of_layers("previous", goodness),
    "mended_and_spoiled": lambda first, vote, labels: (
        100 * np.mean((first != labels) & (vote == labels)),
        100 * np.mean((first == labels) & (vote != labels)),
    ),
    "entropy": functional_entropy,
    "decomposition": lambda goodness: (
        decompose(goodness).between_layers,
        np.mean(decompose(goodness).within_layers),
    ),
    "relative": lambda goodness: goodness / np.mean(goodness, 1, keepdims=True),
    "hinge": exercises.hinge.right,
    "objective": of_config("sigmoid"),
    "by_image": of_config("pairwise"),
}

# As people write them, each with a part of what is said.
WRONG = [
    ("goodness", 3, "give the function itself"),
    ("goodness", lambda a: None, "it gives nothing"),
    ("goodness", lambda a: ..., "it gives nothing"),
    ("goodness", lambda a: a.nothing, "it raises AttributeError"),
    ("goodness", lambda: 0, "it raises TypeError"),
    ("goodness", lambda a: a.__imul__(a).sum(axis=1), "it changes `a`"),
    ("goodness", lambda a: "much", "no array of numbers"),
    ("goodness", lambda a: a**2, "it gives shape (6, 5), where shape (6,) is asked for, of a (6, "),
    ("goodness", lambda a: np.log((a**2).sum(axis=1) - (a**2).sum(axis=1)), "NaN or infinite"),
    ("goodness", lambda a: (a**2).sum(axis=1) + 1, "is right"),
    ("normalised", lambda a: a, "is right"),
    ("vote", lambda goodness: goodness.sum(axis=0), "shape (12, 5), where shape (12,)"),
    ("negatives", lambda labels, classes, random: labels, "100% of the labels are the true ones"),
    (
        "negatives",
        lambda labels, classes, random: random.integers(0, classes, len(labels)),
        "of the labels are the true ones",
    ),
    ("negatives", lambda labels, classes, random: labels + 1, "none of 0..4"),
    ("negatives", lambda labels, classes, random: (labels + 1) % classes, "is never drawn"),
    ("negatives", lambda labels, classes, random: labels[:1], "one wrong label for each"),
    (
        "negatives",
        lambda labels, classes, random: negatives(labels, classes, np.random.default_rng(0)),
        "the same labels each time",
    ),
    (
        "negatives",
        lambda labels, classes, random: negatives(labels, classes, np.random.default_rng()),
        "no other source of chance",
    ),
    (
        "negatives",
        lambda labels, classes, random: (
            (labels + np.minimum(random.integers(1, classes + 3, len(labels)), classes - 1))
            % classes
        ),
        "each wrong label shall be as likely",
    ),
    ("decomposition", lambda goodness: 1.0, "give 2 things"),
    (
        "decomposition",
        lambda goodness: (np.mean(decompose(goodness).within_layers), 0.0),
        "is right",
    ),
    (
        "decomposition",  # the first of the two is right
        lambda goodness: (decompose(goodness).between_layers, 0.0),
        "is right",
    ),
    ("hinge", lambda goodness, gamma, margin: (0.0, goodness[:, 0]), "shape (6,)"),
    ("objective", lambda g, gamma: 0.0, "raises TypeError"),  # names are of the seam
    ("objective", lambda goodness, gamma: 0.0, "give 2 things"),
    ("objective", lambda goodness, gamma: (0.0, 0 * goodness), "nothing can be learned"),
]


def lean(factor):
    """Pairs of labels, by a coefficient that is a multiple of what it should be."""

    def objective(goodness, gamma):
        value, coefficient = of_config("pairwise")(goodness, gamma)
        return value, factor * coefficient

    return objective


def turned(goodness, gamma):
    value, coefficient = of_config("sigmoid")(goodness, gamma)
    return -value, -coefficient


def forgetful(goodness, gamma):
    value, coefficient = of_config("softmax")(goodness, gamma)
    return value, np.where(np.arange(3) == 2, 0, coefficient)


def batch_mean(goodness, gamma):
    """Over the batch's mean: what an image gives depends on the others."""
    slopes = np.array([-1.0, 1.0, 1.0]) / goodness.mean() / goodness.size
    return float((slopes * goodness).sum()), np.broadcast_to(slopes, goodness.shape)


def sums(goodness, gamma):
    value, coefficient = of_config("sigmoid")(goodness, gamma)
    return value, len(goodness) * coefficient


WRONG += [
    ("objective", lean(-1), "of the other sign"),
    ("objective", lean(4), "N times too large"),
    ("objective", lean(0.5), "0.5 times the slope"),
    ("objective", turned, "it raises the wrong labels"),
    ("objective", forgetful, "with a wrong label is 0, but the value's slope there is"),
    ("by_image", batch_mean, "depends on the others of its batch"),
    ("by_image", sums, "the coefficients are not: 1/N each"),
]


def test_every_exercise_has_a_right_answer_here():
    assert set(RIGHT) == set(ALL)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    assert ALL[name].verdict(RIGHT[name]) == "Right."


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_objectives_of_ffnp_pass_as_ones_own(name):
    chosen = of_config(name)
    assert exercises.objective.verdict(chosen) == "Right."
    assert exercises.by_image.verdict(chosen) == "Right."


@pytest.mark.parametrize("name, says", MISTAKES)
def test_a_known_mistake_is_named(name, says):
    assert ALL[name].verdict(ALL[name].mistakes[says]) == f"Not yet: {says}"


@pytest.mark.parametrize("name, answer, says", WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(name, answer, says):
    found = ALL[name].verdict(answer)
    assert found.startswith("Not yet: ")
    assert says in found
    assert "\n" not in found


@pytest.mark.parametrize("name", sorted(ALL))
def test_another_exercises_answer_is_wrong(name):
    others = [answer for other, answer in RIGHT.items() if other not in (name, "objective")]
    passed = [a for a in others if ALL[name].verdict(a) == "Right."]
    assert len(passed) == (name == "objective")  # that of by_image is an objective


def test_calling_prints_the_verdict(capsys):
    exercises.goodness(RIGHT["goodness"])
    exercises.goodness(lambda a: (a**2).mean(axis=1))
    assert capsys.readouterr().out.splitlines() == [
        "Right.", "Not yet: it is the mean of the squares: goodness is their sum",
    ]  # fmt: skip
