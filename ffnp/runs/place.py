"""A folder that one process writes in, whatever name it is given meanwhile."""

import os
import stat
from contextlib import ExitStack, suppress
from pathlib import Path

from ffnp.errors import InputError
from ffnp.files import LEFTOVER, flush, lock, partial, writing

# Windows has neither these nor paths relative to an open folder, which is found when one is opened
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW


class Place:
    """A folder held open: all is written relative to it, and no link in it is followed.

    A folder that is renamed goes on to be this one, and another one that takes its name is not.

    Attributes
    ----------
    folder : Path
        Its name when it was opened.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if os.open not in os.supports_dir_fd:
            raise InputError(
                f"{folder} cannot be a run: they are stored on Linux and macOS. On Windows, use "
                "its Linux subsystem (WSL), or train from Python without a folder"
            )
        self._locked: dict[str, int] = {}  # files whose locks are held, by name
        with writing(folder):
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def close(self) -> None:
        """Give up the folder and its locks."""
        with ExitStack() as stack:
            for descriptor in (self._descriptor, *self._locked.values()):
                stack.callback(os.close, descriptor)
        self._locked = {}

    def lock(self, name: str) -> bool:
        """Lock the folder and its file `name`; False where the disk can lock neither.

        The folder, since its files may be replaced; a file, since network disks lock no folders.
        `BlockingIOError` if another process has one of them.
        """
        folder = lock(self._descriptor)
        return self._lock_file(name) or folder

    def _lock_file(self, name: str) -> bool:
        descriptor = self._open(name, os.O_RDWR | NOFOLLOW | os.O_NONBLOCK)
        if name in self._locked:
            os.close(self._locked.pop(name))
        self._locked[name] = descriptor
        return lock(descriptor)

    @property
    def name(self) -> Path:
        """The folder's name now, as far as the system tells; else the one that it had."""
        if self.leads_here(self.folder):
            return self.folder
        with suppress(OSError):
            found = Path(self._name_now())
            if self.leads_here(found):
                return found
        return self.folder

    def _name_now(self) -> str:
        import fcntl  # which Windows has not

        ask = getattr(fcntl, "F_GETPATH", None)  # of macOS; Linux has a link instead
        if ask is None:
            return os.readlink(f"/proc/self/fd/{self._descriptor}")
        return os.fsdecode(fcntl.fcntl(self._descriptor, ask, bytes(1024)).rstrip(b"\0"))

    def leads_here(self, path: Path) -> bool:
        """Whether a name is that of this folder."""
        try:
            return os.path.samestat(os.stat(path), os.fstat(self._descriptor))
        except OSError:
            return False

    def write(self, name: str, content: bytes) -> None:
        """Replace a file; after a crash it holds either the old or the new bytes."""
        temporary = partial(Path(name)).name
        here = {"src_dir_fd": self._descriptor, "dst_dir_fd": self._descriptor}
        with writing(self.folder / name):
            try:
                with open(self._open(temporary, NEW), "wb") as file:
                    file.write(content)
                    file.flush()
                    flush(file.fileno())
                os.replace(temporary, name, **here)
                flush(self._descriptor)
                if name in self._locked:
                    self._lock_file(name)  # the new one
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=self._descriptor)
                raise

    def append(self, name: str, content: bytes) -> None:
        """Add to the end of a file: all of it or, on an error, nothing.

        After a crash there may be a part; `flush` brings what is there to the disk.
        """
        with writing(self.folder / name):
            descriptor = self._open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | NOFOLLOW)
            with open(descriptor, "ab", buffering=0) as file:
                length = os.fstat(descriptor).st_size
                try:
                    rest = memoryview(content)
                    while rest:
                        rest = rest[file.write(rest) :]
                except BaseException:
                    with suppress(OSError):
                        file.truncate(length)
                    raise

    def flush(self, name: str) -> None:
        """Bring a file's content to the disk, if there is such a file."""
        with writing(self.folder / name):
            try:
                descriptor = self._open(name, os.O_RDONLY | NOFOLLOW)
            except FileNotFoundError:
                return
            try:
                flush(descriptor)
            finally:
                os.close(descriptor)

    def clear(self) -> None:
        """Remove the files that writers left who were killed; nobody else may be writing."""
        with writing(self.folder):
            for left in os.listdir(self._descriptor):
                if LEFTOVER.fullmatch(left) and self._is_file(left):
                    os.unlink(left, dir_fd=self._descriptor)

    def _is_file(self, name: str) -> bool:
        """A folder may be another run that is being made."""
        found = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        return not stat.S_ISDIR(found.st_mode)

    def _open(self, name: str, flags: int) -> int:
        try:
            return os.open(name, flags | os.O_CLOEXEC, 0o666, dir_fd=self._descriptor)
        except OSError as error:
            if self._is_link(name):
                raise InputError(
                    f"{self.folder / name} is a link: put the file itself in its place"
                ) from error
            raise

    def _is_link(self, name: str) -> bool:
        with suppress(OSError):
            found = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
            return stat.S_ISLNK(found.st_mode)
        return False
