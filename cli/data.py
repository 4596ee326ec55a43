"""`ffnp data`: which data sets are known, where they are, and whether they are intact."""

from dataclasses import asdict
from itertools import chain
from json import dumps
from pathlib import Path
from typing import Any

import click

from ffnp.data.catalogue import CATALOGUE, lookup
from ffnp.data.fetching import MIRROR_VARIABLE, fetch
from ffnp.data.verifying import verify
from ffnp.errors import StorageError

from .completion import named
from .options import Location, data_dir_option, json_option
from .plain import Plain, PlainGroup, help_alone


@click.group(cls=PlainGroup, invoke_without_command=True)
@click.pass_context
def data(ctx: click.Context) -> None:
    """List, fetch and verify data sets.

    \b
    Example:
      ffnp data list
    """
    help_alone(ctx)


@data.command("list", cls=Plain)
@data_dir_option
@json_option
def list_command(data_dir: Path | None, json: bool) -> None:
    """List the known data sets: where they are, their licences and their checksums.

    \b
    Example:
      ffnp data list --json
    """
    entries = []
    for known in CATALOGUE.values():
        copy = next(known.copies(data_dir), None)
        entry: dict[str, Any] = {
            "name": known.name,
            "title": known.title,
            "licence": known.licence,
            "homepage": known.homepage,
            "location": None if copy is None else str(copy.place),
            "sha256": dict(known.sha256),
        }
        entries.append(entry)
    if json:
        click.echo(dumps({"datasets": entries}))
        return
    for entry in entries:
        click.echo(f"{entry['name']}: {entry['title']}")
        click.echo(f"  where     {entry['location'] or 'not on this machine'}")
        click.echo(f"  licence   {entry['licence']}")
        click.echo(f"  homepage  {entry['homepage']}")
        for file, checksum in entry["sha256"].items():
            click.echo(f"  sha256    {checksum}  {file}")


@data.command(
    "fetch", cls=Plain, epilog=f"{MIRROR_VARIABLE} (a base URL or a folder) replaces the mirrors."
)
@click.argument("name", shell_complete=named)
@click.option(
    "--data-dir",
    type=Location(file_okay=False),
    metavar="DIR",
    help="Keep the files in DIR/NAME instead of the user's cache.",
)
@json_option
def fetch_command(name: str, data_dir: Path | None, json: bool) -> None:
    """Download what is missing or damaged of the data set NAME.

    \b
    Example:
      ffnp data fetch fashion-mnist
    """
    known = lookup(name)
    if known.package is not None:
        click.echo(f"{name} comes with ffnp: there is nothing to fetch", err=True)
        location = str(next(known.copies(None)).place)
    else:
        location = str(fetch(known, None if data_dir is None else data_dir / name))
    click.echo(dumps({"name": name, "location": location}) if json else location)


@data.command("verify", cls=Plain)
@click.argument("name", required=False, shell_complete=named)
@data_dir_option
@json_option
def verify_command(name: str | None, data_dir: Path | None, json: bool) -> None:
    """Compare every copy of the data set NAME, or of all, with the published files.

    \b
    Example:
      ffnp data verify cifar10 --data-dir ~/data
    """
    chosen = list(CATALOGUE.values()) if name is None else [lookup(name)]
    reports: list[dict[str, Any]] = []
    wrong, mends = [], []
    for copy in chain.from_iterable(known.copies(data_dir) for known in chosen):
        checks = [asdict(check) for check in verify(copy)]
        published = not any(check["problem"] for check in checks)
        found = {"name": copy.known.name, "location": str(copy.place)}
        reports.append(found | {"published": published, "files": checks})
        if not published:
            wrong.append(f"{copy.known.name} in {copy.place}")
            mends.append(copy.known.fetched(data_dir))
    if name is not None and not reports:
        raise chosen[0].not_here()
    if json:
        click.echo(dumps({"published": not wrong, "copies": reports}))
    else:
        for report in reports:
            verdict = "the published files" if report["published"] else "NOT the published files"
            click.echo(f"{report['name']} in {report['location']}: {verdict}")
            for file in report["files"]:
                click.echo(f"  {file['problem'] or 'ok'}: {file['file']}")
    if wrong:
        places, mend = ", ".join(wrong), "; ".join(dict.fromkeys(mends))
        raise StorageError(f"not the published files: {places}: {mend}")
