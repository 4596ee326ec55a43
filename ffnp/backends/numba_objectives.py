"""The sigmoid objective of all layers and its coefficients, compiled, in one sweep.

Other objectives run as the reference.
"""

import math

import numpy as np

from ffnp.backends.compiling import compiled
from ffnp.objectives.collaboration import GAMMAS

OTHERS, PREVIOUS, NEXT = (GAMMAS.index(name) for name in ("others", "previous", "next"))


@compiled()
def evaluate(theta, gamma, gamma_scale, goodness, sample_weight, coefficients, totals):
    """As `Backend.evaluate`; `gamma` indexes GAMMAS."""
    layers, images, rows = goodness.shape
    scale = goodness.dtype.type(gamma_scale)
    total = np.empty(rows, goodness.dtype)  # goodness + gamma of one image's rows
    values = np.zeros(layers)
    wrong = 0
    for n in range(images):
        value = 0.0
        for i in range(layers):
            if gamma == OTHERS and scale == 1 and i > 0:  # every layer has the same total
                values[i] += value
                coefficients[i, n] = coefficients[0, n]
                continue
            for r in range(rows):
                total[r] = goodness[i, n, r]
                for j in range(layers):
                    if (
                        (gamma == OTHERS and j != i)
                        or (gamma == PREVIOUS and j < i)
                        or (gamma == NEXT and j > i)
                    ):
                        total[r] += scale * goodness[j, n, r]
            value = sigmoid_of_image(total, theta, images, coefficients[i, n])
            values[i] += value
            if sample_weight is not None:
                for r in range(rows):
                    coefficients[i, n, r] *= sample_weight[n]
        wrong += is_wrong(goodness, n)
    for i in range(layers):
        totals[i] += values[i]
    totals[layers] += wrong


@compiled()
def is_wrong(goodness, n):
    """Whether some wrong label of image n has at least the total goodness of the true one."""
    true = goodness[:, n, 0].sum()
    for r in range(1, goodness.shape[2]):
        if goodness[:, n, r].sum() >= true:
            return 1
    return 0


@compiled()
def sigmoid_of_image(total, theta, images, out):
    """Softplus(-(total[0] - theta)) + mean over r > 0 of softplus(total[r] - theta).

    `total` is one image's rows' goodness + gamma; `out` is given their dJ/dg / images.
    """
    number = total.dtype.type
    rows = len(total)
    value = 0.0
    for r in range(rows):
        sign, share = (number(-1), number(1)) if r == 0 else (number(1), number(rows - 1))
        z = sign * (total[r] - number(theta))
        e = math.exp(-abs(z))  # never overflows
        sigmoid = (number(1) if z >= 0 else e) / (number(1) + e)
        value += (max(z, number(0)) + math.log1p(e)) / share
        out[r] = sign * sigmoid / (share * number(images))
    return value
