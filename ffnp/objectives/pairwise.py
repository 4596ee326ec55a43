"""Pairwise ranking of goodness: the true label's above each wrong one's."""

from dataclasses import dataclass

import numpy as np

from ffnp.objectives.activations import sigmoid, softplus
from ffnp.objectives.base import Array


@dataclass(frozen=True)
class Pairwise:
    """J = mean over images and wrong labels of softplus(-alpha (h+ - h-)), h = g + gamma.

    References
    ----------
    Lee and Song, "SymBa: symmetric backpropagation-free contrastive learning with
    Forward-Forward algorithm", arXiv 2303.08418.
    """

    by_image = of_sum = True

    alpha: float  # steepness. There is no threshold: only differences count

    def __call__(self, goodness: Array, gamma: Array | float) -> tuple[float, Array]:
        images, rows = goodness.shape
        h = goodness + gamma
        lag = self.alpha * (h[:, 1:] - h[:, :1])  # (N, R - 1)
        coefficient = np.empty_like(h)
        coefficient[:, 1:] = sigmoid(lag) * (self.alpha / (images * (rows - 1)))
        coefficient[:, 0] = -coefficient[:, 1:].sum(axis=1)
        return float(softplus(lag).mean()), coefficient
