"""How much of a late epoch is saved by leaving out label rows that add nothing to a gradient.

    python benchmarks/late_epoch.py --recipe best --epochs 10

A network is trained on MNIST, part of it if `--limit-train` says so; then its last step is
repeated at a rate of 0, with all label rows and without those whose coefficient is lost beside
the greatest (`Backend.lean`), in turn. The two gradients are compared first.
"""

from functools import partial
from typing import Any
from unittest.mock import patch

import click
import numpy as np

import ffnp
from ffnp.backends.reference import Backend
from ffnp.backends.selection import make_backend
from ffnp.bench import close, interleaved, machine
from ffnp.model import DataDescription, Model
from ffnp.training.trainer import Trainer


class LastStep:
    """The last step of a training again and again, at a rate of 0; each returns the gradient."""

    def __init__(self, config: ffnp.Config) -> None:
        dataset = ffnp.load("mnist").limited(config.limit_train, None)
        data = DataDescription.of(dataset, config)
        model = Model.create(config, data, make_backend(config.backend))
        trainer = Trainer(model, dataset.train)
        for _ in trainer.run():
            pass
        self._model, self._schedule, self._source = model, trainer.schedule, trainer._source
        self._totals = trainer._totals
        self.batch = next(iter(trainer._buffers.values()))

    def lean(self) -> Any:
        """Without the rows that add nothing."""
        self._schedule.step(self.batch, self._source, self._totals, phase=0, lr=0.0)
        return self._model.method.parameters.flat_gradient

    def whole(self) -> Any:
        """With all rows."""
        backend = self._model.backend
        with patch.object(backend, "lean", partial(Backend.lean, backend)):
            return self.lean()


@click.command(help=__doc__)
@click.option("--recipe", default="best", show_default=True)
@click.option("--backend", "names", multiple=True, default=("numpy", "numba"), show_default=True)
@click.option("--epochs", default=10, show_default=True)
@click.option("--limit-train", type=int, help="Training images.")
@click.option("--rounds", default=100, show_default=True, help="Steps a median is taken of.")
def main(
    recipe: str, names: tuple[str, ...], epochs: int, limit_train: int | None, rounds: int
) -> None:
    """Train, compare, time, print."""
    click.echo("\n".join(f"{key}: {value}" for key, value in machine().items()))
    for name in names:
        options = ffnp.recipe(recipe) | dict(epochs=epochs, limit_train=limit_train, backend=name)
        step = LastStep(ffnp.Config(**options))
        close(step.lean().copy(), step.whole(), "the gradient without rows that add nothing")
        coefficients = step.batch.coefficients
        kept = np.count_nonzero(coefficients, axis=(1, 2)) / coefficients[0].size
        seconds = interleaved({"all": step.whole, "lean": step.lean}, rounds)
        shares = ", ".join(f"{share:.0%}" for share in kept)
        click.echo(
            f"{name}: rows left {shares} (layer by layer); a step {1e3 * seconds['all']:.2f} ms "
            f"with all rows, {1e3 * seconds['lean']:.2f} without: "
            f"{seconds['lean'] / seconds['all']:.3f} of the time"
        )


if __name__ == "__main__":
    main()
