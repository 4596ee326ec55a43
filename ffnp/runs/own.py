"""An objective of one's own in a file: FILE.py:NAME."""

import inspect
import runpy
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from ffnp.errors import InputError
from ffnp.files import read_bytes
from ffnp.objectives.base import Objective


def checksum(reference: str) -> str:
    """SHA-256 of the file; `InputError` if there is none."""
    return sha256(read_bytes(Path(reference.rpartition(":")[0]))).hexdigest()


def import_objective(reference: str) -> Objective:
    """Run the file, and take its objective of that name; `InputError` if that fails in any way.

    NAME is an objective, or a class or function that makes one without arguments.
    """
    path, _, name = reference.rpartition(":")
    read_bytes(Path(path))  # says why it cannot be read
    with naming(reference):
        found = runpy.run_path(path)
        if name not in found:
            raise InputError(f"{path} has no {name}: give a name that is defined there")
        objective = found[name]
        if inspect.isclass(objective) and not _takes(objective):
            raise InputError(f"{reference} needs arguments: give a function that makes it of none")
        if _takes(objective):
            objective = objective()
    if not _takes(objective, "goodness", "gamma"):
        raise InputError(f"{reference} is no objective: it must be called with (goodness, gamma)")
    return objective  # type: ignore[no-any-return]


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
