"""An objective, a gamma or an activation of one's own in a file: FILE.py:NAME."""

import inspect
import runpy
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from ffnp.config import Config, is_reference
from ffnp.errors import InputError
from ffnp.files import read_bytes
from ffnp.objectives.own import KNOWN, WANTED, Own, as_activation

ARGUMENTS = {"objective": ("goodness", "gamma"), "gamma": ("goodness",)}


def checksum(reference: str) -> str:
    """SHA-256 of the file; `InputError` if there is none."""
    return sha256(read_bytes(Path(reference.rpartition(":")[0]))).hexdigest()


def import_own(reference: str, what: str = "objective") -> Any:
    """Run the file, and take what is of that name; `InputError` if that fails in any way.

    NAME is an objective, a gamma or an activation, or a class or function that makes one without
    arguments.
    """
    path, _, name = reference.rpartition(":")
    read_bytes(Path(path))  # says why it cannot be read
    with naming(reference):
        found = runpy.run_path(path)
        if name not in found:
            raise InputError(f"{path} has no {name}: give a name that is defined there")
        own = found[name]
        if inspect.isclass(own) and not _takes(own):
            raise InputError(f"{reference} needs arguments: give a function that makes it of none")
        if _takes(own):
            own = own()
        fits = _takes(own, *ARGUMENTS[what]) if what in ARGUMENTS else True
        if not fits:
            raise InputError(f"{reference} is no {what}: {WANTED[what]}")
        return as_activation(own) if what == "activation" else own


def import_all(config: Config, given: Own, names: Iterable[str] = KNOWN) -> Own:
    """What is given, and of some names what the configuration has as FILE.py:NAME."""
    wanted = {name: getattr(config, name) for name in names if name not in given.given}
    found = {n: import_own(value, n) for n, value in wanted.items() if is_reference(value)}
    return replace(given, **found)


@contextmanager
def naming_all(config: Config) -> Iterator[None]:
    """`naming` of every file that a configuration names."""
    with ExitStack() as stack:
        for name in KNOWN:
            stack.enter_context(naming(getattr(config, name)))
        yield


@contextmanager
def naming(reference: str) -> Iterator[None]:
    """Turn what the code in the file of a FILE.py:NAME raises into a line that says where."""
    path = reference.rpartition(":")[0]
    try:
        yield
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == path]
        reason: object = error
        if isinstance(error, SyntaxError):
            reason = error.msg
            if error.filename == path:
                lines.append(error.lineno)
        if not lines:  # it is not the file's
            raise
        raise InputError(f"{path}, line {lines[-1]}: {type(error).__name__}: {reason}") from error


def _takes(objective: Any, *arguments: str) -> bool:
    """Whether it can be called with so many arguments."""
    try:
        inspect.signature(objective).bind(*arguments)
    except ValueError:  # it does not say what it takes
        return bool(arguments)
    except TypeError:  # it is no function, or takes others
        return False
    return True
