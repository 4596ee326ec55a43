"""Dropout: a training batch leaves out some pixels and units, others every time."""

from dataclasses import dataclass
from functools import cached_property

from ffnp.backends.activity import Array
from ffnp.backends.reference import Backend
from ffnp.randomness import Draw, Drop, dropout_key, dropout_steps


@dataclass(frozen=True)
class Dropout:
    """How much is left out.

    All label rows of an image leave out the same: they differ by their label alone.

    Parameters
    ----------
    pixels, units : float
        Rates, 0 (nothing is left out) to 1, in steps of 1/256.
    seed : int
        Of the run.
    """

    pixels: float = 0.0
    units: float = 0.0
    seed: int = 0

    @cached_property
    def _key(self) -> tuple[int, int]:
        return dropout_key(self.seed)

    def gain(self, rate: float, power: int) -> float:
        """What is kept is multiplied by it, so that a mean stays: of numbers to this power."""
        return (1 - dropout_steps(rate) / 256) ** (-1 / power) if rate else 1.0

    def of_pixels(self, step: int, first: int) -> Drop:
        """What is left out of the images from number `first` on."""
        draw = Draw(self._key, step, 0)
        return Drop(draw, first, self.pixels, self.gain(self.pixels, 1))

    def draw_units(
        self, backend: Backend, step: int, layer: int, first: int, power: int, out: Array
    ) -> None:
        """The same of the units of some layers of one width from `layer` (from 0) on, (S, N, H)."""
        draw = Draw(self._key, step, layer + 1)
        backend.draw_kept(draw, first, self.units, self.gain(self.units, power), out)
