"""Downloads: several mirrors, the checksum of the content, nothing half-written kept."""

import errno
import os
import shutil
import tarfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from ffnp.data.known import Archive, Known
from ffnp.data.verifying import verify
from ffnp.errors import StorageError
from ffnp.files import CHUNK, opened, partial, reading, remove_partial, write_atomically, writing

MIRROR_VARIABLE = "FFNP_DATA_MIRROR"
ATTEMPTS = 2  # at each mirror
TIMEOUT = 30  # seconds without an answer
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
    for copy in known.copies_in(folder):
        if not any(check.problem for check in verify(copy)):
            return folder
    if known.archive is not None:
        packed = folder / known.archive.name
        _retrieve(known, known.archive.name, packed, known.archive.sha256)
        _unpack(known.archive, packed)
    else:
        for name, sha256 in known.sha256.items():
            _retrieve(known, name + ".gz", folder / name, sha256)
    return folder


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


def _retrieve(known: Known, remote: str, path: Path, sha256: str) -> None:
    """Download `remote` to `path`, from the first mirror that sends the right content."""
    import pooch  # here, since its import takes longer than loading a small data set

    if path.is_file() and pooch.file_hash(path) == sha256:
        return
    remove_partial(path.parent)  # of a download that was killed
    coming = partial(path)  # a folder, that nobody else has
    failures: dict[str, str] = {}
    mirror = os.environ.get(MIRROR_VARIABLE, "").rstrip("/")
    bases = (f"{mirror}/{known.name}", mirror) if mirror else known.mirrors
    for base in ATTEMPTS * bases:
        url = f"{base}/{remote}"
        with writing(path):
            coming.mkdir(parents=True)
        try:
            pooch.retrieve(url, f"sha256:{sha256}", path.name, coming, downloader=_download)
            (coming / path.name).replace(path)
            return
        except OSError as error:
            if error.errno in UNWRITABLE:  # no mirror's fault
                with writing(path):
                    raise
            failures[url] = _reason(error)
        except (ValueError, zlib.error):
            failures[url] = "its content is not the published one"
        finally:
            shutil.rmtree(coming, ignore_errors=True)
    with suppress(OSError):
        path.parent.rmdir()  # if nothing is in it
    reasons = "; ".join(f"{url}: {reason}" for url, reason in failures.items())
    raise StorageError(
        f"{remote} cannot be fetched ({reasons}): try again later, or set {MIRROR_VARIABLE} "
        "to a base URL or a folder that has it"
    )


def _reason(error: OSError) -> str:
    if not hasattr(error, "response"):
        return error.strerror or str(error)
    if error.response is not None:  # an answer of the HTTP server, in words of requests
        return f"HTTP status {error.response.status_code}"
    return type(error).__name__


def _download(url: str, output: str, _pooch: Any) -> None:
    """Write what a URL or a file holds, without its gzip wrapping, to the file `output`."""
    import pooch

    with open(output, "wb") as file:
        sink = Sink(file, inflate=not url.endswith(".tar.gz"))
        if "://" not in url:
            with opened(Path(url)) as source:
                shutil.copyfileobj(source, sink, CHUNK)
            return
        # pooch replaces the total, but asks for the bar's truth before, which needs one
        name = url.rpartition("/")[2]
        with tqdm(desc=name, total=1, unit="B", unit_scale=True, disable=None) as bar:
            http = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=TIMEOUT)
            http(url, sink, None)


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
