"""The one in-memory form of a data set: flat images and integer labels, checked when made."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.data.arrays import Images, as_images, as_sample_weight
from ffnp.data.classes import as_labels, as_names, in_order, names_of, spelt
from ffnp.errors import InputError, expect

SAMPLE = 1000  # images, evenly over a split, that tell its range
PIXELS = 1 << 22  # of a sample, where images are large
ORDERS = 50  # times the range of the other split: one of them is scaled, the other is not


@dataclass(frozen=True, eq=False)
class Split:
    """Images and labels of one split (training or test).

    Made from array-likes, which are converted and checked: `InputError` says what is wrong. What
    is uint8 or float32 and C-contiguous is not copied; mapped images are not read.

    Attributes
    ----------
    images : ndarray of shape (N, D), uint8 or float32, C-contiguous
        One flat image a row, as stored (uint8: 0..255), from (N, ...). May be memory-mapped.
    labels : ndarray of shape (N,), uint8 or int64
        Classes, from 0 on; from whole numbers, or from texts or truth values, whose names are kept.
    name : str
        Begins messages.
    shape : tuple of int
        Of one image before flattening, e.g. (28, 28) or (3, 32, 32); by default that of the
        images given.
    names : tuple of str
        Of the classes, by their labels; by default what the labels given are called, and none if
        they are numbers.
    sample_weight : ndarray of shape (N,), float64, or None
        What an image's coefficients dJ/dg are multiplied by in training. Losses and errors count
        every image once.
    """

    images: Images
    labels: NDArray[np.integer]
    name: str = "the split"
    shape: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    sample_weight: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        images = as_images(self.name, self.images)
        found = images.shape[1:]
        if len(images) == 0:
            raise InputError(f"{self.name} has images of shape {images.shape}: give at least one")
        shape = self.shape or found
        if found not in (shape, (int(np.prod(shape)),)):
            raise InputError(f"{self.name} has images of shape {found}: give ones of {shape}")
        names = as_names(self.name, self.names) or names_of(self.name, self.labels)
        labels = as_labels(self.name, self.labels, names)
        if len(images) != len(labels):
            raise InputError(
                f"{self.name} has {len(images)} images but labels of shape {labels.shape}"
            )
        weight = self.sample_weight
        if weight is not None:
            weight = as_sample_weight(self.name, weight, len(images))
        flat = images.reshape(len(images), -1)
        self._set(images=flat, labels=labels, shape=shape, names=names, sample_weight=weight)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.images)

    def named(self, names: tuple[str, ...]) -> "Split":
        """The same images, with the labels that their classes have among other names."""
        labels = as_labels(self.name, spelt(self.names, self.labels.tolist()), names)
        part = self.rows(slice(None))
        part._set(labels=labels, names=names)
        return part

    def rows(self, index: Any, name: str | None = None) -> "Split":
        """Some of the rows, which are not checked again; a view of a slice of them."""
        part = copy(self)
        weight = None if self.sample_weight is None else self.sample_weight[index]
        images, labels = self.images[index], self.labels[index]
        part._set(images=images, labels=labels, name=name or self.name, sample_weight=weight)
        return part

    def first(self, count: int | None) -> "Split":
        """The first `count` rows (all of them with None); a view, nothing is copied."""
        return self if count is None else self.rows(slice(_count(count)))

    def sample(self) -> "Split":
        """Images that tell what the split looks like."""
        return self.spread(max(1, min(SAMPLE, PIXELS // self.images.shape[1])))

    def spread(self, count: int) -> "Split":
        """`count` rows (all, if there are no more), evenly over the whole, copied.

        Unlike the first rows, these are of all classes where a split is sorted by class.
        """
        rows = min(_count(count), len(self))
        return self.rows(np.arange(rows) * len(self) // rows)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training and a test split of images of one shape; `InputError` if they do not fit.

    There may be no test split: then nothing is evaluated but on rows held out of the training's.

    Attributes
    ----------
    name : str
    train : Split
    test : Split or None
    classes : int
        K, the number of classes.
    """

    name: str
    train: Split
    test: Split | None
    classes: int

    def __post_init__(self) -> None:
        expect("the data set's name", self.name, str, "give a text")
        for split in self.splits:
            expect("a split", split, Split, "ffnp.from_arrays makes a data set of arrays")
        expect("classes", self.classes, int | np.integer, "give the number of classes")
        if self.test is not None:
            self._check_test(self.train, self.test)
        names = as_names(self.name, self.train.names)
        if any(split.names != names for split in self.splits):
            raise InputError(
                f"{self.name}: its splits name their classes otherwise: ffnp.from_arrays makes a "
                "data set of both"
            )
        if len(names) not in (0, self.classes):
            raise InputError(
                f"{self.name}: {len(names)} classes have names, but classes is {self.classes}: "
                "they must agree"
            )
        self._check_labels()
        if self.test is not None:
            self._check_ranges()

    def _check_test(self, train: Split, test: Split) -> None:
        if train.shape != test.shape:
            raise InputError(
                f"{self.name}: training images are of shape {train.shape}, "
                f"test images of shape {test.shape}: they must agree"
            )
        if train.images.dtype != test.images.dtype:
            raise InputError(
                f"{self.name}: training images are {train.images.dtype}, test images "
                f"{test.images.dtype}: save both as uint8 or both as float32"
            )

    def _check_labels(self) -> None:
        for split in self.splits:
            high = int(split.labels.max())
            if high >= self.classes:
                raise InputError(
                    f"{split.name} has label {high}, but its classes are 0..{self.classes - 1}: "
                    "correct the labels (`ffnp data verify` checks the files of a published set)"
                )
        low = int(self.train.labels.min())
        if low == self.train.labels.max():
            raise InputError(
                f"{self.train.name}: every training label is {low}: give at least two classes "
                "(shuffle the images, if they are sorted by class)"
            )

    def _check_ranges(self) -> None:
        """One split of 0..1 and one of 0..255 can be told, whatever they show."""
        sizes = []
        for split in self.splits:
            pixels = np.abs(split.sample().images.astype(np.float64))
            sizes.append((pixels.mean(), pixels.max()))
        (mean, most), (test_mean, test_most) = sizes
        with np.errstate(all="ignore"):  # mapped pixels may be anything, and blank ones 0
            ratios = sorted([test_mean / mean, test_most / most])
        if ratios[0] > ORDERS or 0 < ratios[-1] < 1 / ORDERS:
            raise InputError(
                f"{self.name}: training pixels are up to {most:g}, test pixels up to "
                f"{test_most:g}: scale both alike"
            )

    @property
    def splits(self) -> list[Split]:
        """The training split, and the test split if there is one."""
        return [self.train] if self.test is None else [self.train, self.test]

    def tested(self) -> Split:
        """The test split; `InputError` if there is none."""
        if self.test is None:
            raise InputError(
                f"{self.name} has no test set: give one, or hold out training rows (validation)"
            )
        return self.test

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image before flattening, e.g. (28, 28) or (3, 32, 32)."""
        return self.train.shape

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes; none if they are numbers."""
        return self.train.names

    def absent(self) -> list[str]:
        """The classes of which there is no training image, by name or as ranges."""
        counts = np.bincount(self.train.labels, minlength=self.classes)
        absent = np.flatnonzero(counts == 0)
        if self.names:
            return spelt(self.names, absent.tolist())
        runs = np.split(absent, np.flatnonzero(np.diff(absent) > 1) + 1)
        ends = [(run[0], run[-1]) for run in runs if len(run)]
        return [f"{low}" if low == high else f"{low}..{high}" for low, high in ends]

    def hold_out(self, count: int) -> "Dataset":
        """The last `count` training rows in place of the test set: nothing is tuned on that."""
        if _count(count) >= len(self.train):
            raise InputError(
                f"validation is {count}, but {self.name} has only "
                f"{len(self.train)} training images: hold out fewer"
            )
        held_out = self.train.rows(slice(-count, None), f"{self.name}: the validation set")
        return replace(self, train=self.train.rows(slice(-count)), test=held_out)

    def limited(self, train: int | None, test: int | None) -> "Dataset":
        """The first `train` and `test` rows (None: all)."""
        if self.test is None and test is not None:
            raise InputError(f"{self.name} has no test set: leave out limit_test")
        limited = None if self.test is None else self.test.first(test)
        return replace(self, train=self.train.first(train), test=limited)


def _count(given: Any) -> int:
    expect("the number of rows", given, int | np.integer, "give 1 or more")
    if given < 1:
        raise InputError(f"the number of rows is {given}: give 1 or more")
    return int(given)


def from_arrays(
    x_train: Any,
    y_train: Any,
    x_test: Any = None,
    y_test: Any = None,
    name: str = "arrays",
    classes: int | None = None,
    names: Sequence[str] = (),
    sample_weight: Any = None,
) -> Dataset:
    """A data set of arrays: flattened, converted and checked.

    Images become (N, D), uint8 or float32, C-contiguous; labels become uint8 or int64.
    Memory-mapped images are neither copied nor read: a NaN among them is found when it is used.

    Parameters
    ----------
    x_train, x_test : (N, ...) array-likes
        Integer images (0..255) or float ones.
    y_train, y_test : (N,) or (N, 1) array-likes
        Classes: whole numbers from 0 on, or texts or truth values, which the data set keeps as
        the classes' names. Without `x_test` and `y_test` there is no test set.
    name : str
        Named in messages, and in the configuration of what is trained on it.
    classes : int, optional
        K, if it is known; else one more than the largest label of both splits, or as many as they
        have different texts.
    names : sequence of str, optional
        What the classes are called, by their labels: different texts.
    sample_weight : (N,) array-like, optional
        Of the training rows: what each one's coefficients dJ/dg are multiplied by.

    Raises
    ------
    InputError
        Shapes, types or ranges that do not fit, labels that are no class indices, an empty set,
        only one class, NaN or infinite pixels.
    """
    names = as_names(name, names)
    train = Split(
        x_train, y_train, f"{name}: the training set", names=names, sample_weight=sample_weight
    )
    test = None
    if x_test is not None or y_test is not None:
        test = Split(x_test, y_test, f"{name}: the test set", names=names)
    if test is not None and train.names != test.names:
        called = in_order(name, train.names, test.names)
        train, test = train.named(called), test.named(called)
    if classes is None:
        largest = max(int(split.labels.max()) for split in (train, test) if split)
        classes = len(train.names) or 1 + largest
    return Dataset(name, train, test, classes)
