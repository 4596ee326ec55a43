"""A data set by name or path."""

import warnings
from pathlib import Path

from ffnp.data.arrays import Arrays
from ffnp.data.catalogue import CATALOGUE, lookup
from ffnp.data.dataset import Dataset, from_arrays
from ffnp.data.known import Copy
from ffnp.data.layouts import EMNIST, LAYOUTS, Layout
from ffnp.data.npy import read_npz
from ffnp.data.tables import find_tables, is_table, read_tables
from ffnp.data.verifying import differing
from ffnp.errors import InputError, InputWarning, expect
from ffnp.files import Readable, reading

PATHS = ", or give the path of a .npz, .csv or .parquet file or of a folder"


def load(
    name_or_path: str | Path,
    data_dir: Path | str | None = None,
    label_column: str | None = None,
) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    name_or_path : str or Path
        `mnist` (embedded), `fashion-mnist`, `cifar10`, the path of a `.npz` file with x_train,
        y_train, x_test and y_test, of a table of training rows (`.csv`, `.parquet`), or of a folder
        of IDX, CIFAR, `.npy` files or tables. Of several sets in one folder: that of the file of
        training images.
    data_dir : Path or str, optional
        Where the files of a named data set are looked for first: in its folder of that name,
        then in itself. The user's cache, the system's folders and the embedded files follow.
    label_column : str, optional
        Of a table, the label's column: its name or, where columns have no names, its number from 1
        (default: the one called label, or the first). Of CIFAR-100, `fine` (default) or `coarse`.

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
        The files of a named data set are not the published ones, or `data_dir` is given beside a
        path.
    """
    expect("the data set", name_or_path, str | Path, "give a name or a path")
    if data_dir is not None:
        expect("the data folder", data_dir, str | Path, "give its name")
    name, path = str(name_or_path), Path(name_or_path)
    expect("the label's column", label_column or "", str, "give its name")
    if name not in CATALOGUE:
        with reading(path):  # what one may not look at
            file = path.is_file() or path.suffix.lower() == ".npz" or is_table(path)
            if file or path.is_dir():
                if data_dir is not None:
                    text = f"data_dir has no effect on {path}: it is for data sets by name"
                    warnings.warn(text, InputWarning, stacklevel=2)
                return _at(path, label_column)
    if label_column is not None:
        raise InputError(f"{name} has no column {label_column}: leave it out")
    copy = find(name, data_dir)
    arrays, known = copy.layout.read(copy.paths), copy.known
    dataset = from_arrays(*arrays, name, known.classes, known.names)
    if others := differing(copy):
        where = "" if data_dir is None else f" --data-dir {data_dir}"
        text = (
            f"{name} in {copy.place} is not the published data set: another content has "
            f"{', '.join(others)} (`ffnp data verify {name}{where}` shows the checksums)"
        )
        warnings.warn(text, InputWarning, stacklevel=2)
    return dataset


def _at(path: Path, label: str | None) -> Dataset:
    """The data set that is in a folder or a file."""
    layouts = _layouts(path, label)
    if layouts:
        layout, paths = layouts[0]
        if len(layouts) > 1 and layout in EMNIST:
            raise InputError(
                f"{path} holds several data sets: give the training images of one, e.g. {paths[0]}"
            )
        if label is not None and not layout.label:
            raise InputError(f"{path} has no column {label}: leave it out")
        return _made(layout.read(paths), path, layout)
    table: Path | None = path if is_table(path) else None
    if path.is_dir():
        tables = find_tables(path)
        if len(tables) > 1:
            raise InputError(f"{path} holds several tables: give one, e.g. {tables[0]}")
        table = next(iter(tables), None)
    if table is not None:
        arrays, note = read_tables(table, label)
        if note:
            warnings.warn(note, InputWarning, stacklevel=3)
        return from_arrays(*arrays, name=str(path))
    if label is not None:
        raise InputError(f"{path} is no table, and has no column {label}: leave it out")
    if path.suffix.lower() == ".npz":
        return from_arrays(*read_npz(path), name=str(path))
    if path.is_file():
        raise InputError(
            f"{path} is a file, but no .npz, .csv or .parquet: save its arrays as "
            f"{', '.join(Arrays._fields)} in one .npz (numpy.savez), or give the folder of a data "
            "set's files"
        )
    wanted = ", or ".join(dict.fromkeys(layout.files[0] for layout in LAYOUTS[:4]))
    raise InputError(
        f"{path} holds no data set: it needs {wanted}, a .csv or .parquet with train in its name, "
        "and what goes with it"
    )


def _layouts(path: Path, label: str | None) -> list[tuple[Layout, list[Readable]]]:
    """The layouts of which there are files in a folder, or of which a file is the first."""
    found = []
    for layout in LAYOUTS:
        if layout.label not in ("", label or "fine"):
            continue
        if path.is_dir():
            paths = layout.find(path)
        else:
            paths = layout.find(path.parent) if layout.begins_with(path) else None
        if paths is not None:
            found.append((layout, paths))
    return found


def _made(arrays: Arrays, path: Path, layout: Layout) -> Dataset:
    return from_arrays(*arrays, str(path), len(layout.names) or None, layout.names)


def find(name: str, data_dir: Path | str | None = None) -> Copy:
    """The copy of a named data set that `load` reads; `InputError` if there is none, or a part."""
    known, place = lookup(name, PATHS), None if data_dir is None else Path(data_dir)
    copy = next(known.copies(place), None)
    if copy is None:
        raise known.not_here()
    missing = [path.name for path in copy.paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{copy.place} lacks {', '.join(missing)} of {name}: {known.fetched(place)}"
        )
    return copy
