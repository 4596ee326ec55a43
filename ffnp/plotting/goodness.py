"""Goodness of true and wrong labels, still and moving, and which labels are taken for which."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.errors import InputError, importing
from ffnp.files import write_atomically
from ffnp.plotting.canvas import common_legend, literal, new_figure

TRUE = {"facecolor": "#0072B2", "edgecolor": "black", "alpha": 0.9}
WRONG = {"facecolor": "white", "edgecolor": "black", "hatch": "/////", "alpha": 1.0}
MOVING = (".gif", ".apng")
SECONDS = 0.6  # a frame
NAMED = 12  # classes at most whose numbers are written into a matrix

Goodness = NDArray[np.floating[Any]]


def draw_goodness(axes: Any, scores: Goodness, labels: Any, theta: float | None) -> None:
    """How goodness is distributed, by layer: left true labels, right wrong ones.

    Parameters
    ----------
    axes : matplotlib axes
    scores : (L, N, K) array
        Goodness of each label.
    labels : (N,) array
        The true ones.
    theta : float, optional
        The threshold, where there is one.
    """
    true = np.arange(scores.shape[2]) == np.asarray(labels)[:, None]  # (N, K)
    places = range(1, len(scores) + 1)
    for name, rows, side, style in (
        ("true labels", true, "low", TRUE),
        ("wrong labels", ~true, "high", WRONG),
    ):
        found = axes.violinplot(
            [layer[rows] for layer in scores], places, side=side, widths=0.9, showextrema=False
        )
        for body in found["bodies"]:
            body.set(**style)
        found["bodies"][0].set_label(name)
    if theta is not None:
        axes.axhline(theta, color="black", linewidth=0.8, linestyle="--", label="theta")
    axes.set_xticks(list(places))
    axes.set_xlabel("layer")
    axes.set_ylabel("goodness")


def draw_confusion(axes: Any, confusion: NDArray[np.int64], names: Sequence[str]) -> None:
    """Errors by true label (row) and predicted label (column), in % of the true label's images.

    `names` are the classes', which may be numbers.
    """
    wrong = np.where(np.eye(len(confusion), dtype=bool), 0, confusion)
    shares = 100 * wrong / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="gray_r", vmin=0, vmax=max(shares.max(), 1e-9) * 1.3)
    axes.set_xlabel("predicted label, % of the true label's")
    axes.set_ylabel("true label")
    if len(confusion) > NAMED:
        axes.figure.colorbar(image, ax=axes, label="% of the true label")
        return
    numbers = all(map(str.isdecimal, names))
    axes.set_xticks(range(len(names)), map(literal, names), rotation=0 if numbers else 90)
    axes.set_yticks(range(len(names)), map(literal, names))
    dark = shares.max() * 0.7
    for (row, column), share in np.ndenumerate(shares):
        if confusion[row, column] and row != column:
            colour = "white" if share > dark else "black"
            text = f"{share:.0f}" if share >= 10 else f"{share:.1f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=6, color=colour)


def check_moving(path: Path) -> None:
    """Raise `InputError` unless the name ends in a format of moving pictures."""
    if path.suffix not in MOVING:
        raise InputError(f"{path}: what moves is {' or '.join(MOVING)}: choose such a name")


def animate(
    path: Path, networks: Mapping[str, Mapping[int, Goodness]], labels: Any, theta: float | None
) -> None:
    """Write goodness by epoch as a moving picture: a frame for each epoch that all have.

    Parameters
    ----------
    path : Path
        .gif or .apng.
    networks : dict of name to dict of epochs done to (L, N, K) goodness
    labels : (N,) array
        The true labels.
    theta : float, optional
        The threshold, where there is one.
    """
    check_moving(path)
    epochs = sorted(set.intersection(*[set(each) for each in networks.values()]))
    top = 1.05 * max(float(g.max()) for each in networks.values() for g in each.values())
    frames = [_frame(networks, epoch, labels, theta, top) for epoch in epochs]
    with importing("Pillow", "PIL", "plot"):
        from PIL import Image
    pictures = [Image.fromarray(frame).convert("RGB") for frame in frames]
    content = io.BytesIO()
    first, *rest = pictures
    first.save(
        content, format="GIF" if path.suffix == ".gif" else "PNG", save_all=True,
        append_images=rest, duration=int(1000 * SECONDS), loop=0,
    )  # fmt: skip
    write_atomically(path, content.getvalue())


def _frame(
    networks: Mapping[str, Mapping[int, Goodness]],
    epoch: int,
    labels: Any,
    theta: float | None,
    top: float,
) -> NDArray[np.uint8]:
    """One frame, (height, width, 4)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure, axes = new_figure(1, len(networks))
    figure.suptitle(f"after {epoch} epoch{'s'[: epoch != 1]}", fontsize=10)
    for axis, (name, by_epoch) in zip(axes.flat, networks.items(), strict=True):
        scores = by_epoch[epoch]
        draw_goodness(axis, scores, labels, theta)
        axis.set_ylim(0, top)
        vote, *alone = errors_of(scores, labels)
        layers = ", ".join(f"{each:.0f}" for each in alone)
        axis.set_title(f"{literal(name)}\nvote {vote:.1f}%, alone {layers}%", fontsize=8)
    common_legend(figure)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())


def errors_of(scores: Goodness, labels: Any) -> Sequence[float]:
    """Errors in % of the vote, then of each layer alone, by (L, N, K) goodness."""
    votes = np.concatenate([scores.sum(axis=0)[None], scores]).argmax(axis=2)
    return [float(100 * share) for share in (votes != labels).mean(axis=1)]
