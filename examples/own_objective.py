"""An objective of your own: a pure function of goodness and gamma, checked, then trained.

    python examples/own_objective.py
    ffnp train --objective examples/own_objective.py:Hinge

An objective is all that a layer needs to know of what it learns: from (N, R) goodness, true label
in column 0, and gamma, it gives a value and the coefficient dJ/dg. This one is a hinge.
"""

import argparse
import sys
from dataclasses import dataclass

import numpy as np

import ffnp
from ffnp import gradcheck
from ffnp.backends.selection import make_backend
from ffnp_cli.progress import Bars  # those of `ffnp train`


@dataclass(frozen=True)
class Hinge:
    """J = mean over images of max(0, margin - (G+ - G-)), with G = goodness + gamma."""

    by_image = True  # a mean over images: a batch may be evaluated in parts
    of_sum = True  # of goodness + gamma alone: with gamma others, one evaluation serves all layers

    margin: float = 20.0

    def __call__(self, goodness, gamma):
        """See `ffnp.objectives.base.Objective`."""
        total = goodness + gamma
        images, rows = total.shape
        gap = self.margin - (total[:, :1] - total[:, 1:])  # (N, R - 1)
        active = (gap > 0).astype(goodness.dtype) / (images * (rows - 1))
        coefficient = np.empty_like(goodness)
        coefficient[:, 1:] = active
        coefficient[:, 0] = -active.sum(axis=1)
        return float(np.maximum(gap, 0).mean()), coefficient


def worst_error(objective):
    """Largest relative error of a layer's gradient against finite differences, of all gammas."""
    return max(
        result.error
        for case in gradcheck.cases_of("own")
        for result in gradcheck.check(case, make_backend("reference"), objective)
        if result.check == "parameters"
    )


def main(images, epochs):
    """Check the objective, then train with it; the test error of the vote, in %."""
    print(f"gradients against finite differences: {worst_error(Hinge()):.1e}")
    config = ffnp.Config(limit_train=images, epochs=epochs, lr_schedule="linear")
    result = ffnp.train(config, objective=Hinge(), watcher=Bars())
    for epoch in result.metrics:
        print(f"epoch {epoch['epoch']}: wrong pairs of labels {epoch['pair_error']:.1f}%")
    print(f"test error: layers {result.test.layers}, vote {result.test.all}")
    return result.test.all


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=10)
    try:
        main(**vars(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
