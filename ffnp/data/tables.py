"""Tables, by pandas: `.csv` and `.parquet`, an image a row, with its label in one column."""

import re
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.data.arrays import Arrays
from ffnp.errors import InputError, brief, importing
from ffnp.files import check_packing, inflated, opened, reading

SUFFIXES = (".csv", ".csv.gz", ".parquet")
LABEL = "label"  # the name of the column, unless another one is given
ROWS = 4096  # that are read together
LONGEST = 1 << 24  # bytes of a line
LEAST_COUNTED = 9  # columns: as many that count on are no row of pixels
INDEX = "Unnamed: 0"  # what pandas calls the row numbers that it wrote itself
EVERY = 6  # of how many training rows one is held out, where there are no test rows
MEND = "save it as a table of numbers, a label and its pixels in each row"


@dataclass(frozen=True)
class Table:
    """A table that was read.

    Attributes
    ----------
    columns : list
        Names of the columns without the label's; empty if the file has no names.
    images : (N, D) array, uint8 or float32
    labels : (N,) array or None
        As they are in the file: numbers or texts.
    """

    columns: list[Any]
    images: NDArray[Any]
    labels: NDArray[Any] | None


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table."""
    return path.name.lower().endswith(SUFFIXES)


def find_tables(folder: Path) -> list[Path]:
    """The tables of training rows in a folder, by name."""
    names = (path for path in folder.iterdir() if is_table(path) and path.is_file())
    return sorted(path for path in names if "train" in path.name.lower())


def read_tables(path: Path, label: str | None) -> tuple[Arrays, str]:
    """The arrays of a table of training rows, and of the test rows in a file beside it.

    That has the same name with test in the place of train (mnist_train.csv, mnist_test.csv). Where
    there is none, every sixth row is held out.

    Parameters
    ----------
    path : Path
    label : str or None
        The label's column: its name, or its number from 1 where columns have no names. By default
        the one called label or, where they have no names, the first.

    Returns
    -------
    arrays : Arrays
        Rows of bytes whose number is a square become square images.
    note : str
        What is to be said; empty if nothing is.
    """
    train = read_table(path, label)
    if train.labels is None:
        columns = brief(", ".join(map(str, train.columns)))
        raise InputError(
            f"{path} has no column {label or LABEL}: --label-column says which it is ({columns})"
        )
    beside = _test_rows(path)
    test = None if beside is None else read_table(beside, label, train.columns)
    if test is None or test.labels is None:
        held = np.arange(len(train.labels)) % EVERY == EVERY - 1
        if not held.any():
            raise InputError(f"{path} has {len(held)} rows: give {EVERY} at least")
        why = "no file of test rows is beside it" if beside is None else f"{beside} has no labels"
        note = f"{path}: {why}: every {EVERY}th row is held out, and errors are of these"
        arrays = [train.images[~held], train.labels[~held], train.images[held], train.labels[held]]
    else:
        arrays = [train.images, train.labels, test.images, test.labels]
        note = ""
    if {arrays[0].dtype, arrays[2].dtype} == {np.dtype(np.uint8), np.dtype(np.float32)}:
        arrays[::2] = [images.astype(np.float32) for images in arrays[::2]]
    arrays[::2] = [_squared(images) for images in arrays[::2]]
    return Arrays(*arrays), note


def _squared(images: NDArray[Any]) -> NDArray[Any]:
    side = round(images.shape[1] ** 0.5)
    square = images.dtype == np.uint8 and side > 1 and side * side == images.shape[1]
    return images.reshape(-1, side, side) if square else images


def _test_rows(path: Path) -> Path | None:
    """The file of test rows beside one of training rows."""
    names = [re.sub("train", "test", path.name), re.sub("train", "test", path.name, flags=re.I)]
    names += [name.replace("_small", "") for name in names]
    found = (path.with_name(name) for name in names if name != path.name)
    return next((each for each in found if each.is_file()), None)


def read_pixels(path: Path, pixels: int, label: str | None = None) -> NDArray[Any]:
    """The images of a table, of so many pixels, whether or not it has labels."""
    with closing(_parts(path)) as parts:
        part, named = next(parts, (None, True))
    labelled = named or part is None or len(part.columns) > pixels
    return read_table(path, label, labelled=labelled).images


def read_table(
    path: Path,
    label: str | None = None,
    columns: list[Any] | None = None,
    labelled: bool = True,
) -> Table:
    """A table's images and labels.

    Parameters
    ----------
    path : Path
    label : str or None
        As in `read_tables`.
    columns : list, optional
        The names that the columns of pixels must have, in the order that they are wanted in.
    labelled : bool
        Whether one of them is the labels', where they have no names.

    Raises
    ------
    InputError
        It is damaged, has no such column or one that is not of numbers, or pandas, or for
        `.parquet` pyarrow, is not installed.
    """
    images, labels = list[NDArray[Any]](), list[Any]()
    names, rows, size = list[Any](), 0, 0
    with importing("pandas", "pandas", "table"):
        import pandas
    with closing(_parts(path)) as parts:
        for part, named in parts:
            if not len(part):  # there is but a line of names
                break
            part.index = range(rows, rows := rows + len(part))
            place = _label(path, list(part.columns), label, named) if labelled else None
            if place is not None:
                labels.append(part.pop(place).to_numpy())
            if named and columns:
                if missing := [name for name in columns if name not in part.columns]:
                    raise InputError(
                        f"{path} has no column {missing[0]}, which the training rows have"
                    )
                part = part[columns]
            names = list(part.columns) if named else []
            images.append(_pixels(path, part, pandas))
            size += images[-1].nbytes
            check_packing(path, size, path.stat().st_size)
    if not images:
        raise InputError(f"{path} has no rows: {MEND}")
    return Table(names, np.concatenate(images), np.concatenate(labels) if labels else None)


def _label(path: Path, columns: list[Any], label: str | None, named: bool) -> Any:
    """The column of the labels; None if no column has the usual name."""
    if named:
        if label is None:
            return next((name for name in columns if str(name).lower() == LABEL), None)
        return next((name for name in columns if str(name) == label), None)
    place = label or "1"
    if not (place.isascii() and place.isdecimal() and 1 <= int(place) <= len(columns)):
        raise InputError(
            f"{path} has columns without names: --label-column is {brief(place)}, but must be a "
            f"number, 1..{len(columns)}"
        )
    return columns[int(place) - 1]


def _pixels(path: Path, part: Any, pandas: Any) -> NDArray[Any]:
    """Columns of numbers as uint8, if they are such bytes, else as float32."""
    for name in part.columns:
        column = part[name]
        if not pandas.api.types.is_numeric_dtype(column):
            odd = next((i for i, each in column.items() if not _is_number(each)), column.index[0])
            raise InputError(
                f"{path} has {_brief(column[odd])} in column '{name}' (row {odd + 1}): a "
                "pixel is a number: leave out the column, or name it by --label-column"
            )
    if not len(part.columns):
        raise InputError(f"{path} has no column of pixels: {MEND}")
    values = part.to_numpy(na_value=np.nan) if part.isna().any(axis=None) else part.to_numpy()
    if values.dtype.kind in "iub" and values.min() >= 0 and values.max() <= 255:
        return np.asarray(values, np.uint8)
    with np.errstate(over="ignore"):  # what overflows becomes infinite, and is reported
        return np.asarray(values, np.float32)


def _brief(value: Any) -> str:
    """A value as a message shows it: a text as it is, else its kind, such as a picture's."""
    return brief(repr(value)) if isinstance(value, str) else f"a {type(value).__name__}"


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _parts(path: Path) -> Generator[tuple[Any, bool], None, None]:
    """The rows of a file as frames, and whether their columns have names."""
    if path.name.lower().endswith(".parquet"):
        with importing("PyArrow", "pyarrow", "table"):
            from pyarrow import ArrowException, parquet
        with reading(path, ArrowException, ValueError, mend=MEND), opened(path) as file:
            for batch in parquet.ParquetFile(file).iter_batches(ROWS):
                yield batch.to_pandas(), True
        return
    import pandas

    with inflated(path, ValueError) as stream:
        line = stream.readline(LONGEST)
        if len(line) == LONGEST or not line.strip():
            raise InputError(f"{path} begins with no line of text: {MEND}")
        start = line.decode("utf-8-sig").strip()
    between = max(",;\t", key=start.count)
    fields = start.split(between)
    named = not all(map(_is_number, fields))
    counted = [[str(i + first) for i in range(len(fields))] for first in (0, 1)]
    numbered = len(fields) > LEAST_COUNTED and fields in counted
    with reading(path, ValueError, mend=MEND), inflated(path) as stream:
        parts = pandas.read_csv(
            stream, sep=between, header=0 if named else None, skiprows=int(numbered),
            chunksize=ROWS, encoding="utf-8-sig", skipinitialspace=True,
        )  # fmt: skip
        with parts:
            for part in parts:
                yield part.drop(columns=INDEX, errors="ignore"), named
