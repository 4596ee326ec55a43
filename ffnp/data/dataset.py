"""The one in-memory form of a data set: flat images and integer labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffnp.errors import InputError

Images = NDArray[np.uint8] | NDArray[np.float32]


@dataclass(frozen=True)
class Split:
    """Images and labels of one split (training or test).

    Attributes
    ----------
    images : ndarray of shape (N, D), uint8 or float32, C-contiguous
        One flat image a row, as stored (uint8: 0..255). May be memory-mapped.
    labels : ndarray of shape (N,), uint8 or int64
        Classes, each in 0..K-1.
    """

    images: Images
    labels: NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int | None) -> "Split":
        """The first `count` rows (all of them with None); a view, nothing is copied."""
        return self if count is None else Split(self.images[:count], self.labels[:count])

    def spread(self, count: int) -> "Split":
        """`count` rows (all, if there are no more), evenly over the whole, copied.

        Unlike the first rows, these are of all classes where a split is sorted by class.
        """
        rows = min(count, len(self))
        index = np.arange(rows) * len(self) // rows
        return Split(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Dataset:
    """A training and a test split of images of one shape.

    Attributes
    ----------
    name : str
    train, test : Split
    classes : int
        K, the number of classes.
    shape : tuple of int
        Shape of one image before flattening, e.g. (28, 28) or (3, 32, 32).
    """

    name: str
    train: Split
    test: Split
    classes: int
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        for part, split in (("training", self.train), ("test", self.test)):
            _check_split(f"{self.name}: the {part} set", split, self.pixels, self.classes)

    @property
    def pixels(self) -> int:
        """D, the number of values of one image."""
        return int(np.prod(self.shape))

    def hold_out(self, count: int) -> "Dataset":
        """The last `count` training rows in place of the test set: nothing is tuned on that."""
        images, labels = self.train.images, self.train.labels
        return Dataset(
            self.name,
            Split(images[:-count], labels[:-count]),
            Split(images[-count:], labels[-count:]),
            self.classes,
            self.shape,
        )

    def limited(self, train: int | None, test: int | None) -> "Dataset":
        """The first `train` and `test` rows (None: all)."""
        return Dataset(
            self.name, self.train.first(train), self.test.first(test), self.classes, self.shape
        )


def _check_split(where: str, split: Split, pixels: int, classes: int) -> None:
    if split.images.ndim != 2 or split.images.shape[1] != pixels:
        raise InputError(f"{where} has images of shape {split.images.shape}, not (N, {pixels})")
    if split.labels.shape != (len(split.images),):
        raise InputError(
            f"{where} has {len(split.images)} images but labels of shape {split.labels.shape}"
        )
    if len(split.images) == 0:
        raise InputError(f"{where} is empty: it needs at least one image")
    if classes < 2:
        raise InputError(f"{where} has {classes} class: a wrong label needs at least two classes")
    low, high = int(split.labels.min()), int(split.labels.max())
    if low < 0 or high >= classes:
        raise InputError(f"{where} has labels {low}..{high}, outside 0..{classes - 1}")
