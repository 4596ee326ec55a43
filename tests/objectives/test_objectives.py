"""Objectives against finite differences, naive loops and their invariances."""

import inspect
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import ALPHA, THETA
from strategies import goodness as goodness_of

from ffnp.config import Config
from ffnp.objectives import OBJECTIVES, Pairwise, make_objective
from ffnp.objectives.entropy import FLOOR, POWER

DOCS = Path(__file__).parents[2] / "docs" / "objectives"


def make(name):
    return make_objective(name, Config(theta=THETA, alpha=ALPHA))


@pytest.mark.parametrize("name", OBJECTIVES)
@given(goodness=goodness_of(), gamma=st.floats(0, 4), seed=st.integers(0, 99))
def test_coefficient_is_the_derivative_of_the_value(name, goodness, gamma, seed):
    objective = make(name)
    gammas = np.full_like(goodness, gamma)
    _, coefficient = objective(goodness, gammas)
    direction = np.random.default_rng(seed).normal(size=goodness.shape)
    step = 1e-6  # the third derivative of h log h is 1 / h^2, up to 400
    ahead, behind = (objective(goodness + s * direction, gammas)[0] for s in (step, -step))
    expected = (coefficient * direction).sum()
    assert (ahead - behind) / (2 * step) == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", OBJECTIVES)
@given(goodness=goodness_of(), gamma=st.floats(0, 4))
def test_goodness_and_gamma_enter_as_their_sum_and_stay_unchanged(name, goodness, gamma):
    gammas = np.full_like(goodness, gamma)
    before = goodness.copy()
    value, coefficient = make(name)(goodness, gammas)
    again, same = make(name)(goodness + gammas, 0.0)
    assert value == again
    np.testing.assert_array_equal(coefficient, same)
    np.testing.assert_array_equal(goodness, before)
    assert (gammas == gamma).all()


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e4])
def test_float32_stays_float32_and_finite(name, scale):
    goodness = scale * np.random.default_rng(0).random((6, 3), dtype=np.float32)
    value, coefficient = make(name)(goodness, np.zeros_like(goodness))
    assert math.isfinite(value)
    assert coefficient.dtype == np.float32
    assert np.isfinite(coefficient).all()


def naive(name, g):
    """Each value by the formulas of the documentation, number by number."""
    images, rows = g.shape
    pairs = [(n, r) for n in range(images) for r in range(1, rows)]

    def softplus(z):
        return math.log(1 + math.exp(z))

    if name.startswith("sigmoid"):
        up = sum(softplus(-(g[n, 0] - THETA)) for n in range(images)) / images
        if name == "sigmoid":
            return up + sum(softplus(g[p] - THETA) for p in pairs) / len(pairs)
        return up - sum(softplus(-(g[p] - THETA)) for p in pairs) / len(pairs)
    if name == "pairwise":
        return sum(softplus(-ALPHA * (g[n, 0] - g[n, r])) for n, r in pairs) / len(pairs)
    if name == "softmax":
        return -sum(
            math.log(math.exp(row[0]) / sum(math.exp(v) for v in row)) for row in g
        ) / images  # fmt: skip
    h = [[(v + FLOOR) ** POWER for v in row] for row in g]
    return -sum(math.log(row[0] / sum(row)) for row in h) / images


@pytest.mark.parametrize("name", OBJECTIVES)
@given(goodness=goodness_of())
def test_value_is_the_formula(name, goodness):
    value, _ = make(name)(goodness, 0.0)
    assert value == pytest.approx(naive(name, goodness), rel=1e-6, abs=1e-7)


@given(goodness=goodness_of(rows=2))
def test_sigmoid_exchanges_positive_and_negative(goodness):
    """Reflected about theta, the negative is pushed down as the positive is pushed up."""
    _, coefficient = make("sigmoid")(goodness, 0.0)
    _, swapped = make("sigmoid")(2 * THETA - goodness[:, ::-1], 0.0)
    np.testing.assert_allclose(swapped, -coefficient[:, ::-1], rtol=1e-12)


@pytest.mark.parametrize("name", ["pairwise", "softmax"])
@given(goodness=goodness_of(), shift=st.floats(-5, 5))
def test_only_differences_within_an_image_count(name, goodness, shift):
    value, coefficient = make(name)(goodness, 0.0)
    moved, same = make(name)(goodness + shift, 0.0)
    assert moved == pytest.approx(value, rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(same, coefficient, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(coefficient.sum(axis=1), 0, atol=1e-15)


@given(goodness=goodness_of(), scale=st.floats(1, 10))
def test_scale_is_rewarded_by_no_more_than_the_floor_hides(goodness, scale):
    value, _ = make("entropy")(goodness, 0.0)
    hidden = POWER * FLOOR / goodness.min()
    assert make("entropy")(scale * goodness, 0.0)[0] == pytest.approx(value, abs=hidden)


@given(goodness=goodness_of(rows=2))
def test_pairs_make_pairwise_softmax_and_two_label_softmax_the_same(goodness):
    """With one wrong label softplus(-(h+ - h-)) is the cross-entropy of two logits."""
    value, coefficient = Pairwise(1.0)(goodness, 0.0)
    other, same = make("softmax")(goodness, 0.0)
    assert value == pytest.approx(other, rel=1e-12)
    np.testing.assert_allclose(coefficient, same, rtol=1e-9)


def test_wrong_rows_are_averaged():
    """Two equal wrong labels count as much as one."""
    one = np.array([[4.0, 2.0], [1.0, 3.0]])
    two = one[:, [0, 1, 1]]
    for name in ("sigmoid", "sigmoid-literal", "pairwise"):
        (v1, c1), (v2, c2) = make(name)(one, 0.0), make(name)(two, 0.0)
        assert v1 == pytest.approx(v2)
        np.testing.assert_allclose(c2[:, 1:].sum(axis=1), c1[:, 1])


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_a_page_of_the_docs_names_the_code_of_its_objective(page):
    text = page.read_text()
    name = re.search(r"`--objective ([a-z-]+)`", text).group(1)
    code, path = re.search(r"Code: `(\w+)\.__call__` in\s+\[[^]]+\]\(([^)]+)\)", text).groups()
    objective = OBJECTIVES[name]
    assert (name, code) == (page.stem, objective.__name__)
    named = (page.parent / path).resolve()
    assert named.is_file()
    assert Path(inspect.getfile(objective)).parts[-3:] == named.parts[-3:]
