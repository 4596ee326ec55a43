"""Softmax over the label rows of an image: goodness as logits, still strictly local."""

from dataclasses import dataclass

import numpy as np

from ffnp.objectives.base import Array


@dataclass(frozen=True)
class SoftmaxOverLabels:
    """J = mean over images of the cross-entropy of softmax(g + gamma) against the true label.

    Over all K labels, or a sample of them; column 0 is the true one. c = (softmax - onehot) / N.

    Notes
    -----
    Ours; not in the paper.
    """

    by_image = of_sum = True

    def __call__(self, goodness: Array, gamma: Array | float) -> tuple[float, Array]:
        logits = goodness + gamma
        logits = logits - logits.max(axis=1, keepdims=True)  # exp cannot overflow
        coefficient = np.exp(logits)
        sums = coefficient.sum(axis=1, keepdims=True)
        value = (np.log(sums[:, 0]) - logits[:, 0]).mean()
        coefficient /= sums
        coefficient[:, 0] -= 1
        coefficient /= len(goodness)
        return float(value), coefficient
