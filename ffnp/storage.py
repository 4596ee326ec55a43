"""Files of a run: written whole or not at all, and read without trust."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ffnp.errors import FFNPError, InputError, StorageError

FORMAT = 1  # of the files below; raised when an old program could not read them
KEY = "ffnp"  # in a safetensors file's metadata
PARTIAL = ".partial"  # ends the name of what is not yet whole


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong while `path` is written into one clear error."""
    try:
        yield
    except FFNPError:
        raise
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`; after a crash it holds either the old or the new bytes.

    Raises
    ------
    StorageError
        The system's reason, e.g. a full disk. The old file is untouched, nothing is left beside.
    """
    temporary = partial(path)
    with writing(path):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            rename(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def partial(path: Path) -> Path:
    """A neighbour of `path`, this process's own, to be renamed to it once complete."""
    return path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")


def remove_partial(folder: Path) -> None:
    """Remove what writers that were killed left in a folder; nobody may be writing there."""
    with writing(folder):
        for left in folder.glob(f".*{PARTIAL}"):
            left.unlink()


def rename(old: Path, new: Path) -> None:
    """Rename a file or folder so that the name survives a crash."""
    old.replace(new)
    folder = os.open(new.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_tensors(path: Path, tensors: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Write host arrays and plain values as one safetensors file with a checksum, atomically."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    text = json.dumps({"format": FORMAT, **values})
    # One entry: safetensors writes several in no fixed order, and equal runs have equal bytes.
    signed = json.dumps({"sha256": _checksum(contiguous, text), "values": text})
    write_atomically(path, save(contiguous, {KEY: signed}))


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Host arrays by name, and the plain values that `write_tensors` stored with them.

    Raises
    ------
    InputError
        The file is missing, damaged, not ffnp's, or of a newer format.
    StorageError
        The system cannot read it.
    """
    content = read_bytes(path)
    try:
        tensors = load(content)
        length = int.from_bytes(content[:8], "little")
        signed = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][KEY])
        text, checksum = signed["values"], signed["sha256"]
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged or not a file of ffnp: {error}") from error
    if checksum != _checksum(tensors, text):
        raise InputError(f"{path} is damaged: its checksum does not fit its content")
    values = json.loads(text)
    if values["format"] != FORMAT:
        raise InputError(
            f"{path} has format {values['format']}, this ffnp reads {FORMAT}: update ffnp"
        )
    return tensors, values


def _checksum(tensors: Mapping[str, Any], text: str) -> str:
    """SHA-256 of the text and of every tensor's name, type, shape and bytes."""
    digest = sha256(text.encode())
    for name, array in sorted(tensors.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def read_json(path: Path) -> Any:
    """The value that a JSON file holds; `InputError` if it is missing or damaged."""
    content = read_bytes(path)
    try:
        return json.loads(content)
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}") from error


def read_bytes(path: Path) -> bytes:
    """The content of a file; `InputError` if it is missing."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}") from error
