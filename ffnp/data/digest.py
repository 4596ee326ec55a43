"""What a split holds, as a number: the same wherever and however it is stored."""

from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.data.dataset import Split


class Digest:
    """SHA-256 of a split's labels, weights and images, which are shown to it in order, in blocks.

    So that images of a mapped file need not be read for it alone.
    """

    def __init__(self, split: Split) -> None:
        kind = "uint8" if split.images.dtype == np.uint8 else "float32"
        self._found = sha256(f"{kind} {split.images.shape}".encode())
        self._found.update(split.labels.astype("<i8").data)
        if split.sample_weight is not None:
            self._found.update(split.sample_weight.astype("<f8").data)

    def see(self, images: NDArray[Any]) -> None:
        """Take the next images."""
        self._found.update(np.asarray(images, images.dtype.newbyteorder("<"), order="C").data)

    def text(self) -> str:
        """The digest of all that was shown, in hexadecimal digits."""
        return self._found.hexdigest()
