"""The digest of a split: of what is there, however it is stored and shown."""

import numpy as np
import pytest
from data_files import small_arrays

from ffnp.data.dataset import Split
from ffnp.data.digest import Digest

ARRAYS = small_arrays(4, 4, train=50, classes=4)
X, Y = ARRAYS.x_train, ARRAYS.y_train


def digest(images, labels, block=50):
    split = Split(images, labels)
    found = Digest(split)
    for start in range(0, len(split), block):
        found.see(split.images[start : start + block])
    return found.text()


def test_it_does_not_depend_on_storage_or_blocks(tmp_path):
    np.save(tmp_path / "x.npy", X)
    same = [
        digest(X, Y, block=7),
        digest(X.astype(int), Y.astype(int)),
        digest(np.load(tmp_path / "x.npy", mmap_mode="r"), Y),
        digest(X.reshape(50, 16), Y),
    ]
    assert set(same) == {digest(X, Y)}


@pytest.mark.parametrize(
    "images, labels",
    [
        (X[::-1], Y), (X, Y[::-1].copy() % 4 + 1), (X[:-1], Y[:-1]), (X.astype(np.float32), Y),
        (X.reshape(25, 32), Y[:25]), (X ^ np.eye(1, 800, 7, dtype=np.uint8).reshape(50, 4, 4), Y),
    ],
    ids=["order", "labels", "fewer", "type", "shape", "a bit"],
)  # fmt: skip
def test_it_depends_on_all_that_is_trained_on(images, labels):
    assert digest(images, labels) != digest(X, Y)
