"""Forward-Forward: every layer has its own objective, and every layer votes."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from ffnp.backends.activity import Array, Product
from ffnp.collaboration import LayerObjective
from ffnp.labels import every_label
from ffnp.methods.base import Method, Source
from ffnp.network import Batch, Network


class ForwardForward(Method):
    """A network of layers that learn locally, with one objective and its gamma.

    Parameters
    ----------
    network : Network
    objective : LayerObjective
    rows : int
        R, label rows an image in training.
    """

    def __init__(self, network: Network, objective: LayerObjective, rows: int) -> None:
        self.network = network
        self.objective = objective
        self.rows = rows
        self.parameters = network.parameters
        self.depth = self.losses = network.depth

    def training_batch(self, images: int) -> Batch:
        """Buffers to train on `images` images at a time."""
        return self.network.cut(self.network.batch(images, self.rows, training=True))

    def scoring_batch(self, images: int) -> Batch:
        """Buffers to score every label of `images` images at a time."""
        network = self.network
        batch = network.cut(network.batch(images, network.classes, training=False))
        batch.take(network.backend.to_device(every_label(images, network.classes)))
        return batch

    def forward(self, batch: Batch, start: int = 0, stop: int | None = None) -> None:
        """Forward pass of layers `start`..`stop` - 1 (from 0)."""
        forward = self.network.forward
        self.network.backend.run([partial(forward, part, start, stop) for part in batch.parts])

    def evaluate(self, batch: Batch, totals: Array) -> None:
        """Coefficients of the first `len(totals) - 1` layers; see `Backend.evaluate`."""
        layers = len(totals) - 1
        self.network.backend.evaluate(
            self.objective, batch.goodness[:layers], batch.coefficients[:layers], totals
        )

    def gradient(self, batch: Batch, layers: Sequence[int]) -> list[Product]:
        """Local gradients of some layers (from 0); see `Method.gradient`."""
        delta = self.network.delta
        self.network.backend.run([partial(delta, part, layers) for part in batch.parts])
        return self.network.gradient(batch, layers)

    def learn(
        self,
        batch: Batch,
        source: Source,
        totals: Array,
        layers: Sequence[int],
        stop: int | None = None,
    ) -> list[Product]:
        """See `Method.learn`: each part goes all the way to its deltas before they meet."""
        if not batch.cuts or not self.objective.by_image:
            return super().learn(batch, source, totals, layers, stop)
        sums = [np.zeros_like(totals) for _ in batch.cuts]

        def learn(part: Batch, out_sums: Array) -> None:
            source.fill(part)
            self.network.forward(part, source.start, stop)
            self.evaluate(part, out_sums)
            # J is a mean over the whole batch
            part.coefficients[: len(totals) - 1] *= len(part.x) / len(batch.x)
            self.network.delta(part, layers)

        self.network.backend.run(
            [partial(learn, part, own) for part, own in zip(batch.cuts, sums, strict=True)]
        )
        for own in sums:
            totals += own
        return self.network.gradient(batch, layers)

    def scores(self, batch: Batch) -> Array:
        """(L, N, K) goodness of each layer for each label: every layer is a voter."""
        return batch.goodness
