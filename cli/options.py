"""Option types and options that several commands share."""

import json
import tomllib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import click

from ffnp.config import ALL, Config, is_reference
from ffnp.errors import InputError, brief
from ffnp.files import read_bytes
from ffnp.objectives.own import KNOWN
from ffnp.objectives.registry import LEFT
from ffnp.recipes import recipe

from .completion import datasets
from .plain import SOURCES


def widths(value: str | tuple[int, ...]) -> tuple[int, ...]:
    """Comma-separated widths, e.g. 500,500,500."""
    return value if isinstance(value, tuple) else tuple(_integers(value, "500,500,500"))


def layers(value: str | list[int]) -> list[int]:
    """Comma-separated layers, from 1."""
    return value if isinstance(value, list) else _integers(value, "1,3")


def rows(value: str | int) -> int | str:
    """A number of label rows, or `all`."""
    try:
        return ALL if value == ALL else int(value)
    except ValueError as error:
        raise click.BadParameter(f"'{value}' cannot be read: write 2, or all") from error


def _integers(text: str, example: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise click.BadParameter(f"'{text}' cannot be read: write e.g. {example}") from error


class Location(click.Path):
    """The name of a file or folder; an empty one, which would be the current folder, is refused."""

    def __init__(self, file_okay: bool = True) -> None:
        super().__init__(path_type=Path, file_okay=file_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if value == "":
            self.fail("the name is empty", param, ctx)
        if "\0" in str(value):
            self.fail("the name has a NUL character", param, ctx)
        return super().convert(value, param, ctx)


class OrFile(click.Choice):  # type: ignore[type-arg]
    """One of some names, or FILE.py:NAME."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__([*names, "FILE.py:NAME"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name: an objective that ffnp had once is left to the configuration to refuse."""
        if is_reference(value) or value in LEFT:
            return value
        return super().convert(value, param, ctx)


class Reference(click.ParamType):  # type: ignore[type-arg]
    """FILE.py:NAME."""

    name = "FILE.py:NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The text."""
        if not is_reference(value):
            self.fail(f"{value!r} is no FILE.py:NAME", param, ctx)
        return value


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def config_option(name: str, type: Any = None) -> Decorator:
    """An option of the configuration's field `name`, with all that is said there."""
    field = next(each for each in fields(Config) if each.name == name)
    about, default = field.metadata, field.default
    plain = (get_args(field.type) or (field.type,))[0]  # int, of int | None
    usual = click.Choice(about["choices"]) if about["choices"] else plain
    special: dict[str, Any] = {"hidden": widths, "labels": rows}
    special |= {own: OrFile(about["choices"]) for own in KNOWN}
    return click.option(
        "--" + name.replace("_", "-"),
        type=type or special.get(name, usual),
        default=",".join(map(str, default)) if isinstance(default, tuple) else default,
        show_default=default is not None,
        help=about["help"],
        metavar=about["metavar"],
        shell_complete=datasets if name == "dataset" else None,
    )


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of all fields of the configuration."""
    for field in reversed(fields(Config)):
        command = config_option(field.name)(command)
    return command


def read_config_file(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    """Take defaults from a TOML file: the command line and the environment win over it."""
    if path is None:
        return
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
        values = _of_run(text) if text.startswith("{") else tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: save it so ({error})") from error
    except (ValueError, RecursionError) as error:  # TOML's or JSON's
        raise InputError(f"{path} is neither TOML nor a run's config.json: {error}") from error
    twice = [name for name in values if "-" in name and name.replace("-", "_") in values]
    if twice:
        raise InputError(f"{path}: {twice[0]} is there twice, once with _: leave out one")
    values = {name.replace("-", "_"): value for name, value in values.items()}
    known = {p.name for p in ctx.command.params} - {param.name}
    unknown = sorted(set(values) - known)
    if unknown:
        names = brief(", ".join(unknown))
        raise InputError(f"{path}: unknown option {names}: see `ffnp train --help`")
    texts = {name: _text(path, name, value) for name, value in values.items()}
    ctx.default_map = {**(ctx.default_map or {}), **texts}
    ctx.meta[SOURCES] = ctx.meta.get(SOURCES, {}) | dict.fromkeys(texts, path)


def take_recipe(ctx: click.Context, _: click.Parameter, name: str | None) -> None:
    """Take defaults from a recipe: a configuration file wins over it."""
    if name is None:
        return
    texts = {key: _text(name, key, value) for key, value in recipe(name).items()}
    ctx.default_map = {**texts, **(ctx.default_map or {})}
    ctx.meta[SOURCES] = dict.fromkeys(texts, f"recipe {name}") | ctx.meta.get(SOURCES, {})


def _of_run(text: str) -> dict[str, Any]:
    """The configuration in a run's `config.json`, without what is left open."""
    values = json.loads(text).get("config")
    if not isinstance(values, dict):
        raise ValueError("it has no configuration")
    return {name: value for name, value in values.items() if value is not None}


def _text(where: object, name: str, value: Any) -> str:
    """A TOML value as it is written on the command line."""
    if name == "hidden" and isinstance(value, list) and all(type(v) is int for v in value):
        return ",".join(map(str, value))
    if isinstance(value, str | int | float):
        with suppress(ValueError):  # of an integer with too many digits
            return str(value)
    raise InputError(f"{where}: {name} is {brief(value)}: write one number or text")


activation_option = click.option(
    "--activation", type=Reference(), metavar="FILE.py:NAME",
    help="The file of the run's own activation, which is imported.",
)  # fmt: skip
layers_option = click.option(
    "--layers", type=layers, help="Which layers vote, e.g. 1,3.  [default: all]"
)
candidates_option = click.option(
    "--candidates", type=click.IntRange(min=1), metavar="M",
    help="Vote only on the M labels for which the first layer has most goodness.  [default: all]",
)  # fmt: skip
json_option = click.option("--json", is_flag=True, help="Print one JSON object.")
data_dir_option = config_option("data_dir", Location())
backend_option = config_option("backend")
device_option = config_option("device", click.IntRange(min=0))
