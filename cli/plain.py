"""What every command is made of; nothing of ffnp is imported for it."""

from typing import Any

import click
from click.core import ParameterSource

SOURCES = f"{__name__}.sources"  # in the context: where defaults of options were found, by name


class Plain(click.Command):
    """A command with -h and --help, which no environment variable sets: they decide nothing."""

    def __init__(self, **named: Any) -> None:
        settings = named.pop("context_settings", None) or {}
        settings = {"help_option_names": ["-h", "--help"], **settings}
        super().__init__(context_settings=settings, **named)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The option."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.allow_from_autoenv = False
        return option


class PlainGroup(Plain, click.Group):
    """A group of such commands, which is one itself."""


def origin(ctx: click.Context, name: str) -> str:
    """Where the value of an option was found, to end a message; nothing of the command line's."""
    source = ctx.get_parameter_source(name)
    if source is ParameterSource.ENVIRONMENT:
        return f" (from {ctx.auto_envvar_prefix}_{name.upper()})"
    if source is ParameterSource.DEFAULT_MAP:
        return f" (from {ctx.meta[SOURCES][name]})"
    return ""


def help_alone(ctx: click.Context) -> None:
    """Print a group's help where no command of it is given."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
