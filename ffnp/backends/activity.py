"""What one layer computes for one batch."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

Array = Any  # numpy.ndarray or cupy.ndarray: the two share no base class
Product = tuple[Array, Array, Array]  # a, b and where a b goes: a matrix product yet to be made


@dataclass(frozen=True)
class Activity:
    """What a layer leaves behind, for its gradient and for the next layer."""

    values: Array  # (N, R, H): a
    # (N, R, H): phi'(z), where the activation needs it kept; None for relu, where a phi'(z) = a
    slope: Array | None
    # (N, R, H): the way back: scale_prev * dJ/dz after `Backend.delta`; dJ/dz after
    # `Backend.backpropagate`, and dJ/da before it
    delta: Array
    # (N, R): g = sum of squares of a, and 1 / (sqrt(g) + EPSILON), which normalises the row
    goodness: Array
    scale: Array  # (N, R)
    # (N, H): what a unit's activity is multiplied by in training, the same in all rows of an
    # image: 0 if the unit is dropped; None without dropout
    kept: Array | None = None

    def part(self, images: slice) -> "Activity":
        """Views of some of the images."""
        arrays = (self.values, self.slope, self.delta, self.goodness, self.scale, self.kept)
        return Activity(*(None if array is None else array[images] for array in arrays))

    @cached_property  # a view takes CuPy longer than a launch takes to be checked
    def rows(self) -> Array:
        """The values as (N R, H), a view."""
        return rows_of(self.values)

    @cached_property
    def delta_rows(self) -> Array:
        """The delta as (N R, H), a view."""
        return rows_of(self.delta)


def rows_of(array: Array) -> Array:
    """(N, R, H) as (N R, H), a view."""
    return array.reshape(-1, array.shape[2])
