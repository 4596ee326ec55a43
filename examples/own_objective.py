"""An objective of your own: a pure function of goodness, checked, then trained.

    python examples/own_objective.py

An objective is all that a layer needs to know of what it learns: from (N, R) goodness, true label
in column 0, and gamma, it gives a value and the coefficient dJ/dg. This one is a hinge.
"""

import argparse
from dataclasses import dataclass

import numpy as np

import ffnp
from ffnp.backends.selection import make_backend
from ffnp.collaboration import LayerObjective
from ffnp.model import DataDescription, Model
from ffnp.training import Trainer


@dataclass(frozen=True)
class Hinge:
    """J = mean over images of max(0, margin - (G+ - G-)), with G = goodness + gamma."""

    by_image = True  # a mean over images: a batch may be evaluated in parts

    margin: float = 20.0

    def __call__(self, goodness, gamma):
        """See `ffnp.objectives.base.Objective`."""
        logit = goodness + gamma
        images, rows = logit.shape
        gap = self.margin - (logit[:, :1] - logit[:, 1:])  # (N, R - 1)
        active = (gap > 0).astype(goodness.dtype) / (images * (rows - 1))
        coefficient = np.empty_like(goodness)
        coefficient[:, 1:] = active
        coefficient[:, 0] = -active.sum(axis=1)
        return float(np.maximum(gap, 0).mean()), coefficient


def worst_slope(objective, images=5, rows=3, step=1e-6):
    """Largest difference between the coefficient and the slope of the value."""
    random = np.random.default_rng(0)
    goodness, gamma = random.uniform(0, 30, (2, images, rows))
    _, coefficient = objective(goodness, gamma)
    worst = 0.0
    for index in np.ndindex(goodness.shape):
        up, down = goodness.copy(), goodness.copy()
        up[index] += step
        down[index] -= step
        slope = (objective(up, gamma)[0] - objective(down, gamma)[0]) / (2 * step)
        worst = max(worst, abs(slope - coefficient[index]))
    return worst


def main(images, epochs):
    """Check the objective, then train with it; the test error of the vote, in %."""
    objective = Hinge()
    print(f"coefficient against finite differences: {worst_slope(objective):.1e}")
    config = ffnp.Config(limit_train=images, epochs=epochs, lr_schedule="linear")
    data = ffnp.load("mnist").limited(images, None)
    model = Model.create(config, DataDescription.of(data, config), make_backend("auto"))
    model.method.objective = LayerObjective(objective, gamma="others")
    trainer = Trainer(model, data.train)
    for position in trainer.run():
        if position.batch == trainer.batches:
            losses, error = trainer.losses()
            print(f"epoch {position.epoch + 1}: loss {losses[0]:.3f}, training error {error:.1f}%")
    test = ffnp.evaluate(model, data.test)
    print(f"test error: layers {test.layers}, vote {test.all}")
    return test.all


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=10)
    main(**vars(parser.parse_args()))
