"""What the two baselines share: buffers for the chain rule, and no normalisation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ffnp.backends.activity import Activity, Array
from ffnp.backends.base import Backend
from ffnp.network import Batch


@dataclass(kw_only=True)
class ChainBatch(Batch):
    """A batch's buffers, with those of the way back.

    Attributes
    ----------
    inputs : list of Activity, one a layer
        What each layer reads: x or its predecessor's values, with a scale of 1.
    logits : (N, K) array
        Product of the output layer, then dJ/dlogits; empty without an output layer.
    """

    inputs: Sequence[Activity]
    logits: Array


def chain_batch(backend: Backend, batch: Batch, outputs: int) -> ChainBatch:
    """Add to a network's batch the buffers of the chain rule and of `outputs` logits."""
    dtype, (images, rows) = batch.x.dtype, batch.labels.shape
    ones = backend.to_device(np.ones((images, rows), dtype))
    pixels = Activity(batch.x[:, None, :], None, None, batch.goodness[0], ones)
    hidden = [replace(activity, scale=ones) for activity in batch.activities]
    return ChainBatch(
        **vars(batch),
        inputs=[pixels, *hidden],
        logits=backend.empty((images, outputs), dtype),
    )
