"""Images to predict: an array file, or a picture."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.data.arrays import LARGEST
from ffnp.data.npy import map_npy, read_array
from ffnp.errors import InputError
from ffnp.files import reading


def read_images(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    """The images of a file, flat: (N, D), uint8, or float32 from an array of floats.

    `InputError` if they are damaged or of another shape, hold NaN or what is too large, or need
    Pillow and it is not installed.

    Parameters
    ----------
    path : Path
        A `.npy` array, a `.npz` archive of one array (or with `x_test`), or a picture.
    shape : tuple of int
        Of one image: (height, width), (1 or 3, height, width), or anything for arrays.
    """
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".npz"):
        return _picture(path, shape)
    images = map_npy(path) if suffix == ".npy" else read_array(path, "x_test")
    pixels = int(np.prod(shape))
    if images.size == 0:
        raise InputError(f"{path} holds no image: its shape is {images.shape}")
    if not {images.shape, images.shape[1:]} & {shape, (pixels,)}:  # neither one nor many
        wanted = "x".join(map(str, shape))
        raise InputError(f"{path} has shape {images.shape}: the model takes images of {wanted}")
    if images.dtype != np.uint8:
        if images.dtype.kind != "f":
            raise InputError(
                f"{path} has values of type {images.dtype}: save them as uint8 or float"
            )
        with np.errstate(over="ignore"):  # what overflows becomes infinite, and is reported
            images = images.astype(np.float32, copy=False)
        if not max(-images.min(), images.max()) <= LARGEST:  # NaN passes through both
            raise InputError(f"{path} holds NaN, infinite or too large values: clean it first")
    return np.ascontiguousarray(images).reshape(-1, pixels)


def _picture(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        from PIL import Image, UnidentifiedImageError
    except ModuleNotFoundError as error:
        raise InputError(
            f"{path}: pictures need Pillow: pip install 'ffnp[image]', or give a .npy file"
        ) from error
    match shape:
        case (height, width):
            mode = "L"
        case (1 | 3 as channels, height, width):
            mode = "L" if channels == 1 else "RGB"
        case _:
            wanted = "x".join(map(str, shape))
            raise InputError(f"{path}: the model takes arrays of {wanted} values: give a .npy file")
    malformed = (SyntaxError, ValueError, Image.DecompressionBombError)
    # Pillow warns of damage before it refuses a file, or reads it all the same.
    with warnings.catch_warnings(action="ignore"), reading(path, *malformed):
        try:
            opened = Image.open(path)
        except UnidentifiedImageError as error:
            raise InputError(
                f"{path} is neither an array nor a picture that Pillow knows: give .npy, .npz, "
                ".png or the like"
            ) from error
        with opened as picture:
            if picture.size != (width, height):
                raise InputError(
                    f"{path} has {picture.width}x{picture.height} pixels: "
                    f"resize it to the model's {width}x{height}"
                )
            if picture.mode[0] in "IF":  # the conversion would cut off all above 255
                raise InputError(f"{path} has pixels of over 8 bits: save it with 8 bits each")
            pixels = np.asarray(picture.convert(mode))
    if mode == "RGB":
        pixels = np.moveaxis(pixels, -1, 0)
    return np.ascontiguousarray(pixels).reshape(1, -1)
