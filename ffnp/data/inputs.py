"""Images to predict: an array file, or a picture."""

from pathlib import Path

import numpy as np

from ffnp.data.arrays import Images, as_images
from ffnp.data.npy import map_npy, read_array
from ffnp.data.pictures import read_pictures
from ffnp.data.tables import is_table, read_pixels
from ffnp.errors import InputError


def read_images(
    path: Path,
    shape: tuple[int, ...],
    invert: bool = False,
    prepare: bool = False,
    label: str | None = None,
    floats: bool = False,
) -> Images:
    """The images of a file, flat: (N, D), uint8, or float32 from an array of floats.

    Parameters
    ----------
    path : Path
        A `.npy` array, a `.npz` archive of one array (or with `x_test`), a table (`.csv`,
        `.parquet`; the column of the labels is left out), or a picture.
    shape : tuple of int
        Of one image: (height, width), (1 or 3, height, width), or anything for arrays.
    invert : bool
        Whether dark becomes light: of pictures and of uint8 arrays.
    prepare : bool
        Whether drawn digits are cropped, scaled and centred: of pictures.
    label : str, optional
        The labels' column, of tables: see `load`.
    floats : bool
        Whether a table's bytes are to be floats, too.

    Raises
    ------
    InputError
        They are damaged or of another shape, hold NaN or what is too large, or need Pillow and it
        is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".npz") and not is_table(path):
        return read_pictures(path, shape, invert, prepare)
    if prepare:
        raise InputError(f"{path} cannot be prepared: that is for pictures of drawn digits")
    pixels = int(np.prod(shape))
    if is_table(path):
        images = read_pixels(path, pixels, label)
        images = images.astype(np.float32) if floats else images
    else:
        images = map_npy(path) if suffix == ".npy" else read_array(path, "x_test")
    if images.size == 0:
        raise InputError(f"{path} holds no image: its shape is {images.shape}")
    if not {images.shape, images.shape[1:]} & {shape, (pixels,)}:  # neither one nor many
        wanted = "x".join(map(str, shape))
        raise InputError(f"{path} has shape {images.shape}: the model takes images of {wanted}")
    if images.dtype != np.uint8:
        images = np.array(images)  # mapped ones would not be searched for NaN
    flat = as_images(str(path), images.reshape(-1, pixels))
    if not invert:
        return flat
    if flat.dtype != np.uint8:
        raise InputError(f"{path} has floats: invert them where they are made, not by --invert")
    return 255 - flat
