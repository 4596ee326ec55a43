"""`ffnp runs`: the runs in a folder, a line each."""

from json import dumps
from pathlib import Path

import click

from ffnp.runs.listing import COLUMNS, Entry, data_name, described, differing, list_runs

from .options import Location, json_option
from .plain import Plain
from .report import columns


@click.command(cls=Plain)
@click.argument("folder", metavar="[DIR]", type=Location(), default=Path("runs"))
@json_option
def runs(folder: Path, json: bool) -> None:
    """List the runs in DIR (default: runs) and in folders within it.

    With what differs among them, of what decides a result. The error is that of the vote on the
    test rows, or on the validation rows of a run that holds some out.

    \b
    Example:
      ffnp runs
      ffnp runs reproduction --json
    """
    found = list_runs(folder)
    if json:
        click.echo(dumps({"runs": [each.to_dict() for each in found]}))
        return
    if not found:
        click.echo(f"no run in {folder}")
        return
    names = differing([each.config for each in found], COLUMNS)
    head = ("run", "data", "method", "epochs", "error %", "seconds", "what differs")
    lines = [_line(each, names) for each in found]
    click.echo(columns(head, lines, "<<<>>><"))
    if any(each.finished and each.test_error is None for each in found):
        click.echo("error -: an earlier ffnp kept none: `ffnp compare` measures it")


def _line(entry: Entry, names: list[str]) -> tuple[str, ...]:
    config, errors = entry.config, entry.test_error
    phases = len(config.hidden) if config.schedule == "layer" else 1
    done, every = entry.epochs, config.epochs * phases
    return (
        entry.name,
        data_name(config),
        config.method,
        f"{done}" if entry.finished else f"{done} of {every}",
        "-" if errors is None else f"{errors['all']:.2f}",
        "-" if entry.seconds is None else f"{entry.seconds:.1f}",
        described(config, names),
    )
