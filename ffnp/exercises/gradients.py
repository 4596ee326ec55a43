"""Exercises of the second notebook: the gradient of a layer by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ffnp.exercises.checking import Compared


def _p(logit: Any) -> Any:
    return 1 / (1 + np.exp(-logit))


def _pushed(true: Callable[[Any], Any], wrong: Callable[[Any], Any]) -> Callable[..., Any]:
    """Coefficients of rows, by functions of p."""

    def coefficient(goodness: Any, gamma: Any, theta: float) -> Any:
        p = _p(goodness + gamma - theta)
        return np.hstack([true(p[:, :1]), wrong(p[:, 1:])]) / len(goodness)

    return coefficient


_right = _pushed(lambda p: p - 1, lambda p: p)

coefficient = Compared(
    draw=lambda random: {
        "goodness": random.uniform(0, 6, (5, 2)), "gamma": random.uniform(0, 6, (5, 2)),
        "theta": 5.0,
    },
    right=_right,
    mistakes={
        "the signs are the other way: the true label's goodness shall rise, so its dJ/dg is < 0": (
            lambda goodness, gamma, theta: -_right(goodness, gamma, theta)
        ),
        "it is N times too large: J is a mean over the N images": (
            lambda goodness, gamma, theta: len(goodness) * _right(goodness, gamma, theta)
        ),
        "it is half of it: J is a mean over the images, not over the rows": (
            lambda goodness, gamma, theta: _right(goodness, gamma, theta) / 2
        ),
        "gamma is missing: the logit is goodness + gamma - theta": (
            lambda goodness, gamma, theta: _right(goodness, 0, theta)
        ),
        "theta is missing: the logit is goodness + gamma - theta": (
            lambda goodness, gamma, theta: _right(goodness, gamma, 0)
        ),
        "theta is added: the logit is goodness + gamma - theta": (
            lambda goodness, gamma, theta: _right(goodness, gamma, -theta)
        ),
        "the wrong label is pushed up like the true one: its coefficient is p": _pushed(
            lambda p: p - 1, lambda p: p - 1
        ),
        "the wrong label has (1 - p): a push that never ends; Hinton's is p": _pushed(
            lambda p: p - 1, lambda p: 1 - p
        ),
        "the columns are exchanged: the true label is column 0": _pushed(
            lambda p: p, lambda p: p - 1
        ),
        "it is p, not dJ/dg: of the true label that is p - 1": _pushed(lambda p: p, lambda p: p),
        "it is the objective: its derivative by goodness is asked for": _pushed(
            lambda p: -np.log(p), lambda p: -np.log(1 - p)
        ),
    },
)  # fmt: skip

delta = Compared(
    draw=lambda random: {
        "coefficients": random.normal(size=6), "a": np.maximum(random.normal(size=(6, 4)), 0),
    },
    right=lambda coefficients, a: 2 * coefficients[:, None] * a,
    mistakes={
        "the 2 is missing: d(a^2)/da = 2a": lambda coefficients, a: coefficients[:, None] * a,
        "a is squared: d(a^2)/da = 2a": lambda coefficients, a: 2 * coefficients[:, None] * a**2,
        "the coefficient is missing: dJ/da = dJ/dg dg/da": lambda coefficients, a: 2 * a,
        "a is missing: dg/da = 2a, and relu lets it pass where a > 0": (
            lambda coefficients, a: 2 * coefficients[:, None] * (a > 0)
        ),
        "the sign is turned: delta is the gradient, and the optimiser goes against it": (
            lambda coefficients, a: -2 * coefficients[:, None] * a
        ),
    },
)  # fmt: skip

weights_gradient = Compared(
    draw=lambda random: {"h": random.normal(size=(6, 3)), "delta": random.normal(size=(6, 4))},
    right=lambda h, delta: h.T @ delta,
    mistakes={
        "it is transposed: a weight is stored (in, out)": lambda h, delta: delta.T @ h,
        "it is a mean over rows: the 1/N is in the coefficients already": (
            lambda h, delta: h.T @ delta / len(h)
        ),
        "it is the bias's gradient: the weights' needs h": lambda h, delta: delta.sum(axis=0),
        "it has one gradient for each row: sum them": lambda h, delta: (
            h[:, :, None] * delta[:, None, :]
        ),
    },
)


def _moved(x: Any, i: int, step: float) -> Any:
    moved = x.copy()
    moved[i] += step
    return moved


def _slopes(f: Any, x: Any, above: float, below: float, over: float) -> Any:
    return np.array(
        [(f(_moved(x, i, above)) - f(_moved(x, i, below))) / over for i in range(len(x))]
    )


def _function(random: np.random.Generator) -> dict[str, Any]:
    w = random.normal(size=4)

    def f(x: Any) -> float:
        return float((w * x**3).sum() + x[0] * x[-1])

    return {"f": f, "x": random.normal(size=4), "step": 1e-2}


difference = Compared(
    draw=_function,
    right=lambda f, x, step: _slopes(f, x, step, -step, 2 * step),
    mistakes={
        "it is the difference to one side: f(x + step) - f(x - step), over 2 step, is far closer": (
            lambda f, x, step: _slopes(f, x, step, 0.0, step)
        ),
        "it is twice too large: from x - step to x + step it is 2 step": (
            lambda f, x, step: _slopes(f, x, step, -step, step)
        ),
        "the sign is turned: f(x + step) - f(x - step)": (
            lambda f, x, step: _slopes(f, x, -step, step, 2 * step)
        ),
        "it is not divided by the way that x has moved, 2 step": (
            lambda f, x, step: _slopes(f, x, step, -step, 1.0)
        ),
        "all entries move at once: move one, and leave the others": (
            lambda f, x, step: np.full(len(x), (f(x + step) - f(x - step)) / (2 * step))
        ),
    },
)
