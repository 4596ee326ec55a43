"""Downloads: several mirrors, the checksum of the content, nothing half-written kept."""

import errno
import os
import re
import shutil
import tarfile
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from tqdm import tqdm

from ffnp.data.known import Archive, Known
from ffnp.data.verifying import verify
from ffnp.errors import InputError, InputWarning, StorageError, brief
from ffnp.files import (
    CHUNK,
    lock,
    opened,
    partial,
    reading,
    remove_partial,
    write_atomically,
    writing,
)

MIRROR_VARIABLE = "FFNP_DATA_MIRROR"
TIMEOUT = 30.0  # seconds in which a mirror must answer, and then send another PIECE
PIECE = 1 << 15  # bytes
LONGEST = 3600.0  # seconds for a file
TOO_SLOW = "it is too slow"
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
LARGEST = 1 << 28  # bytes of a file; a mirror that sends more is not what it should be


def fetch(known: Known, folder: Path | None = None) -> Path:
    """Download what is missing or damaged of a data set; gives back the folder of its files.

    `StorageError` if no mirror has a file with the right content, or it cannot be written.

    Parameters
    ----------
    known : Known
        The environment variable FFNP_DATA_MIRROR, a base URL or a folder, takes the place of its
        mirrors: files are looked for there in the data set's own folder, then in itself.
    folder : Path, optional
        Where to keep the files; the user's cache by default.
    """
    folder = known.cache if folder is None else folder
    mirrors = _mirrors(known)
    with _alone(folder):
        for copy in known.copies_in(folder):
            if not any(check.problem for check in verify(copy)):
                return folder
        if known.archive is not None:
            packed = folder / known.archive.name
            _retrieve(mirrors, known.archive.name, packed, known.archive.sha256)
            _unpack(known.archive, packed)
        else:
            for name, sha256 in known.sha256.items():
                _retrieve(mirrors, name + ".gz", folder / name, sha256)
    return folder


def _mirrors(known: Known) -> tuple[str, ...]:
    """Base URLs or folders; `InputError` if the user's is neither."""
    mirror = os.environ.get(MIRROR_VARIABLE, "")
    if not mirror:
        return known.mirrors
    if "://" in mirror and not _is_address(mirror):
        raise InputError(
            f"{MIRROR_VARIABLE} is {brief(shown(mirror))}: give a folder, or a base URL as "
            "http://host/path or https://host/path"
        )
    mirror = mirror.rstrip("/")
    return f"{mirror}/{known.name}", mirror


def _is_address(url: str) -> bool:
    """Whether a URL names a host that HTTP can reach."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        return parts.scheme in ("http", "https") and host != b"" and (parts.port or 1) > 0
    except ValueError:
        return False


def shown(url: str) -> str:
    """A URL without the name and password that it may have."""
    return re.sub("//.*@", "//", url)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only process that fetches into a folder, which is made; empty, it goes again.

    Another one is waited for: it may fetch the same.
    """
    with writing(folder):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            lock(descriptor)
        except BlockingIOError:
            text = f"another process fetches into {folder}: waiting until it ends"
            warnings.warn(text, InputWarning, stacklevel=4)
            lock(descriptor, wait=True)
    try:
        folder.mkdir(exist_ok=True)  # the other one may have removed it
        yield
    finally:
        os.close(descriptor)
        with suppress(OSError):
            for path in missing:
                path.rmdir()


def _unpack(archive: Archive, packed: Path) -> None:
    target = packed.parent / archive.layout.folder
    with writing(target):
        target.mkdir(exist_ok=True)
    remove_partial(target)  # of an unpacking that was killed
    with reading(packed, tarfile.TarError, KeyError), tarfile.open(packed) as tar:
        for name in archive.layout.files:
            member = tar.extractfile(f"{archive.layout.folder}/{name}")
            assert member is not None, "the archive has the published checksum"
            with member:
                write_atomically(target / name, member.read())
    packed.unlink()


def _retrieve(mirrors: tuple[str, ...], remote: str, path: Path, sha256: str) -> None:
    """Download `remote` to `path`, from the first mirror that sends the right content.

    Each is tried twice: with the bytes as they come, then decoded as it says (Content-Encoding).
    """
    if path.is_file() and _sha256(path) == sha256:
        return
    failures: dict[str, str] = {}
    with _folder_for(path) as coming:
        for decoded in (False, True):
            for url in [f"{base}/{remote}" for base in mirrors]:
                if failures.get(url) == TOO_SLOW:
                    continue
                found = coming / f"{len(failures)}{decoded}"
                try:
                    _download(url, found, decoded)
                    if _sha256(found) == sha256:
                        found.replace(path)
                        return
                    failures[url] = "its content is not the published one"
                except OSError as error:
                    if error.errno in UNWRITABLE:  # no mirror's fault
                        with writing(path):
                            raise
                    failures[url] = _reason(error)
                except (ValueError, zlib.error):
                    failures[url] = "its content is not the published one"
    reasons = "; ".join(f"{shown(url)}: {reason}" for url, reason in failures.items())
    raise StorageError(
        f"{remote} cannot be fetched ({reasons}): try again later, or set {MIRROR_VARIABLE} "
        "to a base URL or a folder that has it"
    )


@contextmanager
def _folder_for(path: Path) -> Iterator[Path]:
    """A new folder for what is on its way; what killed downloads left beside it goes."""
    with writing(path):
        remove_partial(path.parent)
        coming = partial(path)
        coming.mkdir()
    try:
        yield coming
    finally:
        shutil.rmtree(coming, ignore_errors=True)


def _sha256(path: Path) -> str:
    with reading(path), path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _reason(error: OSError) -> str:
    if not hasattr(error, "response"):
        return error.strerror or str(error)
    if error.response is not None:  # an answer of the HTTP server, in words of requests
        return f"HTTP status {error.response.status_code}"
    return type(error).__name__


def _download(url: str, found: Path, decoded: bool) -> None:
    """Write what a URL or a file holds, without its gzip wrapping, to a file."""
    with found.open("wb") as file:
        sink = Sink(file, inflate=not url.endswith(".tar.gz"))
        if "://" not in url:
            with opened(Path(url)) as source:
                shutil.copyfileobj(source, sink, CHUNK)
            return
        if not _is_address(url):
            raise OSError("it is no URL of HTTP")
        with tqdm(desc=url.rpartition("/")[2], unit="B", unit_scale=True, disable=None) as bar:

            def take(data: bytes) -> None:
                sink.write(data)
                bar.update(len(data))

            _watched(lambda take: _receive(url, take, bar, decoded), take)


def _receive(url: str, take: Callable[[bytes], None], bar: "tqdm[None]", decoded: bool) -> None:
    """Give on what a server sends, piece by piece."""
    import requests  # here, since its import takes longer than loading a small data set
    from urllib3.exceptions import HTTPError

    as_it_is = {"Accept-Encoding": "identity"}  # a packed file need not be packed
    with requests.get(url, stream=True, timeout=TIMEOUT, headers=as_it_is) as response:
        response.raise_for_status()
        length = response.headers.get("Content-Length", "")
        bar.total = int(length) if length.isdecimal() else None
        try:
            while piece := response.raw.read(PIECE, decode_content=decoded):
                take(piece)
        except HTTPError as error:
            raise OSError(f"what it sends ends or breaks ({type(error).__name__})") from error


def _watched(
    receive: Callable[[Callable[[bytes], None]], None], take: Callable[[bytes], None]
) -> None:
    """Let a thread of its own receive, and give it up when it is too slow.

    Whatever it waits for: a name, an answer, or bytes that come one by one.
    """
    begun = last = time.monotonic()
    failed: list[Exception] = []
    given_up = False
    mutex = threading.Lock()

    def give(data: bytes) -> None:
        nonlocal last
        with mutex:
            if given_up:
                raise OSError(TOO_SLOW)
            take(data)
        last = time.monotonic()

    def work() -> None:
        try:
            receive(give)
        except Exception as error:  # of requests, urllib3 and what they stand on
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)  # it must not keep the process
    thread.start()
    while thread.is_alive():
        thread.join(0.2)
        now = time.monotonic()
        if thread.is_alive() and (now - last > TIMEOUT or now - begun > LONGEST):
            with mutex:
                given_up = True
            raise OSError(TOO_SLOW)
    if failed:
        raise failed[0]


class Sink:
    """A file to write to that inflates gzip as it comes, and takes no more than LARGEST bytes.

    Mirrors pack the same files differently, so the checksum is that of what is inside.
    """

    def __init__(self, file: IO[bytes], inflate: bool) -> None:
        self._file = file
        self._inflater = zlib.decompressobj(wbits=31) if inflate else None
        self._room = self._coming = LARGEST

    def write(self, data: bytes) -> None:
        """Write one chunk."""
        self._coming -= len(data)
        if self._inflater is not None:
            data = self._inflater.decompress(data, self._room + 1)
            if self._inflater.unused_data:
                raise ValueError("it goes on after its end")
        self._room -= len(data)
        if min(self._room, self._coming) < 0:
            raise ValueError(f"more than {LARGEST} bytes")
        self._file.write(data)

    def flush(self) -> None:
        """Nothing is held back."""
