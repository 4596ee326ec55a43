"""Tables of test errors beside the paper's: Markdown, CSV and JSON."""

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ffnp.reproduction.experiments import ROWS, Task


@dataclass(frozen=True)
class Cell:
    """One row on one data set, over its seeds.

    Attributes
    ----------
    row, dataset : str
    errors : list of float
        Test error of each seed, in %.
    seconds : float
        Of training, mean.
    paper : float or None
        The paper's error.
    """

    row: str
    dataset: str
    errors: list[float]
    seconds: float
    paper: float | None

    @property
    def mean(self) -> float:
        """Mean error over seeds, in %."""
        return statistics.fmean(self.errors)

    @property
    def deviation(self) -> float | None:
        """Standard deviation over seeds; None of a single one."""
        return statistics.stdev(self.errors) if len(self.errors) > 1 else None

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's: negative is better."""
        return None if self.paper is None else self.mean - self.paper


def cells(results: Sequence[tuple[Task, Mapping[str, Any]]]) -> list[Cell]:
    """Group results by row and data set, in their order."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for task, result in results:
        groups.setdefault((task.row, task.config.dataset), []).append(result)
    return [
        Cell(
            row,
            dataset,
            [result["test_error"]["all"] for result in group],
            statistics.fmean(result["train_seconds"] for result in group),
            ROWS[row].paper.get(dataset),
        )
        for (row, dataset), group in groups.items()
    ]


def markdown(table: Sequence[Cell], titles: Mapping[str, str]) -> str:
    """A Markdown table: methods down, data sets across; `titles` names the data sets."""
    datasets = list(dict.fromkeys(cell.dataset for cell in table))
    found = {(cell.row, cell.dataset): cell for cell in table}
    lines = [
        "| test error, % | " + " | ".join(titles.get(name, name) for name in datasets) + " |",
        "|---" * (len(datasets) + 1) + "|",
    ]
    for row in dict.fromkeys(cell.row for cell in table):
        texts = [_text(found.get((row, dataset))) for dataset in datasets]
        lines.append(f"| {ROWS[row].title} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"


def _text(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    text = f"{cell.mean:.2f}"
    if cell.deviation is not None:
        text += f" ± {cell.deviation:.2f}"
    if cell.paper is not None and cell.difference is not None:
        text += f" (paper {cell.paper:.1f}, {cell.difference:+.2f})"
    return text


def comma_separated(table: Sequence[Cell]) -> str:
    """The same as CSV, a line a cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["row", "dataset", "seeds", "mean", "deviation", "paper", "difference", "seconds"]
    )
    for cell in table:
        numbers = (cell.mean, cell.deviation, cell.paper, cell.difference, cell.seconds)
        rounded = ["" if value is None else f"{value:.3f}" for value in numbers]
        writer.writerow([cell.row, cell.dataset, len(cell.errors), *rounded])
    return text.getvalue()
