"""Training: epochs of shuffled batches with fresh wrong labels."""

import numpy as np

from ffnp.data.dataset import Split
from ffnp.data.scaling import Scaling
from ffnp.labels import candidate_labels
from ffnp.methods import Method
from ffnp.network import Batch
from ffnp.optimizers import Optimizer
from ffnp.randomness import NEGATIVES, SHUFFLE, stream


class Trainer:
    """The `network` schedule, simultaneous: each batch updates all the layers at once.

    Parameters
    ----------
    method : Method
    optimizer : Optimizer
        Over all the parameters.
    split : Split
    classes : int
    scaling : Scaling
    batch_size, seed : int
    """

    def __init__(
        self,
        method: Method,
        optimizer: Optimizer,
        split: Split,
        classes: int,
        scaling: Scaling,
        batch_size: int,
        seed: int,
    ) -> None:
        self.method, self.optimizer, self.split = method, optimizer, split
        self.classes, self.scaling = classes, scaling
        self.batch_size, self.seed = batch_size, seed
        self._batches: dict[int, Batch] = {}  # by size: the last of an epoch may be smaller

    def epoch(self, number: int, lr: float) -> np.ndarray:
        """Train one epoch; (L + 1,) mean loss of each layer and training error (fraction)."""
        split, method = self.split, self.method
        backend = method.parameters.backend
        order = stream(self.seed, SHUFFLE, number).permutation(len(split))
        labels = candidate_labels(
            split.labels[order], self.classes, method.rows, stream(self.seed, NEGATIVES, number)
        )
        totals = np.zeros(method.depth + 1)
        for start in range(0, len(split), self.batch_size):
            rows = order[start : start + self.batch_size]
            if len(rows) not in self._batches:
                self._batches[len(rows)] = method.training_batch(len(rows))
            batch = self._batches[len(rows)]
            batch.labels = labels[start : start + len(rows)]
            backend.standardise(split.images, rows, self.scaling, out=batch.x)
            method.forward(batch)
            method.evaluate(batch, totals)
            for layer in reversed(range(method.depth)):
                method.gradient(batch, layer)
            self.optimizer.step(lr)
        return totals / len(split)
