"""A training in memory, on rows of numbers, that may be gone on with: what `ffnp.sklearn` calls."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.backends.selection import make_backend
from ffnp.config import OWN, Config
from ffnp.data.dataset import Split
from ffnp.errors import InputError
from ffnp.model import DataDescription, Model
from ffnp.objectives import Objective
from ffnp.runs.experiment import go_through, warn_of_idle
from ffnp.runs.stopping import Best
from ffnp.runs.watching import Watcher
from ffnp.scoring.evaluation import scores
from ffnp.training.optimizers import Earlier
from ffnp.training.trainer import NOTHING, Trainer

NAME = "X"  # of the rows, in messages
# What may be another when a training is gone on with: nothing that weights or moments depend on.
MAY_CHANGE = {
    "lr", "momentum", "weight_decay", "lr_schedule", "epochs", "batch_size", "validation",
    "patience", "keep", "backend", "device",
}  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Rows to learn from, each once, in an order that is theirs.

    Attributes
    ----------
    x : (N, D) float32 array
    labels : (N,) int array
    weight : (N,) float64 array
        Of which the mean is 1.
    """

    x: NDArray[np.float32]
    labels: NDArray[np.int64]
    weight: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        x: NDArray[np.float32],
        labels: NDArray[np.int64],
        weight: NDArray[np.float64],
    ) -> "Rows":
        """Equal rows are one, of all their weights; those of weight 0 are left out.

        So a row of weight 2 is the row twice, and neither the order of rows nor how they are
        repeated moves a bit of what is learned from them.
        """
        kept = np.flatnonzero(weight)
        x = x[kept] + np.float32(0)  # -0 is 0
        keys = [
            blake2b(row.tobytes() + label.tobytes(), digest_size=16).digest()
            for row, label in zip(x, labels[kept], strict=True)
        ]
        words = np.frombuffer(b"".join(keys), ">u8").reshape(-1, 2)
        _, first, which = np.unique(words, axis=0, return_index=True, return_inverse=True)
        sums = np.bincount(which.reshape(-1), weight[kept])
        return cls(x[first], labels[kept][first], sums / sums.mean())

    def __len__(self) -> int:
        return len(self.x)

    def some(self, index: Any) -> "Rows":
        """Some of them; the mean of their weights is 1 again."""
        weight = self.weight[index]
        return Rows(self.x[index], self.labels[index], weight / weight.mean())

    def split(self) -> Split:
        """As the trainer takes them, without weights that are all 1."""
        even = bool((self.weight == 1).all())
        return Split(self.x, self.labels, NAME, sample_weight=None if even else self.weight)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained model, and what it takes to go on.

    Attributes
    ----------
    model : Model
    earlier : Earlier
    metrics : list of dict
        The records of all epochs; see `ffnp.runs.experiment.Result`.
    epoch : int
        Which epoch's weights the model has, from 1, over all trainings.
    """

    model: Model
    earlier: Earlier
    metrics: list[dict[str, Any]]
    epoch: int

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """(V, N, K): what each voter gives each label of each row, as `ffnp.scores`, in float64.

        In float32 the last bits of a row's goodness would depend on the rows beside it.
        """
        return np.concatenate(list(scores(self._scorer, x, name=NAME)), axis=1)

    @cached_property
    def _scorer(self) -> Model:
        """The model in float64."""
        config = replace(self.model.config, dtype="float64")
        double = Model.create(config, self.model.data, self.model.backend)
        weights = self.model.weights().items()
        double.method.parameters.load({name: each.astype(np.float64) for name, each in weights})
        return double

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


def configured(options: Mapping[str, Any], rows: int) -> tuple[Config, Objective | None]:
    """The configuration of some options, and an objective of one's own if there is one.

    A batch is cut to the rows that there are.
    """
    objective = options.get("objective")
    own = objective if callable(objective) else None
    config = Config(**dict(options) | ({"objective": OWN} if own is not None else {}))
    return replace(config, dataset=NAME, batch_size=min(config.batch_size, rows)), own


def fit(
    options: Mapping[str, Any],
    rows: Rows,
    classes: int,
    held_out: Rows | None = None,
    before: Fitted | None = None,
    watcher: Watcher | None = None,
) -> Fitted:
    """Train on rows, and evaluate on those held out if there are any.

    Parameters
    ----------
    options : mapping
        Of `Config`; its `objective` may be one of your own.
    rows, held_out : Rows
    classes : int
        K: labels are 0..K-1.
    before : Fitted, optional
        To go on with it: weights, optimisers, and the numbers by which the random streams go.
    watcher : Watcher, optional

    Raises
    ------
    InputError
        Options or rows are wrong, or are not those of what is gone on with.
    TrainingError
        The numbers are no longer finite, or the network has died.
    """
    held = {} if held_out is None else {"validation": len(held_out)}
    config, own = configured(dict(options) | held, len(rows))
    Best(config)  # refuses what does not go together
    warn_of_idle(config)
    train = rows.split()
    backend = make_backend(config.backend, config.device)
    if before is None:
        data, earlier, metrics = DataDescription.of_split(train, classes, config), NOTHING, []
    else:
        _check_same(before.model.config, config)
        data, earlier, metrics = before.model.data, before.earlier, before.metrics
    model = Model.create(config, data, backend, own)
    if before is not None:
        model.method.parameters.load(before.model.weights())
    trainer = Trainer(model, train, earlier)
    result = go_through(trainer, None if held_out is None else held_out.split(), watcher=watcher)
    return Fitted(model, trainer.left(), [*metrics, *result.metrics], earlier.epochs + result.epoch)


def _check_same(before: Config, now: Config) -> None:
    """`InputError` if a training cannot go on with another configuration."""
    names = [each.name for each in fields(Config) if each.name not in MAY_CHANGE]
    changed = [name for name in names if getattr(before, name) != getattr(now, name)]
    if changed:
        raise InputError(
            f"{', '.join(changed)} cannot change when a training is gone on with: fit anew, "
            "without warm_start"
        )
    if now.schedule == "layer":
        raise InputError(
            "schedule layer freezes layers as it goes, and cannot be gone on with: fit anew, "
            "without warm_start or partial_fit"
        )
