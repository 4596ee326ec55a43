"""Functional entropy, conditioned on the image: how much goodness its true label draws."""

from dataclasses import dataclass

import numpy as np

from ffnp.objectives.base import Array

EPSILON = 1e-8  # of the mean goodness: a silent image divides by this, not by 0
KAPPA = 1e-6  # below it u log u goes on as its tangent, so that its slope stays bounded


@dataclass(frozen=True)
class ConditionalEntropy:
    """Functional entropy over the label rows of each image, signed by the label.

    J = -mean over images of f(u+), plus the mean over images and wrong labels of f(u-), where
    u = (g + gamma) / m, m the mean of g + gamma over the image's own rows, and f(u) = u log u.
    Since u does not change when all goodness is scaled, and 0 <= u <= R, the value is bounded and
    rewards no growth.

    Notes
    -----
    Ours: the paper (arXiv 2305.12393, equations 9 and 13) does not say how the label enters.
    docs/objectives/entropy.md derives the coefficient and shows the other readings diverge.
    """

    def __call__(self, goodness: Array, gamma: Array | float) -> tuple[float, Array]:
        images, rows = goodness.shape
        h = goodness + gamma
        m = h.mean(axis=1, keepdims=True) + EPSILON  # (N, 1)
        u = h / m
        weight = np.full(rows, 1 / (images * (rows - 1)), goodness.dtype)
        weight[0] = -1 / images
        log = np.log(np.maximum(u, KAPPA))
        value = (weight * (u * log + np.minimum(u - KAPPA, 0))).sum()
        # In the value this was sum_r weight_r f(u_r), u_r = h_r / m, m = sum_r h_r / R + EPSILON;
        # so du_r/dh_s = ((r == s) - u_r / R) / m.
        slope = weight * (log + 1)  # weight f'(u)
        shared = (slope * u).sum(axis=1, keepdims=True) / rows
        return float(value), (slope - shared) / m
