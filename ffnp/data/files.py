"""Opening and reading files that may be anything: bounded memory, one clear error."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import IO

from ffnp.errors import FFNPError, InputError, StorageError

Source = Path | Traversable
CHUNK = 1 << 20


@contextmanager
def reading(path: Source, *malformed: type[Exception]) -> Iterator[None]:
    """Turn what goes wrong while `path` is read into one clear error.

    Parameters
    ----------
    path : Path or Traversable
        Named in the message.
    *malformed : exception classes
        What the format's reader raises on bad content, besides what gzip raises.

    Raises
    ------
    InputError
        The file is missing or a folder, or its content is malformed.
    StorageError
        The system cannot read it.
    """
    try:
        yield
    except FFNPError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder: give a file") from error
    except malformed + (BadGzipFile, zlib.error, EOFError) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno is None:  # not the system's complaint but a library's, of the content
            raise _damaged(path, error) from error
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error


def _damaged(path: Source, error: Exception) -> InputError:
    reason = str(error) or type(error).__name__
    return InputError(f"{path} is damaged: {reason}: replace it by a good copy")


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
