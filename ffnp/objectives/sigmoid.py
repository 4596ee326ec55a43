"""Sigmoid goodness: the probability that a row is joined with its true label."""

from dataclasses import dataclass

import numpy as np

from ffnp.objectives.activations import sigmoid, softplus
from ffnp.objectives.base import Array


@dataclass(frozen=True)
class SigmoidGoodness:
    """Logistic loss of goodness over a threshold: up for true labels, down for wrong ones.

    J = mean over images of softplus(-(g+ + gamma+ - theta)), plus the mean over the image's
    wrong labels of softplus(g- + gamma- - theta).

    References
    ----------
    Lorberbom et al., arXiv 2305.12393, equations 4-6 and 8. Their text says that the negative
    step is the positive one with the opposite sign; this is Hinton's form, whose negative step
    vanishes once the negative is rejected.
    """

    by_image = of_sum = True

    theta: float  # the threshold: goodness above it reads as "true label"

    def __call__(self, goodness: Array, gamma: Array | float) -> tuple[float, Array]:
        logit = goodness + gamma - self.theta  # (N, R)
        images, rows = goodness.shape
        true, wrong = logit[:, :1], logit[:, 1:]
        value = softplus(-true).mean() + softplus(wrong).mean()
        coefficient = np.empty_like(goodness)
        coefficient[:, :1] = -sigmoid(-true) / images
        coefficient[:, 1:] = sigmoid(wrong) / (images * (rows - 1))
        return float(value), coefficient


@dataclass(frozen=True)
class LiteralSigmoidGoodness:
    """The negative step as the paper's text has it: the positive one with the opposite sign.

    J = mean over images of softplus(-(g+ + gamma+ - theta)), minus the mean over the image's
    wrong labels of softplus(-(g- + gamma- - theta)). An ablation: the negative step is largest
    where the negative is already rejected, and never vanishes.
    """

    by_image = of_sum = True

    theta: float

    def __call__(self, goodness: Array, gamma: Array | float) -> tuple[float, Array]:
        logit = goodness + gamma - self.theta  # (N, R)
        images, rows = goodness.shape
        losses = softplus(-logit)
        coefficient = sigmoid(-logit)
        coefficient[:, :1] /= -images
        coefficient[:, 1:] /= images * (rows - 1)
        return float(losses[:, :1].mean() - losses[:, 1:].mean()), coefficient
