"""Exercises of the fourth notebook: functional entropy and its parts."""

from typing import Any

import numpy as np

from ffnp.exercises.checking import Compared

Random = np.random.Generator


def _ent(h: Any) -> Any:
    h = np.asarray(h)
    return (h * np.log(np.where(h > 0, h, 1) / h.mean())).sum() / h.size


def _some_zero(random: Random) -> dict[str, Any]:
    h = random.gamma(2.0, 3.0, 12)
    h[[2, 7]] = 0
    return {"h": h}


def _without_mean(h: Any) -> Any:
    return (h * np.log(np.where(h > 0, h, 1))).mean()


entropy = Compared(
    draw=_some_zero,
    right=_ent,
    mistakes={
        "0 log 0 is NaN here: it counts as 0": lambda h: (h * np.log(h / h.mean())).mean(),
        "rows of goodness 0 are left out of the mean: they count, with 0": (
            lambda h: _ent(h[h > 0])
        ),
        "it is a sum: Ent is the mean over the rows": lambda h: len(h) * _ent(h),
        "the mean is missing in the logarithm: h log(h / mean h)": _without_mean,
        "the sign is turned: Ent[h] = mean of h log(h / mean h) is never below 0": (
            lambda h: -_ent(h)
        ),
        "it is Shannon's entropy of h / sum h: another thing, largest where all are equal": (
            lambda h: -(h / h.sum() * np.log(np.where(h > 0, h, 1) / h.sum())).sum()
        ),
        "goodness is scaled first: Ent[h] grows with h, and h / mean h does not": (
            lambda h: _ent(h / h.mean())
        ),
        "log is of base 2: the natural one is meant, np.log": lambda h: _ent(h) / np.log(2),
    },
)


def _parts(goodness: Any) -> tuple[Any, Any]:
    return _ent(goodness.mean(axis=1)), np.mean([_ent(layer) for layer in goodness])


decomposition = Compared(
    draw=lambda random: {"goodness": random.gamma(2.0, [[1.0], [4.0], [2.0]], (3, 20))},
    right=_parts,
    mistakes={
        "the two are exchanged: between the layers comes first": (
            lambda goodness: _parts(goodness)[::-1]
        ),
        "within is the sum over layers: it is their mean": (
            lambda goodness: (_parts(goodness)[0], len(goodness) * _parts(goodness)[1])
        ),
        "within has the mean of all goodness in its logarithm: each layer has its own mean": (
            lambda goodness: (_parts(goodness)[0], _ent(goodness))
        ),
        "between is of layers' sums: it is the entropy of their means": (
            lambda goodness: (_ent(goodness.sum(axis=1)), _parts(goodness)[1])
        ),
        "axes are exchanged: goodness is (layers, rows)": lambda goodness: _parts(goodness.T),
        "between is of the rows' means: it is of the layers', axis=1": (
            lambda goodness: (_ent(goodness.mean(axis=0)), _parts(goodness)[1])
        ),
    },
)

relative = Compared(
    draw=lambda random: {"goodness": random.gamma(2.0, 3.0, (6, 4))},
    right=lambda goodness: goodness / goodness.mean(axis=1, keepdims=True),
    mistakes={
        "it divides by the whole batch's mean: each image has its own, axis=1": (
            lambda goodness: goodness / goodness.mean()
        ),
        "it divides by a label's mean over images: each image has its own, axis=1": (
            lambda goodness: goodness / goodness.mean(axis=0)
        ),
        "it divides by the sum: by the mean, so that equal goodness gives 1": (
            lambda goodness: goodness / goodness.sum(axis=1, keepdims=True)
        ),
        "it is the softmax: divide goodness itself, not its exponential": (
            lambda goodness: np.exp(goodness) / np.exp(goodness).sum(axis=1, keepdims=True)
        ),
        "it subtracts the mean: divide by it": (
            lambda goodness: goodness - goodness.mean(axis=1, keepdims=True)
        ),
    },
)
