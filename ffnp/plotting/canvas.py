"""What all figures have in common: paper, styles, legends, files."""

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

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
SUFFIXES = (".png", ".svg", ".pdf")
WIDE, HIGH = 3.6, 3.0  # of a pair of axes, in inches
LETTER, LINE, SAMPLE = 0.075, 0.17, 0.6  # of a legend, in inches: a letter, a line, what it names


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


def new_parts(*shapes: tuple[int, int], lines: int = 0) -> tuple[Any, list[tuple[Any, Any]]]:
    """A figure of parts, one below the other, each with (rows, columns) axes of its own.

    `lines` is how many a legend below each part may have beyond two.
    """
    from matplotlib.figure import Figure

    heights = [HIGH * rows + LINE * lines for rows, _ in shapes]
    size = WIDE * max(columns for _, columns in shapes), sum(heights)
    figure = Figure(figsize=size, layout="constrained")
    parts = figure.subfigures(len(shapes), 1, height_ratios=heights, squeeze=False)[:, 0]
    return figure, [
        (part, part.subplots(*shape, squeeze=False))
        for part, shape in zip(parts, shapes, strict=True)
    ]


def _figure(rows: int, columns: int) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDE * columns, HIGH * rows), layout="constrained")


def check_suffix(path: Path) -> None:
    """Raise `InputError` unless the name ends in a format that is drawn."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: figures are {', '.join(SUFFIXES)}: choose such a name")


def save(figure: Any, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, by its suffix; the same figure gives the same bytes."""
    from matplotlib import rc_context

    check_suffix(path)
    names = {
        ".png": ["Software"],
        ".svg": ["Date"],
        ".pdf": ["CreationDate", "Creator", "Producer"],
    }
    metadata = dict.fromkeys(names[path.suffix])
    content = io.BytesIO()
    # Matplotlib warns of letters that its font lacks, and of more axes than have room.
    with rc_context({"svg.hashsalt": "ffnp"}), warnings.catch_warnings(action="ignore"):
        _settle(figure)
        figure.savefig(content, format=path.suffix[1:], dpi=150, metadata=metadata)
    write_atomically(path, content.getvalue())


def _settle(figure: Any) -> None:
    """Keep the layout, rounded: the last bits of what its solver finds are chance."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for part in figure.subfigs:
        part.bbox_relative.set_points(part.bbox_relative.get_points().round(4))
    for axes in figure.axes:
        axes.set_position([round(side, 4) for side in axes.get_position(original=True).bounds])


def literal(name: str) -> str:
    """Any name as Matplotlib shows it as it is: no formula, no hidden label, all printable."""
    shown = "".join(c if c.isprintable() else "?" for c in name).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def styles() -> Iterator[dict[str, Any]]:
    """STYLES, then the same with other line styles: 24 that differ."""
    for turn in count():
        for i, style in enumerate(STYLES):
            yield {**style, "linestyle": LINES[(i + turn) % len(LINES)]}


def styled(results: Mapping[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Each name's result, and its style. None is left out, and what comes after keeps its style.

    So a line looks the same on all axes of a figure, where some results are missing.
    """
    for (name, result), style in zip(results.items(), styles(), strict=False):
        if result is not None:
            yield name, result, style


def columns_of(names: Sequence[str], inches: float) -> int:
    """How many columns of a legend with these names fit a width."""
    longest = max(map(len, names), default=1)
    return max(1, min(len(names), int(inches / (SAMPLE + LETTER * longest))))


def own_legend(axes: Any) -> None:
    """A legend of one pair of axes, below them."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        axes.legend(
            handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=7,
            ncols=columns_of(labels, WIDE), handlelength=3, frameon=False,
        )  # fmt: skip


def common_legend(figure: Any) -> None:
    """One legend below all axes of a figure or a part of one, of every line that has a name."""
    named: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if not named:
        return
    inches = figure.bbox.width / figure.dpi
    figure.legend(
        list(named.values()), list(named), loc="outside lower center", fontsize=8,
        ncols=min(columns_of(list(named), inches), 2 * len(figure.axes)), handlelength=3,
    )  # fmt: skip
