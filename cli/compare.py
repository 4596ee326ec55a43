"""`ffnp compare`: runs grouped over their seeds."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from json import dumps
from pathlib import Path

import click

from ffnp.errors import InputError
from ffnp.runs.comparing import LEVEL, Group
from ffnp.runs.comparing import compare as compare_runs
from ffnp.runs.folder import Run
from ffnp.runs.listing import Entry, runs_in
from ffnp.scoring.evaluation import evaluate

from .completion import runs as complete_runs
from .options import Location, json_option
from .plain import Plain
from .report import columns
from .stored import data_dir_option, data_of, model_of


@click.command(cls=Plain)
@click.argument("runs", type=Location(), shell_complete=complete_runs, nargs=-1, required=True)
@data_dir_option
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@json_option
def compare(runs: tuple[Path, ...], data_dir: str | None, as_csv: bool, json: bool) -> None:
    """Compare runs: those that differ by the seed alone are one line.

    RUNS are folders of runs, or folders that hold such. Differences are from the first line, in
    percentage points, with Student's 95% interval: of pairs, where both lines have the same
    seeds, else Welch's.

    \b
    Example:
      ffnp compare runs/*-collab-* runs/*-ff-*
      ffnp compare runs --csv > runs.csv
    """
    if as_csv and json:
        raise click.UsageError("--csv and --json exclude each other: leave out one")
    folders = dict.fromkeys(path for folder in runs for path in runs_in(folder))
    groups = compare_runs([_measured(folder, data_dir) for folder in folders])
    if json:
        click.echo(dumps({"level": LEVEL, "groups": [each.to_dict() for each in groups]}))
    elif as_csv:
        click.echo(_comma_separated(groups), nl=False)
    else:
        click.echo(_table(groups))


def _measured(folder: Path, data_dir: str | None) -> Entry:
    """A run with its errors, which are measured where they are not known."""
    entry = Entry.of(str(folder), Run(folder))
    if not entry.finished:
        raise InputError(
            f"{folder} is not finished: `ffnp train --resume {folder}` goes on, or leave it out"
        )
    if entry.test_error is None:
        model = model_of(folder)
        data, _ = data_of(model, None, data_dir)
        entry = replace(entry, test_error=evaluate(model, data.tested()).to_dict())
    return entry


def _numbers(group: Group) -> list[float | None]:
    """Mean, deviation, difference, low and high end of its interval, seconds."""
    mean, low, high = None, None, None
    if group.difference is not None:
        mean, (low, high) = group.difference.mean, group.difference.interval or (None, None)
    return [group.mean, group.deviation, mean, low, high, group.seconds]


def _table(groups: Sequence[Group]) -> str:
    head = "configuration,runs,error %,deviation,difference,95% interval,seconds".split(",")
    lines = []
    for group in groups:
        mean, deviation, difference, low, high, seconds = _numbers(group)
        between = "" if low is None else f"{low:+.2f}..{high:+.2f}"
        paired = " paired" if between and group.difference and group.difference.paired else ""
        lines.append((
            group.title, str(len(group.runs)), f"{mean:.2f}", _text(deviation, ".2f"),
            _text(difference, "+.2f"), between + paired, _text(seconds, ".1f"),
        ))  # fmt: skip
    return columns(head, lines, "<>>>><>")


def _text(number: float | None, form: str) -> str:
    return "" if number is None else format(number, form)


def _comma_separated(groups: Sequence[Group]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow("configuration runs seeds mean deviation difference low high seconds".split())
    for group in groups:
        seeds = " ".join(str(each.config.seed) for each in group.runs)
        numbers = [_text(number, ".6g") for number in _numbers(group)]
        writer.writerow([group.title, len(group.runs), seeds, *numbers])
    return text.getvalue()
