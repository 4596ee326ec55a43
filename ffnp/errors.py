"""What can go wrong, in one line each: what, where, how to mend it.

The command line prints the message alone and exits with `exit_status`.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

LONGEST = 200  # characters of a value in a message


class FFNPError(Exception):
    """Base of every error that ffnp raises on purpose: something failed (exit status 1)."""

    exit_status = 1


class InputError(FFNPError, ValueError):
    """The input is wrong: a value, a name, a shape or a file's content (exit status 2)."""

    exit_status = 2


class GoneError(InputError):
    """An earlier ffnp had it: the message says where it is now."""


class StorageError(FFNPError, OSError):
    """A file could not be read or written: the system's reason is in the message."""


class TrainingError(FFNPError, RuntimeError):
    """Training cannot go on: the numbers are no longer finite, or the network has died."""


class InputWarning(UserWarning):
    """What is given may not be what is meant; on the command line, a note."""


@contextmanager
def noting(say: Callable[[str], None]) -> Iterator[None]:
    """Inside, each text of an `InputWarning` is said once; other warnings are shown as ever."""
    said: set[str] = set()
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            text = str(message)
            if not issubclass(category, InputWarning):
                show(message, category, *rest)
            elif text not in said:
                said.add(text)
                say(text)

        warnings.simplefilter("always", InputWarning)
        warnings.showwarning = note  # type: ignore[assignment]
        yield


def expect(what: str, given: object, kind: Any, mend: str) -> None:
    """Raise `InputError` if something that was given is not of a type (True is no number)."""
    if not isinstance(given, kind) or isinstance(given, bool):
        raise InputError(f"{what} is of type {type(given).__name__}: {mend}")


def brief(value: object) -> str:
    """A value that was given as a message shows it: cut where it is long."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except (ValueError, RecursionError):  # of an integer: too many digits to be written
        text = f"{type(value).__name__} of very many digits or parts"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


def in_short(error: BaseException) -> str:
    """Type and first line of what an error began with."""
    while error.__cause__ is not None:
        error = error.__cause__
    line = next(filter(None, map(str.strip, str(error).splitlines())), "")
    return ": ".join(filter(None, (type(error).__name__, line)))


@contextmanager
def importing(title: str, module: str, extra: str) -> Iterator[None]:
    """Turn whatever goes wrong while an optional package is imported into one `InputError`.

    Parameters
    ----------
    title, module : str
        What people call the package, and what Python does.
    extra : str
        The extra of ffnp that installs it.
    """
    install = f"pip install 'ffnp[{extra}]'"
    try:
        yield
    except FFNPError:
        raise
    except (Exception, SystemExit) as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name
        if missing and missing.partition(".")[0] == module:
            raise InputError(f"{title} is not installed: {install}") from error
        raise InputError(
            f"{title} is installed, but does not work ({in_short(error)}): "
            f"{install} --force-reinstall, or uninstall it"
        ) from error
