"""Other views of the training images, anew in every epoch: moved by some pixels, mirrored."""

import numpy as np
from numpy.typing import NDArray

from ffnp.errors import InputError
from ffnp.randomness import VIEWS, stream

Index = NDArray[np.int64]


class Views:
    """The ways that an image may be looked at, and which way each epoch takes.

    Parameters
    ----------
    shape : tuple of int
        Of an image: (H, W) or (channels, H, W).
    shift : int
        Pixels that it is moved by at most, up, down and to the sides; each move is as likely. What
        comes in from outside is the nearest pixel of the border.
    flip : float
        Share of the images that are mirrored, left and right.

    Attributes
    ----------
    table : (T, D) int32 array
        Where each pixel comes from, in each way. Ways 2i and 2i + 1 are the same move, the second
        mirrored.

    Raises
    ------
    InputError
        The images have no height and width, or are moved out of sight.
    """

    def __init__(self, shape: tuple[int, ...], shift: int, flip: float) -> None:
        if not (len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))):
            raise InputError(
                "shift and flip take images of shape (height, width) or (channels, height, width), "
                f"these have {shape}: leave them out, or give images in that shape"
            )
        if shift >= min(shape[-2:]):
            raise InputError(
                f"shift is {shift}, which may move images of {shape[-2]} x {shape[-1]} pixels out "
                "of sight: choose a smaller one"
            )
        self._flip, moves = flip, range(-shift, shift + 1)
        pixels = np.arange(np.prod(shape), dtype=np.int32).reshape(-1, *shape[-2:])
        # moved by (down, right), a pixel comes from as far up and to the left
        rows, columns = (np.arange(side) for side in shape[-2:])
        table = []
        for down in moves:
            for right in moves:
                up = np.clip(rows - down, 0, len(rows) - 1)
                left = np.clip(columns - right, 0, len(columns) - 1)
                moved = pixels[:, up][:, :, left]
                table += [moved.ravel(), moved[:, :, ::-1].ravel()]
        self.table = np.array(table)

    def index(self, images: Index, seed: int, epoch: int) -> Index:
        """Numbers of images (N,) as `Backend.standardise` takes them with the table."""
        random = stream(seed, VIEWS, epoch)
        ways = 2 * random.integers(len(self.table) // 2, size=len(images))
        ways += random.random(len(images)) < self._flip
        index: Index = images * len(self.table) + ways
        return index
