"""Exercises of the fifth notebook: an objective of one's own."""

from typing import Any

import numpy as np

from ffnp.exercises.checking import Answer, Compared, Exercise, Fault, called, check_form

STEP = 1e-5  # of central differences, in float64
WITHIN = 1e-5  # of the largest derivative, as far as such differences can see


def _terms(goodness: Any, gamma: Any, margin: float) -> tuple[Any, Any, Any]:
    total = goodness + gamma
    gap = margin - (total[:, :1] - total[:, 1:])
    active = (gap > 0) / gap.size
    return np.maximum(gap, 0).mean(), -active.sum(axis=1, keepdims=True), active


def _hinge(goodness: Any, gamma: Any, margin: float) -> tuple[Any, Any]:
    value, true, wrong = _terms(goodness, gamma, margin)
    return value, np.hstack([true, wrong])


def _altered(true: float, wrong: float) -> Answer:
    """The hinge with its coefficients multiplied."""

    def altered(goodness: Any, gamma: Any, margin: float) -> tuple[Any, Any]:
        value, up, down = _terms(goodness, gamma, margin)
        return value, np.hstack([true * up, wrong * down])

    return altered


hinge = Compared(
    draw=lambda random: {
        "goodness": random.uniform(0, 5, (6, 3)), "gamma": random.uniform(0, 5, (6, 3)),
        "margin": 2.0,
    },
    right=_hinge,
    mistakes={
        "the signs are turned: where the gap is open, true goodness shall rise, dJ/dg < 0": (
            _altered(-1, -1)
        ),
        "only the true label is pushed: the wrong ones move J too": _altered(1, 0),
        "only the wrong labels are pushed: the true one moves J too": _altered(0, 1),
        "the true label is pushed once: it stands in the gap of each wrong label, so sum them": (
            _altered(1 / 2, 1)
        ),
        "the coefficient is not divided: J is a mean over images and wrong labels": (
            lambda goodness, gamma, margin: (
                _hinge(goodness, gamma, margin)[0],
                _hinge(goodness, gamma, margin)[1] * goodness[:, 1:].size,
            )
        ),
        "gamma is missing: the gap is between goodness + gamma": (
            lambda goodness, gamma, margin: _hinge(goodness, 0, margin)
        ),
        "rows whose gap is closed are pushed too: there max(0, ...) is flat": (
            lambda goodness, gamma, margin: (
                _hinge(goodness, gamma, margin)[0],
                _hinge(goodness, gamma, margin + 1e9)[1],
            )
        ),
        "the value is a sum: J is a mean over images and wrong labels": (
            lambda goodness, gamma, margin: (
                _hinge(goodness, gamma, margin)[0] * goodness[:, 1:].size,
                _hinge(goodness, gamma, margin)[1],
            )
        ),
    },
)  # fmt: skip


def _case(seed: int, images: int = 4) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    shape = images, 3
    return {"goodness": random.uniform(0.5, 30, shape), "gamma": random.uniform(0, 5, shape)}


class OwnObjective(Exercise):
    """Any function of goodness and gamma, whose coefficient is the derivative of its value."""

    def judge(self, answer: Answer) -> None:
        """See `Exercise`."""
        for seed in range(3):
            case = _case(seed)
            value, coefficient = evaluated(answer, case)
            slopes = np.empty_like(case["goodness"])
            for place in np.ndindex(slopes.shape):
                moved = [case["goodness"].copy(), case["goodness"].copy()]
                moved[0][place] += STEP
                moved[1][place] -= STEP
                up, down = (evaluated(answer, {**case, "goodness": g})[0] for g in moved)
                slopes[place] = (up - down) / (2 * STEP)
            _compare(coefficient, slopes)
            if not np.abs(slopes).max() > 0:
                raise Fault("its value does not depend on goodness: nothing can be learned from it")
            if slopes[:, 0].mean() > slopes[:, 1:].mean():
                raise Fault(
                    "its slope is right, but it raises the wrong labels: of column 0, the true "
                    "label, dJ/dg shall be below 0"
                )


def evaluated(answer: Answer, case: dict[str, Any]) -> tuple[float, Any]:
    """Value and coefficient of an objective; `Fault` if they are none."""
    found = called(answer, case)
    check_form(found, (0.0, case["goodness"]), case)
    return float(found[0]), np.asarray(found[1], np.float64)


def _compare(mine: Any, slopes: Any) -> None:
    scale = np.abs(slopes).max() + np.finfo(float).tiny
    if np.abs(mine - slopes).max() <= WITHIN * scale:
        return
    factor = (mine * slopes).sum() / ((slopes**2).sum() or 1.0)
    if factor and np.abs(mine / factor - slopes).max() <= WITHIN * scale:
        times = {-1.0: "of the other sign", float(len(mine)): "N times too large: J is a mean"}
        says = times.get(round(factor, 4), f"{factor:.4g} times the slope of the value")
        raise Fault(f"the coefficient is {says}")
    row, column = map(int, np.unravel_index(np.abs(mine - slopes).argmax(), mine.shape))
    label = "the true label" if column == 0 else "a wrong label"
    raise Fault(
        f"the coefficient of image {row} with {label} is {mine[row, column]:.4g}, but the value's "
        f"slope there is {slopes[row, column]:.4g} (by finite differences)"
    )


class ByImage(Exercise):
    """An objective that is a mean over images of what each one's own rows give."""

    def judge(self, answer: Answer) -> None:
        """See `Exercise`."""
        case = _case(0, images=6)
        value, coefficient = evaluated(answer, case)
        parts = [slice(0, 2), slice(2, 6)]
        found = [evaluated(answer, {n: a[part] for n, a in case.items()}) for part in parts]
        shares = [2 / 6, 4 / 6]
        together = sum(s * v for s, (v, _) in zip(shares, found, strict=True))
        if not np.isclose(together, value, rtol=1e-9):
            raise Fault(
                f"six images give {value:.6g}, two and four of them together {together:.6g}: what "
                "an image gives depends on the others of its batch"
            )
        joined = np.concatenate([s * c for s, (_, c) in zip(shares, found, strict=True)])
        if not np.allclose(joined, coefficient, rtol=1e-9, atol=1e-12):
            raise Fault("the value is a mean over images, but the coefficients are not: 1/N each")


objective = OwnObjective()
by_image = ByImage()
