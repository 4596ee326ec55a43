"""Exercises of the third notebook: what layers hear, and what a vote mends and spoils."""

from typing import Any

import numpy as np

from ffnp.exercises.checking import Compared

Random = np.random.Generator


def _goodness(random: Random) -> dict[str, Any]:
    return {"goodness": random.uniform(0, 9, (4, 3, 2))}


def _previous(goodness: Any) -> Any:
    return np.cumsum(goodness, axis=0) - goodness


def _next(goodness: Any) -> Any:
    return goodness.sum(axis=0) - np.cumsum(goodness, axis=0)


def _others(goodness: Any) -> Any:
    return goodness.sum(axis=0) - goodness


def _below(goodness: Any) -> Any:
    return np.concatenate([np.zeros_like(goodness[:1]), goodness[:-1]])


_ITSELF = "a layer hears itself too: its own goodness is in the logit already"

gamma_others = Compared(
    draw=_goodness,
    right=_others,
    mistakes={
        _ITSELF: lambda goodness: np.broadcast_to(goodness.sum(axis=0), goodness.shape),
        "it is the sum over all layers, one for all: each layer's is without itself": (
            lambda goodness: goodness.sum(axis=0)
        ),
        "it is the mean of the others: gamma is their sum": (
            lambda goodness: _others(goodness) / (len(goodness) - 1)
        ),
        "only the layers below are heard: `others` are those above, too": _previous,
        "only the layers above are heard: `others` are those below, too": _next,
        "the sum goes over the images: each row has its own gamma, sum over axis=0": (
            lambda goodness: goodness.sum(axis=1, keepdims=True) - goodness
        ),
        "the labels of an image are mixed: a row's gamma comes from that row": (
            lambda goodness: goodness.sum(axis=2, keepdims=True) - goodness
        ),
    },
)

gamma_previous = Compared(
    draw=_goodness,
    right=_previous,
    mistakes={
        _ITSELF: lambda goodness: np.cumsum(goodness, axis=0),
        "the layers above are heard: `previous` are those below": _next,
        "only the one layer below is heard: `previous` are all below, added up": _below,
        "all others are heard: `previous` are those below alone": _others,
        "it is the mean of those below: gamma is their sum": (
            lambda goodness: (
                _previous(goodness) / np.maximum(np.arange(len(goodness)), 1)[:, None, None]
            )
        ),
    },
)


def _votes(random: Random) -> dict[str, Any]:
    labels = random.integers(0, 4, 60)
    first, vote = (
        np.where(random.uniform(size=60) < share, labels, (labels + 1) % 4) for share in (0.6, 0.8)
    )
    return {"first": first, "vote": vote, "labels": labels}


def _counted(first: Any, vote: Any, labels: Any) -> tuple[Any, Any]:
    was, now = first == labels, vote == labels
    return (~was & now).sum(), (was & ~now).sum()


def _shares(first: Any, vote: Any, labels: Any) -> tuple[Any, Any]:
    mended, spoiled = _counted(first, vote, labels)
    return 100 * mended / len(labels), 100 * spoiled / len(labels)


mended_and_spoiled = Compared(
    draw=_votes,
    right=_shares,
    mistakes={
        "the two are exchanged: mended comes first": (
            lambda first, vote, labels: _shares(first, vote, labels)[::-1]
        ),
        "they are numbers of images: give them in % of all": _counted,
        "they are shares of 1: give them in %": (
            lambda first, vote, labels: tuple(s / 100 for s in _shares(first, vote, labels))
        ),
        "each is a share of other images: both in % of all images, so that they can be compared": (
            lambda first, vote, labels: (
                100 * ((first != labels) & (vote == labels)).sum() / (first != labels).sum(),
                100 * ((first == labels) & (vote != labels)).sum() / (first == labels).sum(),
            )
        ),
        "an image that changes its vote need not be mended: compare with `labels`": (
            lambda first, vote, labels: (
                100 * (first != vote).mean(),
                100 * (first == vote).mean(),
            )
        ),
    },
)
