"""Errors of layers and of their votes."""

from collections.abc import Mapping, Sequence
from typing import Any

from ffnp.plotting.canvas import STYLES, literal, styled
from ffnp.plotting.settings import Result, config_of, seeds_of


def draw_layers(axes: Any, result: Result) -> None:
    """Error of each layer alone, and of the first layers together (the paper's figure 2).

    Where layers do not vote, that of the output. Of several seeds: the mean, in a band from the
    least to the greatest.
    """
    errors = result["test_error"]
    layers = range(1, len(errors["layers"]) + 1)
    axes.set_xticks(list(layers))
    if not config_of(result).votes:
        _draw(axes, result, "layers", "output", STYLES[2])
        axes.set_xticklabels([""])
    else:
        _draw(axes, result, "layers", "layer alone", STYLES[0])
        _draw(axes, result, "groups", "layers 1..k together", STYLES[1])
        axes.set_xlabel("layer k")
    axes.set_ylabel(f"{config_of(result).evaluated} error, %")


def _draw(axes: Any, result: Result, kind: str, label: str, style: Mapping[str, Any]) -> None:
    errors = result["test_error"][kind]
    layers = range(1, len(errors) + 1)
    axes.plot(layers, errors, label=label, **style)
    every = [each["test_error"][kind] for each in seeds_of(result)]
    if len(every) > 1:
        draw_band(axes, layers, every, style)


def draw_band(axes: Any, x: Any, every: Sequence[Sequence[float]], style: Any) -> None:
    """From the least to the greatest of several lines."""
    low, high = ([f(values) for values in zip(*every, strict=True)] for f in (min, max))
    axes.fill_between(x, low, high, color=style["color"], alpha=0.2, linewidth=0)


def draw_votes(axes: Any, results: Mapping[str, Result | None]) -> None:
    """Error of the vote of layers 1..k of several networks; see `draw_curves` of None.

    Where layers do not vote, that of the output, across.
    """
    errors = list[float]()
    for name, result, style in styled(results):
        groups = result["test_error"]["groups"]
        if config_of(result).votes:
            axes.plot(range(1, len(groups) + 1), groups, label=literal(name), **style)
        else:
            axes.axhline(groups[-1], label=literal(name), **style | {"marker": ""})
        errors += groups
        axes.set_ylabel(f"{config_of(result).evaluated} error, %")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("vote of layers 1..k")
    error_scale(axes, errors)


def one_scale(axes: Sequence[Any]) -> None:
    """The errors of several pairs of axes, by `draw_layers`, on one scale: they are compared."""
    shown = [axis for axis in axes if axis.has_data()]
    errors = [error for axis in shown for line in axis.lines for error in line.get_ydata()]
    for axis in shown:
        error_scale(axis, errors)
        axis.set_ylim(min(errors) / 1.2, max(errors) * 1.2 + 0.1)


def error_scale(axes: Any, errors: Sequence[float]) -> None:
    """Logarithmic, where errors differ much; else such an axis may have no numbers."""
    if errors and max(errors) > 3 * min(errors):
        # An error may be 0: linear below 0.1.
        axes.set_yscale("symlog", linthresh=0.1, linscale=0.5, subs=[1.5, 2, 3, 5, 7])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.tick_params(axis="y", which="minor", labelsize=7)
        axes.set_ylim(min(errors) / 1.1, max(errors) * 1.1 + 0.01)
