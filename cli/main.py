"""The entry point: one line for every error, and the exit status that goes with it."""

import sys

import click

from ffnp.errors import FFNPError

from .analyse import analyse
from .bench import bench
from .data import data
from .evaluate import evaluate
from .gradcheck import gradcheck
from .info import info
from .plot import plot
from .predict import predict
from .reproduce import reproduce
from .train import train


@click.group(context_settings={"auto_envvar_prefix": "FFNP"})
@click.version_option(package_name="ffnp")
def cli() -> None:
    """Forward-Forward learning with layer collaboration."""


for command in (train, evaluate, predict, analyse, plot, reproduce, gradcheck, bench, data, info):
    cli.add_command(command)


def main() -> None:
    """Run the command line: exit status 0 done, 1 failed, 2 wrong command or input."""
    try:
        status = cli(standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"Error: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Error: interrupted", err=True)
        sys.exit(1)
    except MemoryError:
        click.echo("Error: out of memory: use smaller batches, layers or data", err=True)
        sys.exit(1)
    except FFNPError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_status)
    sys.exit(status if isinstance(status, int) else 0)
