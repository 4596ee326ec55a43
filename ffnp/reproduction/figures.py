"""Figures 2 and 4 of the paper, and that of depth: means over the seeds of runs."""

import warnings
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from ffnp.errors import InputError, InputWarning
from ffnp.plotting import (
    common_legend,
    draw_curves,
    draw_entropy,
    draw_layers,
    draw_votes,
    literal,
    new_figure,
    one_scale,
)
from ffnp.reproduction.experiments import ROWS, Task
from ffnp.scoring.analysis import KINDS

Results = Sequence[tuple[Task, Mapping[str, Any]]]


def over_seeds(results: Results) -> dict[tuple[str, str], Any]:
    """By row and data set: a result whose numbers are means over the seeds.

    Records of epochs: over the seeds that have the most of them, and of those the epochs that all
    have. A warning names the others. `InputError` if results are not of one form.
    """
    groups: dict[tuple[str, str], list[tuple[Task, Any]]] = {}
    for task, result in results:
        groups.setdefault((task.row, task.config.dataset), []).append((task, result))
    found = {}
    for key, group in groups.items():
        records, every = _recorded(group), [result for _, result in group]
        try:
            mean = _mean([{**result, "metrics": []} for result in every])
            # Configurations are alike but for the seed.
            config = every[0]["config"]
            found[key] = mean | {"metrics": [*map(_mean, records)], "config": config}
        except ValueError as error:
            names = ", ".join(task.name for task, _ in group)
            raise InputError(
                f"the results {names} are of several forms: remove those that were made otherwise"
            ) from error
    return found


def _recorded(group: Sequence[tuple[Task, Any]]) -> list[list[Any]]:
    """Of each epoch that is on record: what the seeds recorded of it."""
    records = [{(r["phase"], r["epoch"]): r for r in result["metrics"]} for _, result in group]
    most = max(map(len, records))
    full = [each for each in records if len(each) == most]
    if less := [t.name for (t, _), each in zip(group, records, strict=True) if len(each) < most]:
        text = f"curves are without {', '.join(less)}: some of the {most} epochs are not on record"
        warnings.warn(text, InputWarning, stacklevel=2)
    common = [place for place in full[0] if all(place in each for each in full)]
    return [[each[place] for each in full] for place in common]


def _mean(values: Sequence[Any]) -> Any:
    """Mean of nested values, number by number, of what all of them have; of all else the first.

    `ValueError` if they are of several forms.
    """
    first = values[0]
    kinds = {isinstance(value, Mapping) + 2 * isinstance(value, list) for value in values}
    if len(kinds) > 1:
        raise ValueError("values of several kinds")
    if isinstance(first, Mapping):
        common = [name for name in first if all(name in value for value in values)]
        return {name: _mean([value[name] for value in values]) for name in common}
    if isinstance(first, list):
        return [_mean(items) for items in zip(*values, strict=True)]
    numbers = [value for value in values if isinstance(value, int | float)]
    return fmean(numbers) if len(numbers) == len(values) else first


def _names(means: Mapping[tuple[str, str], Any]) -> list[list[str]]:
    """The rows, and the data sets, each once."""
    return [list(dict.fromkeys(names)) for names in zip(*means, strict=True)]


def _of_dataset(
    means: Mapping[tuple[str, str], Any], rows: Sequence[str], dataset: str
) -> dict[str, Any]:
    """By title: each row's result on a data set, None where it is missing."""
    return {ROWS[row].title: means.get((row, dataset)) for row in rows}


def figure2(results: Results, titles: Mapping[str, str]) -> Any:
    """Errors of layers and groups: data sets across; FF above, collaborative below."""
    means = over_seeds(results)
    rows, datasets = _names(means)
    figure, axes = new_figure(len(rows), len(datasets))
    for j, dataset in enumerate(datasets):
        for i, row in enumerate(rows):
            if (row, dataset) in means:
                draw_layers(axes[i, j], means[row, dataset])
            name = literal(titles.get(dataset, dataset))
            axes[i, j].set_title(f"{name}\n{ROWS[row].title}", fontsize=9)
        one_scale(axes[:, j])
    common_legend(figure)
    return figure


def depth(results: Results, titles: Mapping[str, str]) -> Any:
    """Error of the vote of layers 1..k: data sets across, a line for each network."""
    means = over_seeds(results)
    rows, datasets = _names(means)
    figure, axes = new_figure(1, len(datasets))
    for axis, dataset in zip(axes[0], datasets, strict=True):
        draw_votes(axis, _of_dataset(means, rows, dataset))
        axis.set_title(literal(titles.get(dataset, dataset)))
    common_legend(figure)
    return figure


def figure4(results: Results, titles: Mapping[str, str]) -> Any:
    """Functional entropy of all, true and wrong rows, and test error, by epoch."""
    means = over_seeds(results)
    rows, datasets = _names(means)
    figure, axes = new_figure(len(datasets), len(KINDS) + 1)
    for i, dataset in enumerate(datasets):
        chosen = _of_dataset(means, rows, dataset)
        for axis, kind in zip(axes[i], KINDS, strict=False):
            draw_entropy(axis, chosen, kind)
        draw_curves(axes[i, -1], chosen)
        axes[i, -1].set_title(literal(titles.get(dataset, dataset)))
    common_legend(figure)
    return figure


FIGURES = {"figure2": figure2, "figure4": figure4, "depth": depth}
