"""One seed fixes everything: independent host streams by purpose and epoch.

Streams are made afresh for each epoch from (seed, purpose, epoch), never carried along: a resumed
run needs no saved random state, and every backend sees the same numbers.
"""

from typing import NamedTuple

import numpy as np

INITIALISATION, SHUFFLE, NEGATIVES, ANALYSIS, DROPOUT, VIEWS = range(6)
PHILOX_BYTES = 32  # of a block: four words of 64 bits


def stream(seed: int, purpose: int, epoch: int = 0) -> np.random.Generator:
    """The random stream of one purpose in one epoch."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, epoch)))


class Draw(NamedTuple):
    """Names random numbers that are drawn on the device: key and counter of Philox 4x64-10."""

    key: tuple[int, int]  # two words of 64 bits, from the seed
    step: int  # of the training
    site: int  # of the network: 0 the images, i layer i


class Drop(NamedTuple):
    """What is left out of some rows: the arguments of `Backend.draw_kept` but the last."""

    draw: Draw
    first: int
    rate: float
    value: float


def dropout_key(seed: int) -> tuple[int, int]:
    """The key of a run's dropout."""
    sequence = np.random.SeedSequence(seed, spawn_key=(DROPOUT,))
    first, second = sequence.generate_state(2, np.uint64).tolist()
    return first, second


def dropout_steps(rate: float) -> int:
    """A rate as a number of 256ths, 1 at least: a byte below it drops its entry."""
    return max(1, round(256 * rate))
