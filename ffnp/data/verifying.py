"""Is a copy of a data set the published one? The checksum of each file's content says it."""

import gzip
import hashlib
from dataclasses import dataclass
from typing import IO, cast

from ffnp.data.known import Copy
from ffnp.errors import FFNPError
from ffnp.files import CHUNK, Readable, reading


@dataclass(frozen=True)
class Check:
    """One file of a copy.

    Attributes
    ----------
    path : Path or Traversable
    expected : str
        The published SHA-256 of its content, uncompressed.
    found : str
        Its own; empty if it cannot be read.
    problem : str
        What is wrong with it; empty if nothing is.
    """

    path: Readable
    expected: str
    found: str
    problem: str


def verify(copy: Copy) -> list[Check]:
    """Compare each file of a copy with the published one."""
    return [
        _check(path, copy.known.sha256[name])
        for name, path in zip(copy.layout.files, copy.paths, strict=True)
    ]


def _check(path: Readable, expected: str) -> Check:
    try:
        found = sha256_of(path)
    except FFNPError as error:
        return Check(path, expected, "", str(error))
    return Check(
        path, expected, found, "" if found == expected else "its content is not the published one"
    )


def sha256_of(path: Readable) -> str:
    """SHA-256 of a file's content, inflated if its name ends in `.gz`.

    Raises
    ------
    InputError
        The file is missing or damaged.
    StorageError
        The system cannot read it.
    """
    with reading(path), path.open("rb") as file:
        if not path.name.endswith(".gz"):
            return _digest(file)
        with gzip.open(file) as inflated:
            return _digest(cast(IO[bytes], inflated))


def _digest(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
