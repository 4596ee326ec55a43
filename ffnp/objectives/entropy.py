"""Functional entropy: goodness, normalised over an image's labels, as a distribution of labels."""

from dataclasses import dataclass

import numpy as np

from ffnp.objectives.base import Array
from ffnp.objectives.softmax import SoftmaxOverLabels

FLOOR = 1e-3  # added to goodness: bounds the slope of its logarithm
POWER = 8.0  # chosen on validation rows: docs/objectives/entropy.md


@dataclass(frozen=True)
class RelativeEntropy:
    """Relative entropy of the true label to an image's goodness, normalised over its labels.

    h = (g + gamma + FLOOR)^power, u = h / (mean of h over the image's R rows): the density whose
    mean of u log u is the functional entropy of h. J = mean over images of -log(u+ / R), the
    entropy of the true label relative to u: at least 0, and 0 when all goodness is the true
    label's. u does not change when all goodness is scaled, so no growth is rewarded.

    Notes
    -----
    Ours: the paper (arXiv 2305.12393, equations 9 and 13) does not say how the label enters.
    docs/objectives/entropy.md derives the coefficient; examples/entropy_readings.md has others.
    """

    by_image = of_sum = True

    power: float = POWER  # how sharply goodness is told apart; no threshold is needed

    def __call__(self, goodness: Array, gamma: Array | float) -> tuple[float, Array]:
        h = goodness + gamma + FLOOR
        # u / R is the softmax of power log h; so dJ/dg = dJ/dlogit * power / h.
        value, coefficient = SoftmaxOverLabels()(self.power * np.log(h), 0.0)
        return value, coefficient * (self.power / h)
