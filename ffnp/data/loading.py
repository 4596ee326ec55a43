"""A data set by name or path."""

import warnings
from pathlib import Path

from ffnp.data.arrays import Arrays
from ffnp.data.catalogue import CATALOGUE, lookup
from ffnp.data.dataset import Dataset, from_arrays
from ffnp.data.known import Copy
from ffnp.data.layouts import LAYOUTS
from ffnp.data.npy import read_npz
from ffnp.data.verifying import differing
from ffnp.errors import InputError, InputWarning, expect


def load(name_or_path: str | Path, data_dir: Path | str | None = None) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    name_or_path : str or Path
        `mnist` (embedded), `fashion-mnist`, `cifar10`, the path of a `.npz` file with x_train,
        y_train, x_test and y_test, or of a folder of IDX, CIFAR-10 or `.npy` files.
    data_dir : Path or str, optional
        Where the files of a named data set are looked for first: in its folder of that name,
        then in itself. The user's cache, the system's folders and the embedded files follow.

    Returns
    -------
    Dataset
        Images (N, D), uint8 or float32, C-contiguous; memory-mapped from a folder of `.npy`.

    Raises
    ------
    InputError
        The name is unknown, files are missing or malformed, or the data cannot be learned from.
    StorageError
        The system cannot read a file.

    Warns
    -----
    InputWarning
        The files of a named data set are not the published ones.
    """
    expect("the data set", name_or_path, str | Path, "give a name or a path")
    if data_dir is not None:
        expect("the data folder", data_dir, str | Path, "give its name")
    name, path = str(name_or_path), Path(name_or_path)
    if name not in CATALOGUE and path.is_dir():
        for layout in LAYOUTS:
            paths = layout.find(path)
            if paths is not None:
                return from_arrays(*layout.read(paths), name=str(path))
        wanted = ", or ".join(layout.files[0] for layout in LAYOUTS)
        raise InputError(f"{path} holds no data set: it needs {wanted}, and what goes with it")
    if path.suffix.lower() == ".npz":
        return from_arrays(*read_npz(path), name=str(path))
    if name not in CATALOGUE and path.is_file():
        raise InputError(
            f"{path} is a file, but no .npz: save its arrays as {', '.join(Arrays._fields)} in "
            "one (numpy.savez), or give the folder of a data set's files"
        )
    copy = find(name, data_dir)
    dataset = from_arrays(*copy.layout.read(copy.paths), name, copy.known.classes)
    if others := differing(copy):
        where = "" if data_dir is None else f" --data-dir {data_dir}"
        text = (
            f"{name} in {copy.place} is not the published data set: another content has "
            f"{', '.join(others)} (`ffnp data verify {name}{where}` shows the checksums)"
        )
        warnings.warn(text, InputWarning, stacklevel=2)
    return dataset


def find(name: str, data_dir: Path | str | None = None) -> Copy:
    """The copy of a named data set that `load` reads; `InputError` if there is none, or a part."""
    known, place = lookup(name), None if data_dir is None else Path(data_dir)
    copy = next(known.copies(place), None)
    if copy is None:
        raise known.not_here()
    missing = [path.name for path in copy.paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{copy.place} lacks {', '.join(missing)} of {name}: {known.fetched(place)}"
        )
    return copy
