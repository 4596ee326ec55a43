"""Which files make up a data set, and who reads them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ffnp.data.arrays import Arrays
from ffnp.data.cifar import read_binary, read_python
from ffnp.data.idx import read_idx
from ffnp.data.npy import map_npy
from ffnp.files import Readable


@dataclass(frozen=True)
class Layout:
    """The files of a data set in one folder; one that holds the first is taken to be of it."""

    files: tuple[str, ...]
    read: Callable[[Sequence[Readable]], Arrays]  # from the paths of all files, in order
    folder: str = ""  # that the published archive unpacks to; the files may be in or beside it
    endings: tuple[str, ...] = ("",)  # what may follow a name, in order of preference

    def find(self, place: Readable) -> list[Readable] | None:
        """The paths of the files in `place`, or None if it is not of this layout."""
        for folder in (place / self.folder, place) if self.folder else (place,):
            found = []
            for name in self.files:
                paths = [
                    folder / (spelt + ending)
                    for spelt in dict.fromkeys((name, name.replace("-idx", ".idx")))
                    for ending in self.endings
                ]
                usual = paths[len(self.endings) - 1]
                found.append(next((path for path in paths if path.is_file()), usual))
            if found[0].is_file():
                return found
        return None


BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")

IDX = Layout(
    (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ),
    lambda paths: Arrays(*map(read_idx, paths)),
    endings=("", ".gz"),
)
CIFAR_BINARY = Layout(
    tuple(f"{name}.bin" for name in BATCHES), read_binary, folder="cifar-10-batches-bin"
)
CIFAR_PYTHON = Layout(BATCHES, read_python, folder="cifar-10-batches-py")
NPY = Layout(
    tuple(f"{name}.npy" for name in Arrays._fields), lambda paths: Arrays(*map(map_npy, paths))
)
LAYOUTS = (IDX, CIFAR_BINARY, CIFAR_PYTHON, NPY)
