"""What one layer computes for one batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Array = Any  # numpy.ndarray or cupy.ndarray: the two share no base class


@dataclass(frozen=True)
class Activity:
    """What a layer leaves behind, for its gradient and for the next layer.

    Attributes
    ----------
    values : (N, R, H) array
        a; a layer's `gradient` overwrites it with the delta.
    slope : (N, R, H) array or None
        phi'(z), where the activation needs it kept; None for relu, where a phi'(z) = a.
    goodness, scale : (N, R) arrays
        g = sum of squares of a, and 1 / (sqrt(g) + EPSILON), which normalises the row.
    """

    values: Array
    slope: Array | None
    goodness: Array
    scale: Array

    @classmethod
    def empty(
        cls,
        empty: Callable[..., Array],
        values: tuple[int, int, int],
        slope: bool,
        goodness: Array,
    ) -> "Activity":
        """Buffers of shape `values` = (N, R, H), by `Backend.empty`, around a given goodness."""
        dtype = goodness.dtype
        return cls(
            empty(values, dtype),
            empty(values, dtype) if slope else None,
            goodness,
            empty(goodness.shape, dtype),
        )

    @property
    def rows(self) -> Array:
        """The values as (N R, H), a view."""
        return self.values.reshape(-1, self.values.shape[2])
