"""What a shell completes: runs and data sets, beside files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from ffnp.data.catalogue import CATALOGUE
from ffnp.errors import FFNPError
from ffnp.runs.listing import runs_in

RUNS = Path("runs")  # where `ffnp train` puts them


def runs(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The runs in runs/, by folder or by the beginning of a name, the newest first; folders."""
    try:
        found = [str(folder) for folder in runs_in(RUNS)]
    except (FFNPError, OSError):
        found = []
    fitting = [n for n in found if n.startswith(incomplete) or Path(n).name.startswith(incomplete)]
    return [CompletionItem(incomplete, type="dir"), *_items(sorted(fitting, reverse=True))]


def named(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of known data sets."""
    return list(_items(name for name in CATALOGUE if name.startswith(incomplete)))


def datasets(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The names of known data sets, and files."""
    return [CompletionItem(incomplete, type="file"), *named(ctx, parameter, incomplete)]


def _items(names: Iterable[str]) -> Iterator[CompletionItem]:
    return map(CompletionItem, names)
