"""Figures, by Matplotlib: readable in print and without telling red from green."""

import io
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from ffnp.config import Config
from ffnp.errors import InputError, importing
from ffnp.files import write_atomically

# Okabe and Ito's colours, each with a marker and a line style of its own.
STYLES = (
    {"color": "#0072B2", "marker": "o", "linestyle": "-"},
    {"color": "#D55E00", "marker": "s", "linestyle": "--"},
    {"color": "#009E73", "marker": "^", "linestyle": "-."},
    {"color": "#CC79A7", "marker": "D", "linestyle": ":"},
    {"color": "#000000", "marker": "v", "linestyle": "-"},
    {"color": "#E69F00", "marker": "P", "linestyle": "--"},
)
LINES = ("-", "--", "-.", ":")  # in this order in STYLES
MOST_NAMES = 30  # classes that are named in a confusion matrix
SUFFIXES = (".png", ".svg")

Result = Mapping[str, Any]  # with `test_error`, `metrics` and `config`
Line = tuple[str, list[tuple[int, float]], Mapping[str, Any]]  # its name, points by epoch, style


@contextmanager
def drawing() -> Iterator[None]:
    """Inside, Matplotlib draws as it does by itself, whatever the user's matplotlibrc says.

    `InputError` if it cannot draw at all.
    """
    with importing("Matplotlib", "matplotlib", "plot"):
        try:
            from matplotlib import style
            from matplotlib.figure import Figure  # noqa: F401
        except ValueError as error:
            raise InputError(
                f"Matplotlib: {error}: unset MPLBACKEND, or mend your matplotlibrc"
            ) from error
    with style.context("default"):
        yield


def new_figure(rows: int, columns: int) -> tuple[Any, Any]:
    """A figure of (rows, columns) axes, drawn without a display."""
    figure = _figure(rows, columns)
    return figure, figure.subplots(rows, columns, squeeze=False)


def new_parts(*shapes: tuple[int, int]) -> tuple[Any, list[tuple[Any, Any]]]:
    """A figure of parts, one below the other, each with (rows, columns) axes of its own."""
    rows = [rows for rows, _ in shapes]
    figure = _figure(sum(rows), max(columns for _, columns in shapes))
    parts = figure.subfigures(len(shapes), 1, height_ratios=rows, squeeze=False)[:, 0]
    return figure, [
        (part, part.subplots(*shape, squeeze=False))
        for part, shape in zip(parts, shapes, strict=True)
    ]


def _figure(rows: int, columns: int) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(3.6 * columns, 3.0 * rows), layout="constrained")


def check_suffix(path: Path) -> None:
    """Raise `InputError` unless the name ends in a format that is drawn."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: figures are {' or '.join(SUFFIXES)}: choose such a name")


def save(figure: Any, path: Path) -> None:
    """Write a figure as PNG or SVG, by its suffix; the same figure gives the same bytes."""
    from matplotlib import rc_context

    check_suffix(path)
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    content = io.BytesIO()
    # Matplotlib warns of letters that its font lacks, and of more axes than have room.
    with rc_context({"svg.hashsalt": "ffnp"}), warnings.catch_warnings(action="ignore"):
        figure.savefig(content, format=path.suffix[1:], dpi=150, metadata=metadata)
    write_atomically(path, content.getvalue())


def literal(name: str) -> str:
    """Any name as Matplotlib shows it as it is: no formula, no hidden label, all printable."""
    shown = "".join(c if c.isprintable() else "?" for c in name).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def styles() -> Iterator[dict[str, Any]]:
    """STYLES, then the same with other line styles: 24 that differ."""
    for turn in count():
        for i, style in enumerate(STYLES):
            yield {**style, "linestyle": LINES[(i + turn) % len(LINES)]}


def draw_layers(axes: Any, result: Result) -> None:
    """Error of each layer alone, and of the first layers together (the paper's figure 2).

    Of a baseline, whose layers do not vote: that of its output.
    """
    errors = result["test_error"]
    layers = range(1, len(errors["layers"]) + 1)
    axes.set_xticks(list(layers))
    if _config(result).is_baseline:
        axes.plot(layers, errors["layers"], label="output", **STYLES[2])
        axes.set_xticklabels([""])
    else:
        axes.plot(layers, errors["layers"], label="layer alone", **STYLES[0])
        axes.plot(layers, errors["groups"], label="layers 1..k together", **STYLES[1])
        axes.set_xlabel("layer k")
    axes.set_ylabel(f"{_config(result).evaluated} error, %")


def draw_votes(axes: Any, results: Mapping[str, Result]) -> None:
    """Error of the vote of layers 1..k of several networks."""
    errors = list[float]()
    for (name, result), style in zip(results.items(), styles(), strict=False):
        groups = result["test_error"]["groups"]
        axes.plot(range(1, len(groups) + 1), groups, label=literal(name), **style)
        errors += groups
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("vote of layers 1..k")
    axes.set_ylabel(f"{_config(result).evaluated} error, %")
    _error_scale(axes, errors)


def one_scale(axes: Sequence[Any]) -> None:
    """The errors of several pairs of axes, by `draw_layers`, on one scale: they are compared."""
    shown = [axis for axis in axes if axis.has_data()]
    errors = [error for axis in shown for line in axis.lines for error in line.get_ydata()]
    for axis in shown:
        _error_scale(axis, errors)
        axis.set_ylim(min(errors) / 1.2, max(errors) * 1.2 + 0.1)


def draw_curves(axes: Any, results: Mapping[str, Result], training: bool = False) -> None:
    """Error by epoch, where it was recorded; beside it that of the sample of training rows."""
    lines, kinds = list[Line](), set()
    for (name, result), style in zip(results.items(), styles(), strict=False):
        tested = [record for record in result["metrics"] if "test_error" in record]
        points = [(_epoch(r, result), r["test_error"]["all"]) for r in tested]
        lines.append((literal(name), points, style))
        kinds |= {_config(result).evaluated} if points else set()
        sampled = [r for r in tested if training and isinstance(r.get("train_error"), Mapping)]
        points = [(_epoch(r, result), r["train_error"]["all"]) for r in sampled]
        faint = style | {"alpha": 0.5, "markerfacecolor": "none"}
        lines.append((f"{literal(name)}, training rows", points, faint))
    _error_scale(axes, _draw_by_epoch(axes, lines, results))
    axes.set_ylabel(f"{kinds.pop()} error, %" if len(kinds) == 1 else "error, %")


def draw_pairs(axes: Any, results: Mapping[str, Result]) -> None:
    """Pair error by epoch: of how many training images a wrong label of the batch wins."""
    lines = list[Line]()
    for (name, result), style in zip(results.items(), styles(), strict=False):
        # ffnp 0.1 called it train_error.
        points = [
            (_epoch(r, result), r["pair_error" if "pair_error" in r else "train_error"])
            for r in result["metrics"]
        ]
        lines.append((literal(name), points, style))
    _error_scale(axes, _draw_by_epoch(axes, lines, results))
    axes.set_ylabel("pair error, %")


def draw_entropy(axes: Any, results: Mapping[str, Result], kind: str) -> None:
    """Functional entropy of goodness by epoch (the paper's figures 4a to 4c)."""
    lines = list[Line]()
    for (name, result), style in zip(results.items(), styles(), strict=False):
        analysed = [r for r in result["metrics"] if "analysis" in r]
        points = [(_epoch(r, result), r["analysis"][f"entropy_{kind}"]["total"]) for r in analysed]
        lines.append((literal(name), points, style))
    entropies = _draw_by_epoch(axes, lines, results)
    if entropies:
        axes.set_ylim(0, 1.08 * max(*entropies, 1e-9))
    axes.set_ylabel("functional entropy")
    axes.set_title({"all": "all rows", "true": "true labels", "wrong": "wrong labels"}[kind])


def draw_confusion(axes: Any, confusion: Any, names: Sequence[str]) -> None:
    """Images by true (row) and predicted (column) class, each in % of its row."""
    share = 100 * confusion / confusion.sum(axis=1, keepdims=True).clip(1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    if len(names) <= MOST_NAMES:
        places = range(len(names))
        axes.set_xticks(places, map(literal, names), rotation=90, fontsize=7)
        axes.set_yticks(places, map(literal, names), fontsize=7)
        for i, j in zip(*confusion.nonzero(), strict=True):
            color = "white" if share[i, j] > 50 else "black"
            axes.text(j, i, confusion[i, j], ha="center", va="center", fontsize=4, color=color)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")


def units_figure(count: int) -> tuple[Any, Sequence[Any]]:
    """A figure of so many small axes, as square as may be."""
    from matplotlib.figure import Figure

    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    figure = Figure(figsize=(0.8 * across, 0.9 * down), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, list(axes.flat[:count])


def draw_units(axes: Sequence[Any], weights: Any, shape: tuple[int, ...]) -> None:
    """Weights (D, H) from pixels to units as pictures, those of the longest, in their order.

    `shape` is the images': (h, w), or with 1 or 3 channels first or last; `InputError` if it is
    another.
    """
    pictures = _pictures(weights.T, shape)
    longest = np.argsort(-np.linalg.norm(weights, axis=0), kind="stable")[: len(axes)]
    for axis, unit in zip(axes, sorted(longest), strict=True):
        picture = pictures[unit]
        most = np.abs(picture).max() or 1.0
        if picture.ndim == 3:
            axis.imshow(0.5 + 0.5 * picture / most)
        else:
            axis.imshow(picture, cmap="RdBu_r", vmin=-most, vmax=most)
        axis.set_title(str(unit + 1), fontsize=6, pad=1)


def _pictures(rows: Any, shape: tuple[int, ...]) -> Any:
    """(H, D) as (H, h, w), or (H, h, w, 3)."""
    if len(shape) == 2:
        return rows.reshape(-1, *shape)
    if len(shape) == 3 and shape[0] in (1, 3):
        rows, shape = np.moveaxis(rows.reshape(-1, *shape), 1, -1), (*shape[1:], shape[0])
    if len(shape) == 3 and shape[2] in (1, 3):
        pictures = rows.reshape(-1, *shape)
        return pictures if shape[2] == 3 else pictures[..., 0]
    sides = "x".join(map(str, shape))
    raise InputError(f"the run's images are of shape {sides}: only pictures' units can be drawn")


def common_legend(figure: Any) -> None:
    """One legend below all axes of a figure or a part of one, of every line that has a name."""
    named: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure.legend(
        list(named.values()), list(named), loc="outside lower center", fontsize=8,
        ncols=min(len(named), 2 * len(figure.axes)), handlelength=3,
    )  # fmt: skip


def _config(result: Result) -> Config:
    return Config.from_dict(result["config"])


def _error_scale(axes: Any, errors: Sequence[float]) -> None:
    """Logarithmic, where errors differ much; else such an axis may have no numbers."""
    if errors and max(errors) > 3 * min(errors):
        # An error may be 0: linear below 0.1.
        axes.set_yscale("symlog", linthresh=0.1, linscale=0.5, subs=[1.5, 2, 3, 5, 7])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.tick_params(axis="y", which="minor", labelsize=7)


def _draw_by_epoch(axes: Any, lines: Sequence[Line], results: Mapping[str, Result]) -> list[float]:
    """Draw lines, and where a phase of schedule layer begins; the values of all points."""
    for label, points, style in lines:
        if points:  # about ten markers a line, however many points it has
            every = max(1, len(points) // 10)
            thin = {**style, "markevery": every, "markersize": 4, "linewidth": 1.2}
            axes.plot(*zip(*points, strict=True), label=label, **thin)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    starts = {
        _epoch(record, result)
        for result in results.values()
        for record in result["metrics"]
        if record["phase"] > 1 and record["epoch"] == 1
    }
    for start in sorted(starts):
        axes.axvline(start - 0.5, color="0.6", linewidth=0.8, zorder=0)
    return [value for _, points, _ in lines for _, value in points]


def _epoch(record: Mapping[str, Any], result: Result) -> int:
    return int((record["phase"] - 1) * result["config"]["epochs"] + record["epoch"])
