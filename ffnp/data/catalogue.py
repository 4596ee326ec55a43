"""The data sets known by name, and where their files are looked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from platformdirs import user_cache_path

from ffnp.data.files import Source
from ffnp.errors import InputError


@dataclass(frozen=True)
class Known:
    """A published data set.

    Attributes
    ----------
    name : str
    package : str or None
        Package that holds the files in a folder of this name, if they are embedded.
    system : tuple of Path
        Folders where a distribution installs the files.
    """

    name: str
    package: str | None = None
    system: tuple[Path, ...] = ()

    def places(self, data_dir: Path | None) -> Iterator[Source]:
        """Folders that may hold the files, in the order in which they are tried."""
        if data_dir is not None:
            yield from (data_dir / self.name, data_dir)
        yield cache_folder() / self.name
        yield from self.system
        if self.package is not None:
            yield files(self.package) / self.name


CATALOGUE = {
    known.name: known
    for known in (
        Known("mnist", package="ffnp_data"),
        Known("fashion-mnist", system=(Path("/usr/share/datasets/fashion-mnist"),)),
        Known("cifar10"),
    )
}


def lookup(name: str) -> Known:
    """The known data set of this name.

    Raises
    ------
    InputError
        There is none.
    """
    if name not in CATALOGUE:
        raise InputError(
            f"unknown data set '{name}': choose {', '.join(CATALOGUE)}, or give the path of a "
            ".npz file or of a folder"
        )
    return CATALOGUE[name]


def cache_folder() -> Path:
    """Where fetched files are kept, in the user's cache folder."""
    return user_cache_path("ffnp", appauthor=False)
