"""What training images look like, and which others are so unlike them that no answer is right."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.data.arrays import Images
from ffnp.data.dataset import Split

DEVIATIONS = 6  # from the mean of training images, and
SHARE = 0.3  # of the range of their pixels: what differs by more is unlike them
TIMES = 10  # as faint as the faintest training image, or as strong as the strongest
PREDICT = "`ffnp predict {}`; leave it out if it was given"


@dataclass(frozen=True)
class Level:
    """Mean and deviation over images of something that is measured of each."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: NDArray[np.floating[Any]]) -> "Level":
        """The level of measured values (N,)."""
        return cls(float(values.mean()), float(values.std()))

    def far(self, values: NDArray[np.floating[Any]], range: float) -> NDArray[np.bool_]:
        """Which values are far from the mean; `range` is that of all pixels."""
        distance = max(DEVIATIONS * self.deviation, SHARE * range)
        return np.asarray(abs(values - self.mean) > distance)


@dataclass(frozen=True)
class Appearance:
    """Statistics of training images, of a sample.

    Attributes
    ----------
    low, high : float
        Range of their pixels.
    faintest : float
        The smallest of the images' largest pixels, without their signs.
    brightness : Level
        Of the images' mean pixels.
    border : Level or None
        Of the mean pixels of the images' borders; None if images are not of two dimensions.
    """

    low: float
    high: float
    faintest: float
    brightness: Level
    border: Level | None

    @classmethod
    def of(cls, split: Split) -> "Appearance":
        """Look at some images of a split, evenly over the whole."""
        images = split.sample().images
        with np.errstate(all="ignore"):  # mapped pixels may be anything
            border = _border(images, split.shape)
            return cls(
                float(images.min()),
                float(images.max()),
                float(_strength(images).min()),
                Level.of(images.mean(axis=1, dtype=np.float64)),
                None if border is None else Level.of(border),
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Appearance":
        """The appearance that `asdict` made plain; `TypeError` or `KeyError` if it did not."""
        border = values["border"]
        levels = {
            "brightness": Level(**values["brightness"]),
            "border": None if border is None else Level(**border),
        }
        return cls(**(values | levels))

    def __post_init__(self) -> None:
        levels = [level for level in (self.brightness, self.border) if level is not None]
        numbers = [number for level in levels for number in (level.mean, level.deviation)]
        for number in (self.low, self.high, self.faintest, *numbers):
            if (
                type(number) not in (int, float)
                or isinstance(number, int)
                and abs(number) > 1 << 64
            ):
                raise TypeError(f"{number!r} is no measure of pixels")

    def changes(self, now: "Appearance") -> str:
        """What another sample has otherwise, in words; nothing if it is this one."""
        was, found = self._said(), now._said()
        return ", ".join(f"{n} {found[n]}, once {was[n]}" for n in was if found[n] != was[n])

    def _said(self) -> dict[str, str]:
        """In numbers of so many digits that the last bits of a sum do not matter."""
        border = "none" if self.border is None else f"{self.border.mean:.6g}"
        return {
            "pixels": f"{self.low:g}..{self.high:g}",
            "mean pixel": f"{self.brightness.mean:.6g}",
            "deviation of images' means": f"{self.brightness.deviation:.6g}",
            "mean pixel at the border": border,
        }

    def unlike(self, images: Images, shape: tuple[int, ...], start: int) -> tuple[int, str]:
        """How many images (N, D) are unlike these, and what is to be said of the first.

        `start` is the first image's number.
        """
        with np.errstate(all="ignore"):
            strength, border = _strength(images), _border(images, shape)
            brightness = images.mean(axis=1, dtype=np.float64)
            most = max(abs(self.low), abs(self.high))
            scaled = (strength * TIMES < self.faintest) | (strength > TIMES * most)
            far = self._far(brightness, border)
        odd = np.flatnonzero(scaled | far)
        if len(odd) == 0:
            return 0, ""
        first = odd[0]

        def turned(values: Any) -> Any:
            return None if values is None else self.low + self.high - values

        if scaled[first]:
            mend = f"scale pixels to {self.low:g}..{self.high:g}"
        elif not self._far(turned(brightness), turned(border))[first]:
            mend = f"invert it ({PREDICT.format('--invert')})"
        else:
            mend = f"crop, scale and centre a drawn digit ({PREDICT.format('--prepare')})"
        said = [f"mean pixel {brightness[first]:.3g}, theirs {self.brightness.mean:.3g}"]
        if border is not None and self.border is not None:
            said.append(f"at the border {border[first]:.3g}, theirs {self.border.mean:.3g}")
        return len(odd), f"image {start + first}: {', '.join(said)}: {mend}"

    def _far(self, brightness: Any, border: Any) -> Any:
        width = self.high - self.low
        far = self.brightness.far(brightness, width)
        return far if self.border is None else far | self.border.far(border, width)


def _strength(images: Images) -> NDArray[np.float64]:
    """The largest pixel of each image (N, D), without its sign."""
    low, high = (found.astype(np.float64) for found in (images.min(axis=1), images.max(axis=1)))
    strength: NDArray[np.float64] = np.maximum(high, -low)
    return strength


def _border(images: Images, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    """The mean of the outermost pixels of each image (N, D); None if it has no border."""
    if not (len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))) or min(shape[-2:]) < 3:
        return None
    outermost = np.ones(shape, bool)
    outermost[..., 1:-1, 1:-1] = False
    border: NDArray[np.float64] = images[:, outermost.reshape(-1)].mean(axis=1, dtype=np.float64)
    return border
