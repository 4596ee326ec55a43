"""Is a copy of a data set the published one? The checksum of each file's content says it."""

from dataclasses import dataclass
from hashlib import file_digest
from typing import Any, cast

from ffnp.data.known import Copy
from ffnp.errors import FFNPError
from ffnp.files import inflated


@dataclass(frozen=True)
class Check:
    """One file of a copy, with the SHA-256 of its content, uncompressed."""

    file: str
    sha256: str  # empty if it cannot be read
    published_sha256: str
    problem: str  # empty if nothing is wrong


def verify(copy: Copy) -> list[Check]:
    """Compare each file of a copy with the published one."""
    checks = []
    for name, path in zip(copy.layout.files, copy.paths, strict=True):
        published = copy.known.sha256[name]
        try:
            with inflated(path) as file:
                found = file_digest(cast(Any, file), "sha256").hexdigest()
            problem = "" if found == published else "its content is not the published one"
        except FFNPError as error:
            found, problem = "", str(error)
        checks.append(Check(str(path), found, published, problem))
    return checks
