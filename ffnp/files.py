"""Files read without trust and written whole or not at all: one clear error for each fault."""

import errno
import gzip
import os
import re
import shutil
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from pathlib import Path
from secrets import token_hex
from typing import IO, cast

from ffnp.errors import FFNPError, InputError, StorageError

Readable = Path | Traversable
CHUNK = 1 << 20
GOOD_COPY = "replace it by a good copy"  # what mends most damage
# What a file system answers that cannot do it at all: CIFS to fsync of a folder, some to locks.
CANNOT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)
PARTIAL = ".partial"  # ends the name of what is not yet whole
# what killed writers leave, this version's and earlier ones'
LEFTOVER = re.compile(rf"\..+\.([0-9]+|[0-9a-f]{{16}}){re.escape(PARTIAL)}", re.DOTALL)
ROOM = 1 << 24  # bytes that a file may always stand for, and beyond them
TIMES = 100  # as many as it holds: images are packed by less


@contextmanager
def reading(path: Readable, *malformed: type[Exception], mend: str = GOOD_COPY) -> Iterator[None]:
    """Turn what goes wrong while `path` is read into one clear error.

    `InputError` if the file is missing, a folder or malformed: if gzip raises something, or the
    format's reader one of `malformed`; `mend` then ends the message. `StorageError` if the system
    cannot read it.
    """
    try:
        yield
    except FFNPError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder: give a file") from error
    except malformed + (OSError, zlib.error, EOFError) as error:
        # Without a number it is not the system's complaint but a library's, of the content.
        if isinstance(error, OSError) and error.errno is not None:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is damaged: {reason}: {mend}") from error


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; `StorageError` where one may not look."""
    with reading(path):
        return path.exists()


def opened(path: Readable) -> IO[bytes]:
    """A file to read, within `reading`.

    `InputError` if it is a pipe or a device, for which one might wait for ever, or nearly all
    holes, which take memory and no disk.
    """
    if not isinstance(path, Path):  # in a package that is an archive
        return path.open("rb")
    file = open(path, "rb", opener=_without_waiting)
    try:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path} is a pipe or a device: give a file")
        if found.st_size > ROOM:
            check_packing(path, found.st_size, _without_holes(file.fileno(), found.st_size))
    except BaseException:
        file.close()
        raise
    return file


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has none


def _without_holes(descriptor: int, size: int) -> int:
    """How many bytes a file holds on the disk, where the system tells; no more than are asked."""
    held = start = 0
    try:
        while start < size and size > ROOM + TIMES * held:
            start = os.lseek(descriptor, start, os.SEEK_DATA)
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
            held, start = held + end - start, end
    except AttributeError:  # Windows, whose files have no holes
        return size
    except OSError as error:
        if error.errno != errno.ENXIO:  # the rest is a hole
            held = size  # the file system does not tell
    os.lseek(descriptor, 0, os.SEEK_SET)
    return held


def check_packing(where: object, size: int, held: int) -> None:
    """`InputError` if `size` bytes come from so few, `held`, that they are no data."""
    if size > ROOM + TIMES * held:
        raise InputError(
            f"{where} holds {held} bytes that stand for {size}: if these are data, save them "
            "without holes and uncompressed"
        )


@contextmanager
def inflated(path: Readable, *malformed: type[Exception]) -> Iterator[IO[bytes]]:
    """A file to read, inflated if its name ends in `.gz`; errors as of `reading`."""
    with reading(path, *malformed), opened(path) as file:
        if not path.name.endswith(".gz"):
            yield file
            return
        with gzip.open(file) as inside:
            yield cast(IO[bytes], inside)


def read_exactly(stream: IO[bytes], count: int, where: object) -> bytearray:
    """The remaining bytes of `stream`, which must be `count`.

    Memory grows with what arrives, so that a header's false claim allocates nothing.
    Reading to the end also makes gzip and zip streams check their checksums.
    """
    data = bytearray()
    while chunk := stream.read(min(CHUNK, count - len(data))):
        data += chunk
    if len(data) < count:
        raise InputError(f"{where} is truncated: {len(data)} of {count} bytes of data")
    if stream.read(1):
        raise InputError(f"{where} goes on after the {count} bytes of data that it declares")
    return data


def read_bytes(path: Readable) -> bytes:
    """The content of a file; errors as of `reading` and `opened`."""
    with reading(path), opened(path) as file:
        return file.read()


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

    Who may read it stays as it was. A link is replaced, not what it leads to. On a `StorageError`,
    e.g. a full disk, the old file is untouched and nothing is left beside.
    """
    with writing(path):
        mode = _mode(path)
        temporary = partial(path)
        try:
            with temporary.open("xb") as file:
                if mode not in (None, os.fstat(file.fileno()).st_mode & 0o777):
                    os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                flush(file.fileno())
            rename(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _mode(path: Path) -> int | None:
    """Who may read and write the file that is there, if one is."""
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISLNK(found):
        return None
    if not stat.S_ISREG(found):
        raise InputError(f"{path} is a pipe or a device: give another name")
    return found & 0o777


def partial(path: Path) -> Path:
    """A neighbour of `path` that nobody can foresee, to be renamed to it once complete."""
    return path.with_name(f".{path.name}.{token_hex(8)}{PARTIAL}")


def remove_partial(folder: Path) -> None:
    """Remove what killed writers left in a folder; nobody may be writing there."""
    with writing(folder):
        for left in folder.glob(f".*{PARTIAL}"):
            if not LEFTOVER.fullmatch(left.name):
                continue  # the user's
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()


def rename(old: Path, new: Path) -> None:
    """Rename a file or folder so that the name survives a crash."""
    old.replace(new)
    try:
        folder = os.open(new.parent, os.O_RDONLY)
    except PermissionError:  # it may be written but not read: it cannot be flushed
        return
    try:
        flush(folder)
    finally:
        os.close(folder)


def flush(descriptor: int) -> None:
    """Bring what was written to the disk, where the file system can be told to."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT:
            raise


def lock(descriptor: int, wait: bool = False) -> bool:
    """Lock what is open against other processes, until it is closed; False where no disk can.

    `BlockingIOError` if another one has it, unless it is waited for. Network disks refuse folders
    (EBADF).
    """
    try:
        import fcntl  # which Windows has not

        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ModuleNotFoundError:
        return False
    except OSError as error:
        if error.errno not in (*CANNOT, errno.EBADF):
            raise
        return False
    return True
