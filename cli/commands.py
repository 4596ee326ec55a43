"""The commands, one line for every error, and the exit status that goes with it."""

import errno
import io
import os
import sys
import traceback
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

import click

from ffnp.errors import FFNPError, in_short, noting

from .plain import PlainGroup, help_alone, origin

COMMANDS = {  # each is in the module of its name
    "analyse": "Functional entropy, goodness and dead units of a run.",
    "bench": "Time a step and prediction against their products alone.",
    "compare": "Compare runs: those that differ by the seed are one line.",
    "data": "List, fetch and verify data sets.",
    "evaluate": "Errors of a run on test images, by its layers' votes.",
    "gradcheck": "Check every gradient against finite differences.",
    "info": "Versions, BLAS and its threads, and which backends work.",
    "page": "Write a page to draw on, which shows what layers say.",
    "plot": "Draw errors, goodness, confusions and learning curves.",
    "predict": "Labels of images, with each layer's goodness for each.",
    "reproduce": "Run and write the paper's tables and figures.",
    "runs": "List the runs in a folder, and what differs among them.",
    "train": "Train a network, store the run and print its test errors.",
    "weights": "Draw what the first layer's units look for.",
}
DEBUG = "FFNP_DEBUG"
MENDS = {  # what the system refuses, and how to mend it
    errno.ENOSPC: "free some",
    errno.EDQUOT: "free some, or ask for a higher quota",
    errno.EAGAIN: "raise the limit of processes and threads (ulimit -u)",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close other programs",
    errno.EACCES: "allow it (chmod), or give another one",
    errno.ENAMETOOLONG: "give a shorter one",
    errno.ENOMEM: "use smaller batches, layers or data",
}
OUTPUT = "standard output"
LONGEST = 2000  # characters of a line
LOOK = f"set {DEBUG}=1 to see where"


class Kept(Exception):
    """Brings its cause past click, which takes any EOFError for Ctrl-C, any EPIPE for stdout's."""


class Commands(PlainGroup):
    """The commands, each imported when it is called: help and completion are there at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """A command by its name."""
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f".{name}", __package__), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them in the help, in few words."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was given."""
        try:
            return super().invoke(ctx)
        except FFNPError:
            raise
        except (EOFError, OSError) as error:
            raise Kept from error


@click.group(
    cls=Commands, invoke_without_command=True, context_settings={"auto_envvar_prefix": "FFNP"}
)
@click.version_option(package_name="ffnp", allow_from_autoenv=False)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Forward-Forward learning with layer collaboration."""
    help_alone(ctx)


class Output(io.FileIO):
    """Standard output, which says its name when it takes no more."""

    def write(self, data: Any) -> int:
        """Write bytes."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = OUTPUT
            raise


def run() -> int:
    """Run the command line: 0 done, 1 failed, 2 wrong command or input."""
    if (out := sys.__stdout__) is not None and sys.stdout is out:  # None: closed by the shell
        raw = io.BufferedWriter(Output(out.fileno(), "wb", closefd=False))
        sys.stdout = io.TextIOWrapper(raw, out.encoding, "backslashreplace")  # names of any bytes
    try:
        with noting(partial(_say, "Note")):
            status = cli(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except Exception as error:
        if DEBUG in os.environ:
            traceback.print_exc()
        return _fail(error.__cause__ if isinstance(error, Kept) and error.__cause__ else error)


def _fail(error: BaseException) -> int:
    """Say what went wrong, in one line; the exit status."""
    if isinstance(error, OSError) and error.filename == OUTPUT:  # it is given no more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # whoever read it has read enough
            return 1
    _say("Error", _message(error))
    return getattr(error, "exit_status", getattr(error, "exit_code", 1))


def _message(error: BaseException) -> str:
    if isinstance(error, FFNPError):
        return str(error)
    if isinstance(error, click.ClickException):
        source = ""  # of a bad value, if not the command line
        if isinstance(error, click.BadParameter) and error.ctx and error.param:
            source = origin(error.ctx, error.param.name or "")
        return " ".join(error.format_message().split()) + source
    if isinstance(error, click.Abort):
        signal = error.__cause__ or error.__context__  # the latter of click 8.1
        return ": ".join(["interrupted", *getattr(signal, "__notes__", ())])
    if isinstance(error, MemoryError):
        return f"out of memory: {MENDS[errno.ENOMEM]}"
    if isinstance(error, FileNotFoundError) and error.filename is None and not _has_place():
        return "the folder that this command was started in is gone: change to another one"
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.filename} cannot be used" if error.filename else "the system refuses"
        return f"{what}: {error.strerror}: {MENDS.get(error.errno or 0, LOOK)}"
    if "can't start new thread" in str(error):
        return f"the system refuses another thread: {MENDS[errno.EAGAIN]}"
    return f"{in_short(error)}: this should not happen: {LOOK}, and report it"


def _has_place() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _say(kind: str, message: str) -> None:
    """A line on standard error, above the bars."""
    from tqdm import tqdm  # here: it is not needed where nothing is to be said

    if len(message) > LONGEST:  # whatever was given: what is wrong is said first, the mend last
        message = f"{message[: LONGEST // 2]} ... {message[-LONGEST // 2 :]}"
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    with suppress(OSError), tqdm.external_write_mode():  # of standard error
        click.echo(f"{kind}: {line}", err=True)
