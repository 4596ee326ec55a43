"""One seed fixes everything: independent host streams by purpose and epoch.

Streams are made afresh for each epoch from (seed, purpose, epoch), never carried along: a resumed
run needs no saved random state, and every backend sees the same numbers.
"""

import numpy as np

INITIALISATION, SHUFFLE, NEGATIVES, ANALYSIS = range(4)


def stream(seed: int, purpose: int, epoch: int = 0) -> np.random.Generator:
    """The random stream of one purpose in one epoch."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, epoch)))
