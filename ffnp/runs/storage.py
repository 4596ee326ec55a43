"""Formats of a run's files: arrays with plain values, and JSON."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ffnp.errors import InputError
from ffnp.files import GOOD_COPY, read_bytes, reading, write_atomically

FORMAT = 1  # of the files below; raised when an old program could not read them
KEY = "ffnp"  # in a safetensors file's metadata


def write_tensors(path: Path, tensors: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Write host arrays and plain values as one safetensors file with a checksum, atomically."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    text = json.dumps({"format": FORMAT, **values})
    # One entry: safetensors writes several in no fixed order, and equal runs have equal bytes.
    signed = json.dumps({"sha256": _checksum(contiguous, text), "values": text})
    write_atomically(path, save(contiguous, {KEY: signed}))


def read_tensors(path: Path, mend: str = GOOD_COPY) -> tuple[dict[str, Any], dict[str, Any]]:
    """Host arrays by name, and the plain values that `write_tensors` stored with them.

    Besides the errors of `reading`, `InputError` if the file is not ffnp's or of a newer format.
    """
    content = read_bytes(path)
    try:
        tensors = load(content)
        length = int.from_bytes(content[:8], "little")
        signed = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][KEY])
        text, checksum = signed["values"], signed["sha256"]
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged or not a file of ffnp: {error}: {mend}") from error
    if checksum != _checksum(tensors, text):
        raise InputError(f"{path} is damaged: its checksum does not fit its content: {mend}")
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
    with reading(path, ValueError, RecursionError):
        return json.loads(read_bytes(path))
