"""Forward-Forward: every layer has its own objective, and every layer votes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ffnp.backends.activity import Array, Product
from ffnp.network.candidates import Candidates
from ffnp.network.method import Method
from ffnp.network.network import Batch, Network
from ffnp.network.sharing import split
from ffnp.objectives.collaboration import LayerObjective


class ForwardForward(Method):
    """A network of layers that learn locally, with one objective and its gamma.

    `rows` is R, label rows an image in training. `hardest`: whether its wrong labels are those
    that the first layer finds best, in place of those that a batch has taken.
    """

    def __init__(
        self, network: Network, objective: LayerObjective, rows: int, hardest: bool
    ) -> None:
        super().__init__(network, rows, losses=network.depth)
        self._hardest = hardest
        # a = kept * phi(z), where kept is 0 or the gain: dg/dz = 2 a * gain * phi'(z)
        self.objective = replace(objective, gain=network.gain)
        self.by_image = objective.by_image

    def training_batch(self, images: int) -> Batch:
        batch = split(super().training_batch(images), self.backend)
        return self._choosing(batch, kept=1) if self._hardest else batch

    def scoring_batch(self, images: int) -> Batch:
        return split(super().scoring_batch(images), self.backend)

    def candidates_batch(self, images: int, rows: int) -> Batch:
        """Buffers to score the `rows` labels of each image that the first layer finds best."""
        batch = split(self.network.batch(images, rows, training=False), self.backend)
        return self._choosing(batch, kept=0)

    def _choosing(self, batch: Batch, kept: int) -> Batch:
        """The batch, whose forward pass chooses labels: see `Candidates`."""
        first: Any = self.network.layers[0]  # reads the joined images
        for part in batch.parts:
            part.candidates = Candidates(first, len(part.x), kept)
        return batch

    def evaluate(self, batch: Batch, totals: Array) -> None:
        """Coefficients of the first `len(totals) - 1` layers; see `Backend.evaluate`."""
        goodness, coefficients = batch.goodness, batch.coefficients
        if (layers := len(totals) - 1) < self.depth:
            goodness, coefficients = goodness[:layers], coefficients[:layers]
        self.backend.evaluate(self.objective, goodness, coefficients, totals, batch.sample_weight)

    def delta(self, batch: Batch, layers: Sequence[int]) -> None:
        """See `Method.delta`: each layer's from its own coefficients."""
        self.network.delta(batch, layers)

    def products(self, batch: Batch, layers: Sequence[int]) -> list[Product]:
        """See `Method.products`; label rows that add nothing are left out."""
        coefficients = [batch.layers_coefficients[i] for i in layers]
        return self.backend.lean(coefficients, [self.network.products(batch, [i]) for i in layers])

    def scores(self, batch: Batch) -> Array:
        """(L, N, K) goodness of each layer for each label: every layer is a voter."""
        return batch.goodness
