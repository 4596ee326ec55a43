"""Formats of a run's files: arrays with plain values, and JSON."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ffnp.errors import InputError, brief
from ffnp.files import GOOD_COPY, read_bytes, reading, write_atomically

FORMAT = 1  # of the files below; raised when an old program could not read them
KEY = "ffnp"  # in a safetensors file's metadata


def packed(tensors: Mapping[str, Any], values: Mapping[str, Any]) -> bytes:
    """Host arrays and plain values as one safetensors file with a checksum."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    text = json.dumps({"format": FORMAT, **values})
    # One entry: safetensors writes several in no fixed order, and equal runs have equal bytes.
    signed = json.dumps({"sha256": _checksum(contiguous, text), "values": text})
    content: bytes = save(contiguous, {KEY: signed})
    return content


def write_tensors(path: Path, tensors: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Write a file of host arrays and plain values, atomically."""
    write_atomically(path, packed(tensors, values))


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
        whole = checksum == _checksum(tensors, text)
        values = json.loads(text)
        form = values["format"]
    except (SafetensorError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = brief(str(error) or type(error).__name__)
        raise InputError(f"{path} is damaged or not a file of ffnp: {reason}: {mend}") from error
    except RecursionError as error:
        raise InputError(f"{path} is damaged: values within values: {mend}") from error
    if not whole:
        raise InputError(f"{path} is damaged: its checksum does not fit its content: {mend}")
    if form != FORMAT:
        raise InputError(f"{path} has format {brief(form)}, this ffnp reads {FORMAT}: update ffnp")
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
