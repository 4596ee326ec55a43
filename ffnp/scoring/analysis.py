"""Goodness analysed: functional entropy, means for true and wrong labels, dead units."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.data.dataset import Split
from ffnp.errors import InputError, expect
from ffnp.model import Model
from ffnp.network.labels import candidate_labels
from ffnp.randomness import ANALYSIS, stream
from ffnp.scoring.evaluation import scores_of
from ffnp.scoring.sweep import sweep

KINDS = ("all", "true", "wrong")  # of rows, by label
ROWS = 1000  # images of the sample, evenly over the split

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Entropy:
    """Functional entropy of goodness over layers and rows, and its two parts (equation 12)."""

    total: float  # ent[h] = E[h log(h / E h)], with the layer uniform and independent of the row
    between_layers: float  # ent over layers of each layer's mean goodness
    # ent over rows of each layer's goodness. `total` is `between_layers` plus their mean
    within_layers: list[float]


@dataclass(frozen=True)
class Goodness:
    """Mean and deviation of one layer's goodness, joined with true and with wrong labels."""

    true_mean: float
    true_deviation: float
    wrong_mean: float
    wrong_deviation: float


@dataclass(frozen=True)
class Push:
    """What one layer hears, and how hard it is pushed, joined with true and with wrong labels.

    Attributes
    ----------
    true_gamma, wrong_gamma : float
        Mean of gamma.
    true, wrong : float
        Mean of N |dJ/dg| over the N images, of the objective with one wrong label.
    """

    true_gamma: float
    wrong_gamma: float
    true: float
    wrong: float


@dataclass(frozen=True)
class Analysis:
    """What is measured of a model's goodness on one sample."""

    images: int
    # over all rows, over those with the true label, and over those with a wrong one
    entropy_all: Entropy
    entropy_true: Entropy
    entropy_wrong: Entropy
    goodness: list[Goodness]  # one a layer
    dead_units: list[int]  # one a layer: units that are 0 for every image with every label
    push: list[Push]  # one a layer; none if the objective is one of the user's own

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def functional_entropy(h: Floats) -> float:
    """Ent[h] = mean of h log(h / mean h) over all entries of non-negative h; 0 log 0 is 0.

    References
    ----------
    Lorberbom et al., arXiv 2305.12393, equation 9.
    """
    mean = h.mean()
    positive = h[h > 0]
    if mean == 0:
        return 0.0
    return float((positive * np.log(positive / mean)).sum() / h.size)


def decompose(goodness: Floats) -> Entropy:
    """The functional entropy of goodness (L, M) over L layers and M rows, with its parts.

    References
    ----------
    Lorberbom et al., arXiv 2305.12393, equation 12.
    """
    return Entropy(
        total=functional_entropy(goodness),
        between_layers=functional_entropy(goodness.mean(axis=1)),
        within_layers=[functional_entropy(layer) for layer in goodness],
    )


def analyse(model: Model, split: Split, rows: int = ROWS, layers: int | None = None) -> Analysis:
    """Analyse a model's goodness on images taken evenly from a split.

    Each image is joined with its true label and one wrong label, which the model's seed draws in
    a stream of its own: the same in every call, and no other stream is touched.

    Parameters
    ----------
    model : Model
        Of method `ff` or `collab`.
    split : Split
    rows : int
        How many images.
    layers : int, optional
        How many layers, from the first: those trained so far (default: all).

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        If the model is a baseline, the images or labels do not fit it, or it has no such layers.
    TrainingError
        If a goodness is NaN or infinite.
    """
    expect("the model", model, Model, "ffnp.load_model(folder) gives one")
    if model.config.is_baseline:
        raise InputError(f"{model.config.method} has no goodness of layers to analyse")
    split = model.data.check(split)
    sample = split.spread(rows)
    depth, to_host = model.method.depth, model.backend.to_host
    if layers is not None:
        expect("layers", layers, int | np.integer, f"give how many, 1..{depth}")
        if not 1 <= layers <= depth:
            raise InputError(f"layers is {layers}: give how many, 1..{depth}")
        depth = int(layers)
    labels = candidate_labels(
        sample.labels, model.data.classes, 2, stream(model.config.seed, ANALYSIS)
    )
    found: list[Floats] = []
    alive = [np.zeros(width, bool) for width in model.config.hidden[:depth]]
    start = 0
    for batch in sweep(model, sample.images, depth, split.name):
        both = labels[start : start + len(batch.x)]
        scores = scores_of(model, batch, range(depth), start).astype(np.float64)  # (L, n, K)
        start += len(both)
        found.append(np.take_along_axis(scores, both[None], axis=2))
        for unit, activity in zip(alive, batch.activities[:depth], strict=True):
            unit |= to_host(activity.rows).any(axis=0)
    goodness = np.concatenate(found, axis=1)  # (L, N, 2)
    true, wrong = goodness[:, :, 0], goodness[:, :, 1]
    return Analysis(
        images=len(sample),
        entropy_all=decompose(goodness.reshape(depth, -1)),
        entropy_true=decompose(true),
        entropy_wrong=decompose(wrong),
        goodness=[
            Goodness(float(t.mean()), float(t.std()), float(w.mean()), float(w.std()))
            for t, w in zip(true, wrong, strict=True)
        ],
        dead_units=[int((~units).sum()) for units in alive],
        push=_pushes(model, goodness),
    )


def _pushes(model: Model, goodness: Floats) -> list[Push]:
    """Of each layer, by (L, N, 2) goodness."""
    objective = model.layer_objective
    if objective is None:
        return []
    gammas = objective.gammas(goodness).mean(axis=1)  # (L, 2)
    with np.errstate(over="ignore", invalid="ignore"):
        coefficients = objective.of_layers(goodness)[1] / objective.gain  # (L, N, 2)
    pushes = np.abs(coefficients).sum(axis=1)  # J is a mean over images
    return [Push(*map(float, (*g, *p))) for g, p in zip(gammas, pushes, strict=True)]
