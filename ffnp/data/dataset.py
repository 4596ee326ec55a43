"""The one in-memory form of a data set: flat images and integer labels."""

from dataclasses import dataclass, replace

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
            where = f"{self.name}: the {part} set"
            images, labels = split.images, split.labels
            if images.ndim != 2 or images.shape[1] != self.pixels:
                raise InputError(
                    f"{where} has images of shape {images.shape}, not (N, {self.pixels})"
                )
            if labels.shape != (len(images),):
                raise InputError(
                    f"{where} has {len(images)} images but labels of shape {labels.shape}"
                )
            if len(images) == 0:
                raise InputError(f"{where} is empty: it needs at least one image")
            if self.classes < 2:
                raise InputError(
                    f"{where} has {self.classes} class: a wrong label needs at least two classes"
                )
            low, high = int(labels.min()), int(labels.max())
            if low < 0 or high >= self.classes:
                raise InputError(f"{where} has labels {low}..{high}, outside 0..{self.classes - 1}")

    @property
    def pixels(self) -> int:
        """D, the number of values of one image."""
        return int(np.prod(self.shape))

    def hold_out(self, count: int) -> "Dataset":
        """The last `count` training rows in place of the test set: nothing is tuned on that."""
        images, labels = self.train.images, self.train.labels
        train = Split(images[:-count], labels[:-count])
        return replace(self, train=train, test=Split(images[-count:], labels[-count:]))

    def limited(self, train: int | None, test: int | None) -> "Dataset":
        """The first `train` and `test` rows (None: all)."""
        return replace(self, train=self.train.first(train), test=self.test.first(test))
