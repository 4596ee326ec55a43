"""Tables of test errors beside the paper's: Markdown, CSV and JSON."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any

from ffnp.config import Config
from ffnp.reproduction.experiments import ROWS, Task

CORE = ("method", "objective", "labels")  # of recipes and protocols; titles tell what rows set
PARTS = (  # of recipes
    "joined", "hidden_length", "unit_dropout", "pixel_dropout", "weight_decay", "negatives",
    "gamma_scale", "shift", "flip",
)  # fmt: skip


@dataclass
class Cell:
    """One row on one data set, over its seeds: numbers are None where there are too few of them."""

    row: str
    dataset: str
    seeds: int = 0  # how many there are to be
    errors: list[float] = field(default_factory=list)  # test error of each finished one, in %
    seconds: list[float] = field(default_factory=list)  # of their trainings

    @property
    def mean(self) -> float | None:
        """Mean error over seeds."""
        return fmean(self.errors) if self.errors else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation over seeds."""
        return stdev(self.errors) if len(self.errors) > 1 else None

    @property
    def paper(self) -> float | None:
        """The paper's error."""
        return ROWS[self.row].paper.get(self.dataset)

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's: negative is better."""
        return None if self.mean is None or self.paper is None else self.mean - self.paper


def cells(results: Sequence[tuple[Task, Mapping[str, Any] | None]]) -> list[Cell]:
    """Group results, None where one is missing, by row and data set, in their order."""
    found: dict[tuple[str, str], Cell] = {}
    for task, result in results:
        place = task.row, task.config.dataset
        cell = found.setdefault(place, Cell(*place))
        cell.seeds += 1
        if result is not None:
            cell.errors.append(result["test_error"]["all"])
            cell.seconds.append(result["train_seconds"])
    return list(found.values())


def caption(tasks: Sequence[Task], table: Sequence[Cell]) -> str:
    """What a table shows, how its runs were trained, and how many of them are missing."""
    configs = [task.config for task in tasks]
    seeds = max(cell.seeds for cell in table)
    beside = "; in brackets the paper's and ours minus the paper's"
    if all(cell.paper is None for cell in table):
        beside = ""
    where = "Test error"
    if configs[0].validation:
        where = f"Error on the last {configs[0].validation} training images, held out,"
    training = [
        _either(f"{c.epochs} epoch{'s'[: c.epochs > 1]}" for c in configs),
        _either(f"{c.optimizer}, learning rate {c.lr} {c.lr_schedule}" for c in configs),
        _either(f"batches of {c.batch_size}" for c in configs),
        _either(f"layers of {', '.join(map(str, c.hidden))}" for c in configs),
        _either(f"theta {c.theta:g}" for c in configs if c.uses("theta")),
        _either(f"images of length {c.input_length:g}" for c in configs),
        *(
            _part(name, [t.config for t in tasks if name not in ROWS[t.row].options], len(configs))
            for name in CORE
        ),
        *(_part(name, configs, len(configs)) for name in PARTS),
        _limit("training", configs[0].limit_train),
        _limit(configs[0].evaluated, configs[0].limit_test),
    ]
    lines = [
        f"{where} in %, mean ± standard deviation of {seeds} seed{'s'[: seeds > 1]}{beside}.",
        f"Training: {'; '.join(filter(None, training))}.",
    ]
    wanted, found = sum(cell.seeds for cell in table), sum(len(cell.errors) for cell in table)
    if found < wanted:
        lines.append(f"Not finished: {wanted - found} of {wanted} runs are missing.")
    return "\n".join(lines) + "\n"


def _part(name: str, configs: Sequence[Config], rows: int) -> str:
    """A setting that the paper has not, and whether all rows have it; "" if none has."""
    having = [c for c in configs if getattr(c, name) != getattr(Config, name)]
    values = _either(f"{getattr(c, name)}" for c in having)
    some = " (some rows)" if len(having) < rows else ""
    return f"{name.replace('_', ' ')} {values}{some}" if having else ""


def _either(texts: Iterable[str]) -> str:
    """Those that differ."""
    return " or ".join(dict.fromkeys(texts))


def _limit(name: str, count: int | None) -> str:
    return "" if count is None else f"only the first {count} {name} images"


def markdown(table: Sequence[Cell], titles: Mapping[str, str], split: str = "test") -> str:
    """Errors on a split: methods down, data sets across; `titles` names the data sets."""
    datasets = list(dict.fromkeys(cell.dataset for cell in table))
    # Neither a cell nor a line ends within a name.
    names = [" ".join(titles.get(name, name).replace("|", "\\|").split()) for name in datasets]
    found = {(cell.row, cell.dataset): _text(cell) for cell in table}
    lines = [f"| {split} error, % | {' | '.join(names)} |", "|---" * (len(datasets) + 1) + "|"]
    for row in dict.fromkeys(cell.row for cell in table):
        texts = [found.get((row, dataset), "-") for dataset in datasets]
        lines.append(f"| {ROWS[row].title} | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"


def _text(cell: Cell) -> str:
    if cell.mean is None:
        return "missing"
    text = f"{cell.mean:.2f}"
    if cell.deviation is not None:
        text += f" ± {cell.deviation:.2f}"
    if len(cell.errors) < cell.seeds:
        text += f" ({len(cell.errors)} of {cell.seeds} seeds)"
    if cell.paper is not None:
        text += f" (paper {cell.paper:.1f}, {cell.difference:+.2f})"
    return text


def comma_separated(table: Sequence[Cell], titles: Mapping[str, str] | None = None) -> str:
    """The same as CSV, a line a cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow("row dataset seeds mean deviation paper difference seconds".split())
    for cell in table:
        seconds = fmean(cell.seconds) if cell.seconds else None
        numbers = (cell.mean, cell.deviation, cell.paper, cell.difference, seconds)
        rounded = ["" if value is None else f"{value:.3f}" for value in numbers]
        name = (titles or {}).get(cell.dataset, cell.dataset)
        writer.writerow([cell.row, name, len(cell.errors), *rounded])
    return text.getvalue()
