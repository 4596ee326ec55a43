"""What a training recorded, by epoch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from ffnp.plotting.canvas import literal, styled, styles
from ffnp.plotting.layers import draw_band, error_scale
from ffnp.plotting.settings import Result, config_of, seeds_of

Record = Mapping[str, Any]
Value = Callable[[Record], float | None]  # of a record, where it has it
Line = tuple[str, Result, Value, Mapping[str, Any]]  # its name, whose, what of it, style


def draw_curves(axes: Any, results: Mapping[str, Result | None], training: bool = False) -> None:
    """Error by epoch, where it was recorded; beside it that of the sample of training rows.

    A result that is None is missing on these axes, and has its style on others.
    """
    lines, kinds = list[Line](), set()
    for name, result, style in styled(results):
        lines.append((literal(name), result, lambda r: _vote(r, "test_error"), style))
        tested = any("test_error" in record for record in result["metrics"])
        kinds |= {config_of(result).evaluated} if tested else set()
        if training:
            faint = style | {"alpha": 0.5, "markerfacecolor": "none"}
            label = f"{literal(name)}, training rows" if len(results) == 1 else ""
            lines.append((label, result, lambda r: _vote(r, "train_error"), faint))
    error_scale(axes, _draw_by_epoch(axes, lines))
    axes.set_ylabel(f"{kinds.pop()} error, %" if len(kinds) == 1 else "error, %")
    if training and len(results) > 1:
        axes.set_title("open markers: training rows", fontsize=8)


def _vote(record: Record, kind: str) -> float | None:
    errors = record.get(kind) if "test_error" in record else None
    return errors["all"] if isinstance(errors, Mapping) else None


def draw_pairs(axes: Any, results: Mapping[str, Result]) -> None:
    """Pair error by epoch: of how many training images a wrong label of the batch wins."""
    lines = list[Line]()
    for name, result, style in styled(results):
        # ffnp 0.1 called it train_error.
        lines.append(
            (literal(name), result, lambda r: r.get("pair_error", r.get("train_error")), style)
        )
    error_scale(axes, _draw_by_epoch(axes, lines))
    axes.set_ylabel("pair error, %")


def draw_entropy(axes: Any, results: Mapping[str, Result | None], kind: str) -> None:
    """Functional entropy of goodness by epoch (the paper's figures 4a to 4c); see `draw_curves`."""
    lines = list[Line]()
    for name, result, style in styled(results):
        lines.append((literal(name), result, _analysed(f"entropy_{kind}", "total"), style))
    entropies = _draw_by_epoch(axes, lines)
    if entropies:
        axes.set_ylim(0, 1.08 * max(*entropies, 1e-9))
    axes.set_ylabel("functional entropy")
    axes.set_title({"all": "all rows", "true": "true labels", "wrong": "wrong labels"}[kind])


def draw_layer_curves(axes: Any, result: Result) -> None:
    """Error of each layer alone and of the vote, by epoch, of one network."""
    lines = [
        (f"layer {i + 1}", result, _layer_error(i), style)
        for i, style in _of_layers(result, "test_error")
    ]
    vote = {"color": "black", "linestyle": "-", "marker": None, "linewidth": 2.0}
    lines.append(("vote", result, lambda r: _vote(r, "test_error"), vote))
    error_scale(axes, _draw_by_epoch(axes, lines))
    axes.set_ylabel(f"{config_of(result).evaluated} error, %")


def draw_gamma(axes: Any, result: Result) -> None:
    """Mean gamma of each layer by epoch, joined with true and with wrong labels."""
    _draw_push(axes, result, ("true_gamma", "wrong_gamma"))
    axes.set_ylabel("gamma, mean")


def draw_coefficient(axes: Any, result: Result) -> None:
    """Mean size of each layer's coefficient, N |dJ/dg|, by epoch, with true and wrong labels."""
    _draw_push(axes, result, ("true", "wrong"))
    axes.set_ylabel("coefficient, N |dJ/dg|")


def _draw_push(axes: Any, result: Result, names: tuple[str, str]) -> None:
    lines = list[Line]()
    for i, style in _of_layers(result, "analysis"):
        faint = style | {"alpha": 0.6, "markerfacecolor": "none", "linestyle": ":"}
        for name, kind, each in zip(names, ("true", "wrong"), (style, faint), strict=True):
            lines.append((f"layer {i + 1}, {kind}", result, _pushed(i, name), each))
    values = _draw_by_epoch(axes, lines)
    if values:
        axes.set_ylim(0, 1.08 * max(*values, 1e-9))


def _of_layers(result: Result, recorded: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The layers on record, from 0, each with a style: it has one marker and stroke everywhere."""
    depth = 0
    for record in result["metrics"]:
        known = record.get(recorded, {})
        depth = max(depth, len(known.get("layers" if recorded == "test_error" else "goodness", [])))
    return zip(range(depth), styles(), strict=False)


def _layer_error(i: int) -> Value:
    def value(record: Record) -> float | None:
        layers = record["test_error"]["layers"] if "test_error" in record else []
        return layers[i] if i < len(layers) else None

    return value


def _pushed(i: int, name: str) -> Value:
    def value(record: Record) -> float | None:
        pushes = record.get("analysis", {}).get("push", [])
        return pushes[i][name] if i < len(pushes) else None

    return value


def _analysed(kind: str, name: str) -> Value:
    return lambda record: record["analysis"][kind][name] if "analysis" in record else None


def _draw_by_epoch(axes: Any, lines: Sequence[Line]) -> list[float]:
    """Draw lines, and where a phase of schedule layer begins; the values of all points.

    Of several seeds: their mean, in a band, over the epochs that all have.
    """
    drawn, starts = list[float](), set[int]()
    for label, result, value, style in lines:
        every = [_points(seed, value) for seed in seeds_of(result)]
        epochs = sorted(set(every[0]).intersection(*every))
        if epochs:  # about ten markers a line, however many points it has
            means = [fmean(points[epoch] for points in every) for epoch in epochs]
            thin = {"markersize": 4, "linewidth": 1.2, "markevery": max(1, len(epochs) // 10)}
            axes.plot(epochs, means, label=label, **thin | dict(style))
            if len(every) > 1:
                draw_band(axes, epochs, [[p[epoch] for epoch in epochs] for p in every], style)
            drawn += [points[epoch] for points in every for epoch in epochs]
        starts |= {
            _epoch(record, result)
            for record in result["metrics"]
            if record["phase"] > 1 and record["epoch"] == 1
        }
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    for start in sorted(starts):
        axes.axvline(start - 0.5, color="0.6", linewidth=0.8, zorder=0)
    return drawn


def _points(result: Result, value: Value) -> dict[int, float]:
    found = {_epoch(record, result): value(record) for record in result["metrics"]}
    return {epoch: each for epoch, each in found.items() if each is not None}


def _epoch(record: Record, result: Result) -> int:
    return int((record["phase"] - 1) * result["config"]["epochs"] + record["epoch"])
