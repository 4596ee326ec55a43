"""A data set by name or path."""

from pathlib import Path

from ffnp.data import cifar, idx, npy
from ffnp.data.arrays import Arrays, assemble
from ffnp.data.catalogue import CATALOGUE, Known, lookup
from ffnp.data.dataset import Dataset
from ffnp.data.files import Source
from ffnp.errors import InputError

LAYOUTS = ((idx.recognise, idx.read_folder), (cifar.recognise, cifar.read_folder))


def load(name_or_path: str, data_dir: Path | None = None) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    name_or_path : str
        `mnist` (embedded), `fashion-mnist`, `cifar10`, the path of a `.npz` file with x_train,
        y_train, x_test and y_test, or of a folder of IDX, CIFAR-10 or `.npy` files.
    data_dir : Path, optional
        Where the files of a named data set are looked for first: in its folder of that name or
        in itself. Then follow the user's cache, the system's folders and the embedded files.

    Returns
    -------
    Dataset
        Images (N, D) uint8 or float32, C-contiguous; memory-mapped from a folder of `.npy`.

    Raises
    ------
    InputError
        The name is unknown, files are missing or malformed, or the data cannot be learned from.
    StorageError
        The system cannot read a file.
    """
    path = Path(name_or_path)
    if name_or_path not in CATALOGUE and path.is_dir():
        arrays = npy.read_folder(path) if npy.recognise(path) else _folder(path)
        if arrays is None:
            raise InputError(f"{path} holds no IDX, CIFAR-10 or .npy files of a data set")
        return assemble(path.name, arrays)
    if path.suffix == ".npz":
        return assemble(path.stem, npy.read_npz(path))
    return assemble(name_or_path, _named(lookup(name_or_path), data_dir))


def _named(known: Known, data_dir: Path | None) -> Arrays:
    if data_dir is not None and not data_dir.is_dir():
        raise InputError(f"{data_dir} is not a folder: give one that holds {known.name}")
    for place in known.places(data_dir):
        arrays = _folder(place)
        if arrays is not None:
            return arrays
    raise InputError(
        f"{known.name} is not on this machine: `ffnp data fetch {known.name}` downloads it, "
        "or --data-dir says where it is"
    )


def _folder(folder: Source) -> Arrays | None:
    """What `folder` holds, in it or in CIFAR-10's own folder within it."""
    for inner in (folder, folder / "cifar-10-batches-bin"):
        for recognise, read in LAYOUTS:
            if recognise(inner):
                return read(inner)
    return None
