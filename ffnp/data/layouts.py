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
    """The files of a data set in one folder.

    Attributes
    ----------
    files : tuple of str
        Names; a folder that holds the first is taken to be of this layout.
    read : callable
        From the paths of all files, in order, to arrays.
    folder : str
        The folder that the published archive unpacks to; the files may be in it or beside it.
    endings : tuple of str
        What may follow a name, in order of preference.
    """

    files: tuple[str, ...]
    read: Callable[[Sequence[Readable]], Arrays]
    folder: str = ""
    endings: tuple[str, ...] = ("",)

    def find(self, place: Readable) -> list[Readable] | None:
        """The paths of the files in `place`, or None if it is not of this layout."""
        for folder in (place / self.folder, place) if self.folder else (place,):
            paths = [self._path(folder, name) for name in self.files]
            if paths[0].is_file():
                return paths
        return None

    def _path(self, folder: Readable, name: str) -> Readable:
        paths = [folder / (name + ending) for ending in self.endings]
        return next((path for path in paths if path.is_file()), paths[-1])


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
