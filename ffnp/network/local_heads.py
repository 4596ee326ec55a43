"""Local heads: each layer has a linear read-out of its own; no gradient passes between layers."""

from collections.abc import Sequence

from ffnp.backends.activity import Array, Product
from ffnp.network.layers import Output
from ffnp.network.method import Method
from ffnp.network.network import Batch, Network


class LocalHeads(Method):
    """D -> H_1 .. H_L, each layer with a head H_i -> K, by softmax cross-entropy; one row an image.

    A layer learns by the chain rule from its own head, and no further. All heads vote, in one pass.

    Parameters
    ----------
    network : Network
        Of layers without labels, not normalised.
    heads : sequence of Output, one a layer

    Notes
    -----
    The `pred` loss of Noekland and Eidnes (2019), and Mono-Forward (2025).
    """

    def __init__(self, network: Network, heads: Sequence[Output]) -> None:
        super().__init__(network, rows=1, losses=network.depth)
        self.heads = list(heads)

    def training_batch(self, images: int) -> Batch:
        return self._batch(images, training=True)

    def scoring_batch(self, images: int) -> Batch:
        """See `Method.scoring_batch`: every label has its output."""
        return self._batch(images, training=False)

    def _batch(self, images: int, training: bool) -> Batch:
        batch = self.network.batch(images, 1, training)
        batch.logits = [head.activity(batch.goodness[0], training) for head in self.heads]
        return batch

    def forward(self, batch: Batch, start: int = 0, stop: int | None = None) -> None:
        """See `Method.forward`: the layers', and their heads'."""
        stop = self.depth if stop is None else stop
        super().forward(batch, start, stop)
        for i in range(start, stop):
            self.heads[i].forward(batch.activities[i], batch.logits[i])

    def evaluate(self, batch: Batch, totals: Array) -> None:
        """Each head's cross-entropy, and dJ/dlogits in place of its logits.

        The errors that are counted are the last head's.
        """
        for i, (head, logits) in enumerate(zip(self.heads, batch.logits, strict=True)):
            own = totals[i : i + 1] if i + 1 < self.depth else totals[i:]
            self.backend.cross_entropy(
                logits.rows, head.bias, batch.labels[:, 0], own, head.gradient.bias,
                batch.sample_weight,
            )  # fmt: skip

    def delta(self, batch: Batch, layers: Sequence[int]) -> None:
        """See `Method.delta`: each layer's, from its own head."""
        for i in layers:
            self.heads[i].input_gradient(batch.logits[i], batch.activities[i])
            self.network.backward(batch, i)

    def products(self, batch: Batch, layers: Sequence[int]) -> list[Product]:
        """See `Method.products`: the layers', and their heads'."""
        found = super().products(batch, layers)
        for i in layers:
            found += self.heads[i].products(batch.activities[i], batch.logits[i])
        return found

    def scores(self, batch: Batch) -> Array:
        """(L, N, K) logits: every head is a voter."""
        shape = (self.depth, *batch.logits[0].rows.shape)
        scores = self.backend.empty(shape, self.parameters.flat.dtype)
        for i, head in enumerate(self.heads):
            scores[i] = batch.logits[i].rows + head.bias
        return scores
