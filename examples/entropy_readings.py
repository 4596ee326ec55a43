"""Readings of the paper's entropy objective that fail, as objectives of one's own.

    python examples/entropy_readings.py

The paper (arXiv 2305.12393, equations 9 and 13) maximises Ent(h) = E[h log(h / E h)] of the
goodness h = g + gamma, over a batch, and does not say how the label enters. These are the obvious
ways. The conditional one learns, slowly; none of the others does. Three reward scale, since
Ent(s h) = s Ent(h), and the normalised one concentrates all goodness on a few rows.
entropy_readings.md has the derivations and what happened in training.
"""

import argparse
import sys
from dataclasses import dataclass

import numpy as np

import ffnp
from ffnp_cli.progress import Bars  # those of `ffnp train`

EPSILON = 1e-8  # of a mean or a logarithm: a silent image divides by this, not by 0
KAPPA = 1e-6  # below it u log u goes on as its tangent, so that its slope stays bounded


def row_signs(goodness):
    """(R,) +1 for the true label's column, -1 for the others."""
    signs = np.full(goodness.shape[1], -1, goodness.dtype)
    signs[0] = 1
    return signs


@dataclass(frozen=True)
class UnsignedEntropy:
    """J = -Ent over all rows of the batch: the label does not enter at all."""

    of_sum = True

    def __call__(self, goodness, gamma):
        h = goodness + gamma + EPSILON
        log = np.log(h / h.mean())
        return -float((h * log).mean()), -log / h.size


@dataclass(frozen=True)
class SignedEntropy:
    """J = -mean over rows of sign h log(h / h_mean), with h_mean held constant.

    Attributes
    ----------
    mean : float, optional
        The constant. Default: each batch's own mean, through which nothing is differentiated; so
        `ffnp gradcheck` passes with a number here, and not without.
    """

    of_sum = True

    mean: float | None = None

    def __call__(self, goodness, gamma):
        h = goodness + gamma + EPSILON
        log = np.log(h / (h.mean() if self.mean is None else self.mean))
        signs = row_signs(goodness)
        return -float((signs * h * log).mean()), -signs * (log + 1) / h.size


@dataclass(frozen=True)
class EntropyDifference:
    """J = Ent(wrong labels' rows) - Ent(true labels' rows), each with its own batch mean."""

    of_sum = True

    def __call__(self, goodness, gamma):
        h = goodness + gamma + EPSILON
        value, coefficient = 0.0, np.empty_like(h)
        for sign, columns in ((-1, slice(0, 1)), (1, slice(1, None))):
            part = h[:, columns]
            log = np.log(part / part.mean())
            value += sign * float((part * log).mean())
            coefficient[:, columns] = sign * log / part.size
        return value, coefficient


@dataclass(frozen=True)
class NormalisedEntropy:
    """J = -mean over rows of sign u log u, u = h / h_mean: no reward for scale."""

    of_sum = True

    def __call__(self, goodness, gamma):
        h = goodness + gamma + EPSILON
        mean = h.mean()
        u = h / mean
        log, signs = np.log(u), row_signs(goodness)
        # In the value this was u_m = h_m / h_mean; so du_m/dh_n = ((m == n) - u_m / M) / h_mean.
        slope = signs * (log + 1)
        return -float((signs * u * log).mean()), (np.mean(slope * u) - slope) / (mean * h.size)


@dataclass(frozen=True)
class ConditionalEntropy:
    """Entropy over the label rows of each image, signed by the label.

    J = -mean over images of f(u+), plus the mean over images and wrong labels of f(u-), where
    u = (g + gamma) / m, m the mean of g + gamma over the image's own rows, and f(u) = u log u.
    Since u does not change when all goodness is scaled, and 0 <= u <= R, the value is bounded and
    rewards no growth.
    """

    by_image = of_sum = True

    def __call__(self, goodness, gamma):
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


def main(images, epochs):
    """Train plain layers with the signed entropy; the test error of the vote, in %."""
    config = ffnp.Config(method="ff", limit_train=images, epochs=epochs)
    result = ffnp.train(config, objective=SignedEntropy(), watcher=Bars())
    for epoch in result.metrics:
        print(f"epoch {epoch['epoch']}: value of layer 1 {epoch['losses'][0]:.1e}")
    print(f"test error {result.test.all}% (chance: 90%): the value falls, but nothing is learned")
    return result.test.all


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=5)
    try:
        main(**vars(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
