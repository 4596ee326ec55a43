"""Prediction and its errors: every layer votes for a label with its goodness."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.data.arrays import Images
from ffnp.data.dataset import Split
from ffnp.errors import InputError, TrainingError, expect
from ffnp.model import Model
from ffnp.network.network import Batch
from ffnp.scoring.sweep import check_candidates, sweep

Scores = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Errors on one split, in % of its images.

    Attributes
    ----------
    all : float
        Of the vote of all chosen layers together.
    layers : list of float
        Of each chosen layer alone.
    groups : list of float
        Of the first 1, 2, ... chosen layers together; the last is `all`.
    confusion : (K, K) int array
        Images by true label (row) and predicted label (column).
    names : list of str
        Of the classes, in the order of the rows and columns; numbers where they have none.
    """

    all: float
    layers: list[float]
    groups: list[float]
    confusion: NDArray[np.int64]
    names: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """A line: the error of the vote, and of each layer."""
        layers = ", ".join(f"{error:.2f}" for error in self.layers)
        alone = f"; layers alone {layers}" if len(self.layers) > 1 else ""
        return f"error {self.all:.2f}% of {int(self.confusion.sum())} images{alone}"

    def __repr__(self) -> str:
        return f"<Evaluation: {self.summary}>"

    def _repr_html_(self) -> str:
        lines = [
            f"<tr><td>{i}</td><td>{alone:.2f}</td><td>{group:.2f}</td></tr>"
            for i, (alone, group) in enumerate(zip(self.layers, self.groups, strict=True), start=1)
        ]
        head = "<tr><th>voter</th><th>alone, %</th><th>with those before it, %</th></tr>"
        return f"<p>{self.summary}</p><table>{head}{''.join(lines)}</table>"

    def to_dict(self) -> dict[str, Any]:
        """The errors as plain values for JSON."""
        return {"all": self.all, "layers": self.layers, "groups": self.groups}


def scores(
    model: Model,
    images: Any,
    layers: Iterable[int] | None = None,
    name: str = "the input",
) -> Iterator[Scores]:
    """Score every label of every image, block by block.

    Parameters
    ----------
    model : Model
    images : (N, D) array-like, or (N, ...) of the shape of the data set's
        As the data set stores them: 0..255, or floats.
    layers : iterable of int, optional
        Which layers vote, from 1 (default: all).
    name : str
        What the images are, to begin messages.

    Yields
    ------
    (V, n, K) array
        Goodness of each voting layer for each label of the next n images; for a baseline, the
        one output's scores (V = 1).

    Raises
    ------
    InputError
        If a layer does not exist or cannot vote, or images do not fit the model.
    TrainingError
        If a score is NaN or infinite.

    Warns
    -----
    InputWarning
        Images are unlike those that the model learned from.
    """
    chosen, flat = _voters(model, layers), model.data.flat(images, name)
    return (found for found, _ in _scores(model, flat, chosen, name))


def _scores(
    model: Model,
    images: Images,
    voters: Sequence[int],
    name: str,
    candidates: int | None = None,
) -> Iterator[tuple[Scores, Labels]]:
    """Scores (V, n, M) of the next images' labels (n, M), or of all labels (K,)."""
    start, layers = 0, max(voters) + 1 if model.method.losses > 1 else None
    every = np.arange(model.data.classes)
    for batch in sweep(model, images, layers, name, candidates):
        labels = every if candidates is None else model.backend.to_host(batch.labels)
        yield scores_of(model, batch, voters, start), labels
        start += len(batch.x)


def _called(labels: Labels, places: NDArray[np.int64]) -> Labels:
    """The labels at places (..., n) of labels (n, M), or of all labels (K,)."""
    return labels[places] if labels.ndim == 1 else labels[np.arange(len(labels)), places]


def scores_of(model: Model, batch: Batch, voters: Sequence[int], start: int) -> Scores:
    """Scores (V, n, K) of a batch by some voters (from 0), on the host, after a forward pass.

    Raises
    ------
    TrainingError
        If one is NaN or infinite; `start` is the number of the batch's first image.
    """
    found: Scores = model.backend.to_host(model.method.scores(batch))[voters]
    if not np.isfinite(found).all():
        raise TrainingError(
            f"a score of images {start}..{start + len(batch.x) - 1} is NaN or infinite: "
            "clean the images, or train again with a lower learning rate"
        )
    return found


def candidate_scores(
    model: Model,
    images: Any,
    candidates: int | None,
    layers: Iterable[int] | None = None,
    name: str = "the input",
) -> Iterator[tuple[Scores, Labels]]:
    """Score the `candidates` labels of each image that the first layer has most goodness for.

    With many classes the others cost most of the time, and hardly ever win; None: of every label.
    See `scores`.

    Yields
    ------
    (V, n, M) array
        Goodness of each voting layer for M labels of each of the next n images.
    (n, M) int array
        The labels: the first layer's best one first; without candidates all, in their order.

    Raises
    ------
    InputError
        As `scores`; or if the method is no Forward-Forward.
    """
    chosen, narrowed = _voters(model, layers), check_candidates(model, candidates)
    flat = model.data.flat(images, name)
    for found, labels in _scores(model, flat, chosen, name, narrowed):
        yield found, np.broadcast_to(labels, found.shape[1:])


def predict(
    model: Model,
    images: Any,
    layers: Iterable[int] | None = None,
    candidates: int | None = None,
) -> NDArray[np.int64]:
    """The label of each image, (N,), by the vote of all chosen layers; see `scores`.

    `candidates`: the layers vote only on so many labels of each image, those that the first layer
    has most goodness for (default: on all). `model.data.called(labels)` gives the names of their
    classes.
    """
    chosen, narrowed = _voters(model, layers), check_candidates(model, candidates)
    found = _scores(model, model.data.flat(images, "the input"), chosen, "the input", narrowed)
    blocks = [_called(labels, each.sum(axis=0).argmax(axis=1)) for each, labels in found]
    return np.concatenate([np.empty(0, np.int64), *blocks])


def evaluate(
    model: Model,
    split: Split,
    layers: Iterable[int] | None = None,
    candidates: int | None = None,
) -> Evaluation:
    """Predict a split by the vote of all chosen layers, of each alone and of groups.

    Parameters
    ----------
    model : Model
    split : Split
    layers : iterable of int, optional
        Which layers vote, from 1 (default: all).
    candidates : int, optional
        They vote only on so many labels of each image: those that the first layer has most
        goodness for (default: on all).

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If a layer does not exist, or images or labels do not fit the model; or if there are
        candidates, and the method is no Forward-Forward.
    """
    voters, classes = _voters(model, layers), model.data.classes
    narrowed = check_candidates(model, candidates)
    split = model.data.check(split)
    wrong: NDArray[np.int64] | int = 0
    confusion = np.zeros((classes, classes), np.int64)
    start = 0
    for found, labels in _scores(model, split.images, voters, split.name, narrowed):
        true = split.labels[start : start + found.shape[1]]
        best = np.stack([found, np.cumsum(found, axis=0)]).argmax(axis=3)  # (2, V, n)
        votes = _called(labels, best)
        wrong = wrong + (votes != true).sum(axis=2)
        np.add.at(confusion, (true, votes[1, -1]), 1)
        start += len(true)
    alone, groups = 100 * np.asarray(wrong) / len(split)
    names = model.data.called(range(classes))
    return Evaluation(float(groups[-1]), alone.tolist(), groups.tolist(), confusion, names)


def _voters(model: Model, layers: Iterable[int] | None) -> list[int]:
    """The voting layers, from 0, of some from 1."""
    expect("the model", model, Model, "ffnp.load_model(folder) gives one")
    voters = model.method.losses
    if layers is None:
        return list(range(voters))
    expect("layers", layers, Iterable, "give a list, e.g. [1, 3]")
    chosen = list(layers)
    for layer in chosen:
        expect("a voting layer", layer, int | np.integer, "give its number, from 1")
        if not 1 <= layer <= voters:
            raise InputError(f"layer {layer} cannot vote: this model has voters 1..{voters}")
    if not chosen or len(set(chosen)) < len(chosen):
        raise InputError(f"voting layers {chosen}: name each one once, at least one")
    return [int(layer) - 1 for layer in chosen]
