"""Tables of test errors beside the paper's: Markdown, CSV and JSON."""

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ffnp.data.catalogue import lookup
from ffnp.data.verifying import verify
from ffnp.errors import InputError
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


def data_title(name: str, data_dir: Path | None) -> str:
    """A data set's name in tables and figures, which says so if its files are not the published.

    Parameters
    ----------
    name : str
    data_dir : Path or None
        As for `ffnp.data.load`.
    """
    known = lookup(name)
    title = known.title.partition(":")[0]
    try:
        copy = next(known.copies(data_dir), None)
    except InputError:  # a folder of the cluster's workers
        copy = None
    if copy is None:
        return f"{title} (files not here to check)"
    published = not any(check.problem for check in verify(copy))
    return title if published else f"{title} (not the published files)"


def caption(tasks: Sequence[Task], table: Sequence[Cell], titles: Mapping[str, str]) -> str:
    """What a table shows and how its runs were trained, and what of it is missing."""
    config = tasks[0].config
    seeds = len({task.config.seed for task in tasks})
    where = "Test error"
    if config.validation:
        where = f"Error on the last {config.validation} training images, held out,"
    limits = [
        f"only the first {count} {name} images"
        for name, count in (("training", config.limit_train), ("test", config.limit_test))
        if count is not None
    ]
    training = [
        f"{config.epochs} epochs", f"{config.optimizer}, learning rate {config.lr} "
        f"{config.lr_schedule}", f"batches of {config.batch_size}",
        f"layers of {', '.join(map(str, config.hidden))}", f"theta {config.theta:g}", *limits,
    ]  # fmt: skip
    lines = [
        f"{where} in %, mean ± standard deviation of {seeds} seed{'s'[: seeds > 1]}; in brackets "
        "the paper's and ours minus the paper's.",
        f"Training: {'; '.join(training)}.",
    ]
    expected = dict.fromkeys((task.row, task.config.dataset) for task in tasks)
    found = {(cell.row, cell.dataset): len(cell.errors) for cell in table}
    missing = [
        f"{ROWS[row].title} on {titles.get(dataset, dataset)} ({found.get((row, dataset), 0)})"
        for row, dataset in expected
        if found.get((row, dataset), 0) < seeds
    ]
    if missing:
        lines.append(f"Fewer seeds than {seeds}: {'; '.join(missing)}.")
    return "\n".join(lines) + "\n"


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


def comma_separated(table: Sequence[Cell], titles: Mapping[str, str] | None = None) -> str:
    """The same as CSV, a line a cell."""
    names = titles or {}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["row", "dataset", "seeds", "mean", "deviation", "paper", "difference", "seconds"]
    )
    for cell in table:
        numbers = (cell.mean, cell.deviation, cell.paper, cell.difference, cell.seconds)
        rounded = ["" if value is None else f"{value:.3f}" for value in numbers]
        name = names.get(cell.dataset, cell.dataset)
        writer.writerow([cell.row, name, len(cell.errors), *rounded])
    return text.getvalue()
