"""The commands, one line for every error, and the exit status that goes with it."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from ffnp.errors import FFNPError, InputWarning

from .analyse import analyse
from .bench import bench
from .data import data
from .evaluate import evaluate
from .gradcheck import gradcheck
from .info import info
from .options import help_alone, origin
from .plot import plot
from .predict import predict
from .reproduce import reproduce
from .train import train

DEBUG = "FFNP_DEBUG"


@click.group(invoke_without_command=True, context_settings={"auto_envvar_prefix": "FFNP"})
@click.version_option(package_name="ffnp")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Forward-Forward learning with layer collaboration."""
    help_alone(ctx)


for command in (train, evaluate, predict, analyse, plot, reproduce, gradcheck, bench, data, info):
    cli.add_command(command)


def run() -> int:
    """Run the command line: 0 done, 1 failed, 2 wrong command or input."""
    try:
        with _notes():
            status = cli(standalone_mode=False)
        if sys.stdout is not None:  # it is, where the shell closed it
            sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        source = ""  # of a bad value, if not the command line
        if isinstance(error, click.BadParameter) and error.ctx and error.param:
            source = origin(error.ctx, error.param.name or "")
        return _fail(" ".join(error.format_message().split()) + source, error.exit_code)
    except click.Abort:
        return _fail("interrupted")
    except MemoryError:
        return _fail("out of memory: use smaller batches, layers or data")
    except FFNPError as error:
        return _fail(str(error), error.exit_status)
    except OSError as error:
        if error.filename is None:  # standard output, closed or full: it takes no more
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # whoever read it has read enough
            return 1
        return _fail(f"{error.filename or 'standard output'} cannot be used: {error.strerror}")
    except Exception as error:
        if DEBUG in os.environ:
            raise
        return _fail(
            f"{type(error).__name__}: {error}: this should not happen: "
            f"set {DEBUG}=1 to see where it does, and report it"
        )


@contextmanager
def _notes() -> Iterator[None]:
    """Every warning of an input is a line on standard error."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, InputWarning):
                _say("Note", str(message))
            else:
                show(message, category, *rest)

        warnings.simplefilter("always", InputWarning)
        warnings.showwarning = note  # type: ignore[assignment]
        yield


def _fail(message: str, status: int = 1) -> int:
    _say("Error", message)
    return status


def _say(kind: str, message: str) -> None:
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    click.echo(f"{kind}: {line}", err=True)
