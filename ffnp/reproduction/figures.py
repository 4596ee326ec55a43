"""The paper's figures 2 and 4 from the results of runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from ffnp.plotting import KINDS, draw_curves, draw_entropy, draw_layers, new_figure
from ffnp.reproduction.experiments import ROWS, Task

Results = Sequence[tuple[Task, Mapping[str, Any]]]


def figure2(results: Results, titles: Mapping[str, str]) -> Any:
    """Errors of layers and groups: data sets across; FF above, collaborative below. Seed 0."""
    first = {(t.row, t.config.dataset): r for t, r in results if t.config.seed == 0}
    rows = list(dict.fromkeys(row for row, _ in first))
    datasets = list(dict.fromkeys(dataset for _, dataset in first))
    figure, axes = new_figure(len(rows), len(datasets))
    for i, row in enumerate(rows):
        for j, dataset in enumerate(datasets):
            if (row, dataset) in first:
                draw_layers(axes[i, j], first[row, dataset])
            axes[i, j].set_title(f"{titles.get(dataset, dataset)}\n{ROWS[row].title}", fontsize=9)
    return figure


def figure4(results: Results, titles: Mapping[str, str]) -> Any:
    """Functional entropy of all, true and wrong rows, and test error, by epoch. Seed 0."""
    first = [(t, r) for t, r in results if t.config.seed == 0]
    datasets = list(dict.fromkeys(t.config.dataset for t, _ in first))
    figure, axes = new_figure(len(datasets), len(KINDS) + 1)
    for i, dataset in enumerate(datasets):
        chosen = {ROWS[t.row].title: r for t, r in first if t.config.dataset == dataset}
        for axis, kind in zip(axes[i], KINDS, strict=False):
            draw_entropy(axis, chosen, kind)
        draw_curves(axes[i, -1], chosen)
        axes[i, -1].set_title(titles.get(dataset, dataset))
    return figure
