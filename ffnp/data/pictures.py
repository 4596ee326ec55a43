"""Picture files as the images that a model takes, by Pillow."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.errors import InputError, InputWarning, importing
from ffnp.files import opened, reading

# By content, whatever the name says: others start programs (EPS), or fail in ways of their own.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
# an MPO is a JPEG with previews, which are no further images
FIRST_ALONE = ("JPEG", "MPO")
LARGEST = 12_500_000  # pixels of a picture, as phones take them
MOST = 1 << 26  # pixels of all pages that are kept
INK = 64  # of 255: what is darker is ground, in a picture to prepare
SIDE = 20  # pixels: the longer side of a digit,
FILLED = SIDE / 28  # and of a prepared picture's shorter side: as in MNIST
GAP = 2  # pixels: strokes of a digit are not farther apart
SHADED = 0.25  # of the pixels at the edges: more of them are ink in few crops of a digit


def read_pictures(
    path: Path, shape: tuple[int, ...], invert: bool, prepare: bool
) -> NDArray[np.uint8]:
    """The images of a picture file, one a page or frame: (N, D).

    As they are shown: turned as EXIF says, and on white where they are transparent.

    Parameters
    ----------
    path : Path
    shape : tuple of int
        Of one image: (height, width) or (1 or 3, height, width).
    invert : bool
        Whether dark becomes light.
    prepare : bool
        Whether what is drawn is cropped, scaled and centred; see `prepared`.

    Raises
    ------
    InputError
        The file is damaged or no picture, has another size, over 8 bits a pixel or nothing in it,
        or Pillow is not installed.

    Warns
    -----
    InputWarning
        What is prepared may be more than a digit.
    """
    notes: list[str] = []
    with importing("Pillow", "PIL", "image"):
        from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError
    match shape:
        case (height, width):
            mode = "L"
        case (1 | 3 as channels, height, width):
            mode = "L" if channels == 1 else "RGB"
        case _:
            wanted = "x".join(map(str, shape))
            raise InputError(f"{path}: the model takes arrays of {wanted} values: give a .npy file")
    if prepare and mode == "RGB":
        raise InputError(f"{path} cannot be prepared: the model takes colours, not drawn digits")

    def image_of(frame: Any) -> NDArray[np.uint8]:
        if not prepare and sorted(frame.size) != sorted((width, height)):  # before it is decoded
            raise _other_size(path, frame, width, height)
        picture = ImageOps.exif_transpose(frame)
        if not prepare and picture.size != (width, height):
            raise _other_size(path, picture, width, height)
        if picture.mode[0] in "IF":  # the conversion would cut off all above 255
            raise InputError(f"{path} has pixels of over 8 bits: save it with 8 bits each")
        if picture.mode == "LAB":  # which Pillow does not convert
            raise InputError(f"{path} has LAB colours: save it in greys or RGB")
        if picture.has_transparency_data:
            picture = picture if picture.mode == "RGBA" else picture.convert("RGBA")
            white = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(white, picture)
        picture = picture.convert(mode)
        if all(low == high for low, high in np.reshape(picture.getextrema(), (-1, 2))):
            raise InputError(
                f"{path} is blank: all its pixels are alike, transparent ones being white: save it "
                "on a ground of another colour"
            )
        if invert:
            picture = ImageOps.invert(picture)
        if prepare:
            if light_ground(picture):
                mend = "leave out --invert" if invert else "add --invert"
                raise InputError(f"{path} is dark on light, when MNIST is light on dark: {mend}")
            ink = ink_of(picture)
            if (edges(ink) > 0).mean() > SHADED:
                notes.append(
                    "what is drawn reaches the edges, as the shades of a photograph do: take it in "
                    "even light, with a margin"
                )
            elif in_pieces(ink):
                notes.append(
                    "more is drawn than one digit, or there are specks: crop it to the digit"
                )
            picture = prepared(ink, width, height)
        pixels = np.asarray(picture)
        return pixels if mode == "L" else np.moveaxis(pixels, -1, 0)

    images = bytearray()  # it grows, so that no page is held twice
    # Pillow warns of damage before it refuses a file, or reads it all the same. A decoder's failure
    # of any kind is the file's; what the system refuses is not.
    with warnings.catch_warnings(action="ignore"), reading(path, Exception), opened(path) as file:
        try:
            picture = Image.open(file, formats=FORMATS)
        except UnidentifiedImageError as error:
            raise InputError(
                f"{path} is neither an array nor a picture: give .npy, .npz or a picture "
                f"({', '.join(FORMATS)})"
            ) from error
        with picture:
            first_alone = picture.format in FIRST_ALONE
            for frame in [picture] if first_alone else ImageSequence.Iterator(picture):
                if frame.width * frame.height > LARGEST:
                    raise InputError(
                        f"{path} has {frame.width}x{frame.height} pixels: make it smaller"
                    )
                images += image_of(frame).tobytes()
                if len(images) > MOST:
                    raise InputError(f"{path} has too many pages: give them in several files")
    for note in notes:
        warnings.warn(f"{path}: {note}, if the answer is wrong", InputWarning, stacklevel=3)
    return np.frombuffer(images, np.uint8).reshape(-1, int(np.prod(shape)))


def _other_size(path: Path, picture: Any, width: int, height: int) -> InputError:
    return InputError(
        f"{path} has {picture.width}x{picture.height} pixels: resize it to the model's "
        f"{width}x{height}, or --prepare a drawn digit"
    )


def light_ground(picture: Any) -> bool:
    """Whether a picture in greys is lighter at its edges than halfway from black to white."""
    from PIL import ImageOps

    return bool(edges(ImageOps.autocontrast(picture)).mean() > 127.5)


def edges(picture: Any) -> NDArray[np.uint8]:
    """The pixels at the edges of a picture in greys, in a row."""
    pixels = np.asarray(picture)
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def ink_of(picture: Any) -> Any:
    """What is drawn light on dark, in greys, the ground being black."""
    from PIL import ImageOps

    return ImageOps.autocontrast(picture).point(lambda value: value if value >= INK else 0)


def in_pieces(ink: Any) -> bool:
    """Whether what is drawn has parts that are farther apart than strokes of a digit."""
    from PIL import Image, ImageFilter

    left, top, right, bottom = ink.getbbox()
    places = (np.argwhere(ink) - (top, left)) * SIDE // max(right - left, bottom - top)
    drawn, piece = np.zeros((2, SIDE, SIDE), bool)
    drawn[tuple(places.T)] = piece[tuple(places[0])] = True
    near, size = ImageFilter.MaxFilter(2 * GAP + 1), 0
    while size < (size := piece.sum()):
        piece = np.asarray(Image.fromarray(piece).convert("L").filter(near)) & drawn
    return bool(size < drawn.sum())


def prepared(ink: Any, width: int, height: int) -> Any:
    """A digit as MNIST's makers prepared theirs.

    Cropped to its ink, scaled with its aspect kept until its longer side is 20 pixels of 28, and
    put where its centre of mass is the image's centre.
    """
    from PIL import Image

    cropped = ink.crop(ink.getbbox())
    scale = FILLED * min(width, height) / max(cropped.size)
    digit = cropped.resize([max(1, round(scale * side)) for side in cropped.size])
    most = digit.getextrema()[1]  # thin strokes are faint when they are scaled
    digit = digit.point(lambda value: value * 255 // most)
    mass = np.asarray(digit, np.float64)
    rows, columns = np.indices(mass.shape)
    down, right = (float((mass * place).sum() / mass.sum()) for place in (rows, columns))
    image = Image.new("L", (width, height))
    image.paste(digit, (round(width / 2 - right), round(height / 2 - down)))
    return image
