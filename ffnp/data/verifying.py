"""Is a copy of a data set the published one? The checksum of each file's content says it."""

import json
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, cast

from ffnp.data.known import Copy, cache_path
from ffnp.errors import FFNPError
from ffnp.files import Readable, inflated, read_bytes, write_atomically

REMEMBERED = "checksums.json"  # in the user's cache folder


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
            found = _checksum(path)
            problem = "" if found == published else "its content is not the published one"
        except FFNPError as error:
            found, problem = "", str(error)
        checks.append(Check(str(path), found, published, problem))
    return checks


def differing(copy: Copy) -> list[str]:
    """The names of the files that are not the published ones.

    Their checksums are computed once for each size and time, and remembered in the user's cache
    folder. What came with ffnp is not looked at.
    """
    if copy.place == copy.known.embedded:
        return []
    memory = cache_path() / REMEMBERED
    known = _remembered(memory)
    keys = [_key(path) for path in copy.paths]
    new = {k: _checksum(path) for k, path in zip(keys, copy.paths, strict=True) if k not in known}
    if new:
        with suppress(FFNPError, OSError):  # where nothing can be kept, it is computed again
            memory.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(memory, json.dumps(known | new, indent=1).encode())
    found = [(known | new)[key] for key in keys]
    published = [copy.known.sha256[name] for name in copy.layout.files]
    return [p.name for p, a, b in zip(copy.paths, found, published, strict=True) if a != b]


def _remembered(memory: Path) -> dict[str, str]:
    """Checksums by what `_key` gives; none if they cannot be read."""
    with suppress(FFNPError, ValueError, RecursionError):
        values = json.loads(read_bytes(memory))
        if isinstance(values, dict):
            return values
    return {}


def _key(path: Readable) -> str:
    place = Path(str(path)).resolve()
    stat = place.stat()
    return f"{place} of {stat.st_size} bytes at {stat.st_mtime_ns}"


def _checksum(path: Readable) -> str:
    """SHA-256 of a file's content, uncompressed."""
    with inflated(path) as file:
        return file_digest(cast(Any, file), "sha256").hexdigest()
