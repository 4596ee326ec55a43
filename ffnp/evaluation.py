"""Test errors: each layer alone, and each group of the first layers."""

import numpy as np

from ffnp.data.dataset import Split
from ffnp.data.scaling import Scaling
from ffnp.methods import Method


def errors(
    method: Method, split: Split, scaling: Scaling, block: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """Test error in % of (V,) voters alone and of the (V,) groups 1..k; the last is all."""
    backend = method.parameters.backend
    wrong: list[np.ndarray] = []
    batch = method.scoring_batch(min(block, len(split)))
    for start in range(0, len(split), block):
        stop = min(start + block, len(split))
        if stop - start != len(batch.x):
            batch = method.scoring_batch(stop - start)
        backend.standardise(split.images, slice(start, stop), scaling, out=batch.x)
        method.forward(batch)
        scores = backend.to_host(method.scores(batch))  # (V, N, K)
        votes = np.stack([scores, np.cumsum(scores, axis=0)]).argmax(axis=3)  # (2, V, N)
        wrong.append((votes != split.labels[start:stop]).sum(axis=2))
    alone, groups = 100 * np.sum(wrong, axis=0) / len(split)
    return alone, groups
