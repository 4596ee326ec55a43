"""Compiled objectives: the objective of all layers and its coefficients in one sweep.

To compile another objective, write its `<name>_image` beside `sigmoid_image`, give it a number,
a branch in `value_of_image` and a line in `compiled`. What has none runs as the reference.
"""

import math

import numpy as np
from numba import njit

from ffnp.collaboration import GAMMAS, LayerObjective
from ffnp.objectives import SigmoidGoodness

SIGMOID = 0
OTHERS, PREVIOUS, NEXT = (GAMMAS.index(name) for name in ("others", "previous", "next"))


def compiled(objective: LayerObjective) -> tuple[int, float] | None:
    """Number and parameter of a compiled objective; None if it has no compiled form."""
    if type(objective.objective) is SigmoidGoodness:
        return SIGMOID, objective.objective.theta
    return None


@njit(nogil=True, cache=True)
def evaluate(kind, parameter, gamma, smallest, goodness, coefficients, totals):
    """As `Backend.evaluate`; `gamma` indexes GAMMAS, coefficients below `smallest` become 0."""
    layers, images, rows = goodness.shape
    heard = np.empty(rows, goodness.dtype)  # goodness + gamma of one image's rows
    values = np.zeros(layers)
    wrong = 0
    for n in range(images):
        value = 0.0
        for i in range(layers):
            if gamma == OTHERS and i > 0:  # every layer hears the total
                values[i] += value
                coefficients[i, n] = coefficients[0, n]
                continue
            for r in range(rows):
                heard[r] = goodness[i, n, r]
                for j in range(layers):
                    if (
                        (gamma == OTHERS and j != i)
                        or (gamma == PREVIOUS and j < i)
                        or (gamma == NEXT and j > i)
                    ):
                        heard[r] += goodness[j, n, r]
            value = value_of_image(kind, parameter, heard, images, coefficients[i, n])
            values[i] += value
            for r in range(rows):
                if abs(coefficients[i, n, r]) < smallest:
                    coefficients[i, n, r] = 0
        wrong += is_wrong(goodness, n)
    for i in range(layers):
        totals[i] += values[i]
    totals[layers] += wrong


@njit(nogil=True, cache=True)
def is_wrong(goodness, n):
    """Whether some wrong label of image n has at least the total goodness of the true one."""
    true = goodness[:, n, 0].sum()
    for r in range(1, goodness.shape[2]):
        if goodness[:, n, r].sum() >= true:
            return 1
    return 0


@njit(nogil=True, cache=True)
def value_of_image(kind, parameter, heard, images, out):
    """J of one image from its rows' goodness + gamma; writes its coefficients dJ/dg / images."""
    return sigmoid_image(heard, parameter, images, out)


@njit(nogil=True, cache=True)
def sigmoid_image(heard, theta, images, out):
    """softplus(-(heard[0] - theta)) + mean over r > 0 of softplus(heard[r] - theta)."""
    number = heard.dtype.type
    rows = len(heard)
    value = 0.0
    for r in range(rows):
        sign, share = (number(-1), number(1)) if r == 0 else (number(1), number(rows - 1))
        z = sign * (heard[r] - number(theta))
        e = math.exp(-abs(z))  # never overflows
        sigmoid = (number(1) if z >= 0 else e) / (number(1) + e)
        value += (max(z, number(0)) + math.log1p(e)) / share
        out[r] = sign * sigmoid / (share * number(images))
    return value
