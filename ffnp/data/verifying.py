"""Is a copy of a data set the published one? The checksum of each file's content says it."""

from dataclasses import dataclass
from hashlib import sha256

from ffnp.data.known import Copy
from ffnp.errors import FFNPError
from ffnp.files import CHUNK, Readable, inflated


@dataclass(frozen=True)
class Check:
    """One file of a copy, its SHA-256 of what is inside, uncompressed."""

    path: Readable
    expected: str  # the published one
    found: str  # empty if it cannot be read
    problem: str  # empty if nothing is wrong


def verify(copy: Copy) -> list[Check]:
    """Compare each file of a copy with the published one."""
    return [
        _check(path, copy.known.sha256[name])
        for name, path in zip(copy.layout.files, copy.paths, strict=True)
    ]


def _check(path: Readable, expected: str) -> Check:
    digest = sha256()
    try:
        with inflated(path) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except FFNPError as error:
        return Check(path, expected, "", str(error))
    found = digest.hexdigest()
    problem = "" if found == expected else "its content is not the published one"
    return Check(path, expected, found, problem)
