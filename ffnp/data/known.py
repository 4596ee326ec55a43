"""A published data set, and the copies of it on this machine."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from platformdirs import user_cache_path

from ffnp.data.layouts import Layout
from ffnp.errors import InputError
from ffnp.files import Readable, reading


def cache_path() -> Path:
    """The user's cache folder of ffnp."""
    return user_cache_path("ffnp", appauthor=False)


@dataclass(frozen=True)
class Archive:
    """A published `.tar.gz` that holds all files of a layout."""

    name: str
    sha256: str
    layout: Layout


@dataclass(frozen=True)
class Known:
    """A published data set."""

    name: str
    title: str
    licence: str
    homepage: str
    classes: int
    layouts: tuple[Layout, ...]  # in which it is published
    sha256: Mapping[str, str]  # of each file of each layout, uncompressed
    package: str | None = None  # that embeds the files, in a folder of the data set's name
    system: tuple[Path, ...] = ()  # folders where a distribution installs the files
    mirrors: tuple[str, ...] = ()  # base URLs of the published files, tried in turn
    archive: Archive | None = None  # what the mirrors hold; None: each file on its own, gzipped
    names: tuple[str, ...] = ()  # of the classes

    def copies(self, data_dir: Path | None) -> Iterator["Copy"]:
        """The copies on this machine, the preferred one first.

        `data_dir` is looked at before the user's cache: its folder of the data set's name, then
        itself.
        """
        places: list[Readable] = []
        if data_dir is not None:
            with reading(data_dir):
                there = data_dir.is_dir()
            if not there:
                raise InputError(f"{data_dir} is not a folder: give one that holds {self.name}")
            places += [data_dir / self.name, data_dir]
        if os.path.isdir(self.cache):  # False too if one may not look
            places.append(self.cache)
        places += self.system
        if self.embedded is not None:
            places.append(self.embedded)
        for place in places:
            yield from self.copies_in(place)

    def copies_in(self, place: Readable) -> Iterator["Copy"]:
        """The copies in a folder, one a layout, each of them perhaps not whole."""
        for layout in self.layouts:
            with reading(place):
                paths = layout.find(place)
            if paths is not None:
                yield Copy(self, place, layout, paths)

    def fetched(self, data_dir: Path | None) -> str:
        """How to get the published files, to a place that is looked at first."""
        if self.package is not None:
            return f"leave out --data-dir, since {self.name} comes with ffnp"
        where = "" if data_dir is None else f" --data-dir {data_dir}"
        return f"`ffnp data fetch {self.name}{where}` downloads the published files"

    def not_here(self) -> InputError:
        """The error to raise when there is no copy."""
        return InputError(
            f"{self.name} is not on this machine: `ffnp data fetch {self.name}` downloads it, "
            "or --data-dir says where it is"
        )

    @property
    def embedded(self) -> Readable | None:
        """Where its files came with ffnp."""
        return None if self.package is None else files(self.package) / self.name

    @property
    def cache(self) -> Path:
        """Where its files are kept once fetched, in the user's cache folder."""
        return cache_path() / self.name


@dataclass(frozen=True)
class Copy:
    """A copy of a data set: the folder where it was found, and its files in a layout."""

    known: Known
    place: Readable
    layout: Layout
    paths: list[Readable]
