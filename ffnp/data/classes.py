"""Labels as people have them: class indices, whole floats, texts or truth values.

Inside, a label is an index; what it was called is kept beside it, as the names of the classes.
"""

import math
from collections.abc import Iterable, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.data.arrays import MOST_CLASSES, plain
from ffnp.errors import InputError, brief

MOST_NAMED = 200  # characters of a class's name


def as_labels(where: str, given: Any, names: Sequence[str] = ()) -> NDArray[np.integer]:
    """Labels (N,) of uint8 or int64, indices of classes, from an array-like (N,) or (N, 1); a copy.

    Parameters
    ----------
    where : str
        What the labels are of, to begin messages.
    given : array-like
        Integers or whole floats are indices; texts and truth values are looked up in `names`.
    names : sequence of str

    Raises
    ------
    InputError
        They are not one class an image, or one is missing, or not among the names.
    """
    labels = _values(where, given)
    if labels.dtype.kind in "Ub":
        found, inverse = np.unique(labels.astype(str), return_inverse=True)
        places = {name: i for i, name in enumerate(names)}
        if unknown := [name for name in found.tolist() if name not in places]:
            raise InputError(
                f"{where} has label '{brief(unknown[0])}', which is none of the classes "
                f"({brief(', '.join(names))}): leave out its images, or correct it"
            )
        return np.array([places[name] for name in found.tolist()], np.int64)[inverse]
    low, high = labels.min(), labels.max()
    if low < 0 or high >= MOST_CLASSES:
        raise InputError(
            f"{where} has labels {low:g}..{high:g}: give class indices from 0 on, or texts, "
            "e.g. labels.astype(str)"
        )
    return np.array(labels, np.uint8 if labels.dtype == np.uint8 else np.int64)


def names_of(where: str, given: Any) -> tuple[str, ...]:
    """The names of the classes of some labels, if they are texts or truth values; else none.

    As of `in_order`; `InputError` as of `as_labels`.
    """
    labels = _values(where, given)
    if labels.dtype.kind not in "Ub":
        return ()
    return in_order(where, np.unique(labels.astype(str)).tolist())


def in_order(where: str, *names: Sequence[str]) -> tuple[str, ...]:
    """All names of classes, in alphabetical order, or in that of numbers where all are such.

    `InputError` if there are none somewhere, or too many.
    """
    if not all(names):
        raise InputError(f"{where} has labels of which some are texts and some numbers: give one")
    found = sorted({name for each in names for name in each})
    if len(found) > MOST_CLASSES or max(map(len, found)) > MOST_NAMED:
        raise InputError(
            f"{where} has {len(found)} different texts as labels, such as '{brief(found[0])}': "
            "which column is the label's?"
        )
    if all(name.isascii() and name.isdecimal() for name in found):
        found.sort(key=int)
    return tuple(found)


def as_names(where: str, given: Any) -> tuple[str, ...]:
    """What classes are called, in their order; `InputError` if it is not a text each."""
    if isinstance(given, str | bytes | Set) or not isinstance(given, Iterable):
        raise InputError(
            f"{where}: names is of type {type(given).__name__}: give a list of texts, one a class"
        )
    names = tuple(given)
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"{where}: a class is called {brief(repr(name))}: give texts")
        if not are_names((name,), 1):
            raise InputError(
                f"{where}: a class is called '{brief(name)}': give 1 to {MOST_NAMED} characters"
            )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{where}: two classes are called '{twice}': give different names")
    return names


def are_names(names: Any, classes: int) -> bool:
    """Whether these are the names of so many classes, or none."""
    return (
        isinstance(names, tuple)
        and len(names) in (0, classes)
        and all(isinstance(name, str) and 0 < len(name) <= MOST_NAMED for name in names)
        and len(set(names)) == len(names)
    )


def _values(where: str, given: Any) -> NDArray[Any]:
    """Labels as integers, truth values or texts."""
    labels = plain(where, "labels", given)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 1 and labels.dtype.kind in "OTS":
        labels = _of_objects(where, labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iubfU":
        mend = ": labels.argmax(axis=1), if they are one-hot" if labels.ndim == 2 else ""
        raise InputError(
            f"{where} has labels of shape {labels.shape} and type {labels.dtype}: "
            f"give one class an image, a number or a text{mend}"
        )
    if len(labels) == 0:
        raise InputError(f"{where} has no labels")
    if labels.dtype.kind == "f":
        if not (np.isfinite(labels) & (labels == np.trunc(labels))).all():
            place = int(np.argmin(np.isfinite(labels) & (labels == np.trunc(labels))))
            raise InputError(
                f"{where} has label {labels[place]:g} (image {place}): a class is a whole number "
                "or a text; to tell apart such numbers, give labels.astype(str)"
            )
        return labels if abs(labels).max() >= MOST_CLASSES else labels.astype(np.int64)
    return labels


def _of_objects(where: str, labels: NDArray[Any]) -> NDArray[Any]:
    """Python's objects as an array of one kind."""
    values: list[Any] = [
        each.decode(errors="replace") if isinstance(each, bytes) else each
        for each in labels.tolist()
    ]
    for i, value in enumerate(values):
        if not isinstance(value, str | bool | int | float | np.number | np.bool) or (
            isinstance(value, float) and math.isnan(value)
        ):
            raise InputError(
                f"{where} has label {brief(repr(value))} (image {i}): give one class an image, a "
                "number or a text"
            )
    if len(kinds := {_kind(value) for value in values}) > 1:
        raise InputError(f"{where} has labels that are {' and '.join(sorted(kinds))}: give one")
    return np.array(values) if values else labels


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "texts"
    return "truth values" if isinstance(value, bool | np.bool) else "numbers"


def spelt(names: Sequence[str], classes: Iterable[int]) -> list[str]:
    """Classes by their names, or by their numbers if they have none."""
    return [names[each] if names else str(each) for each in classes]
