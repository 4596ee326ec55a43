"""What the first layer's units look for, as pictures."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ffnp.errors import InputError


def units_figure(count: int) -> tuple[Any, Sequence[Any]]:
    """A figure of so many small axes, as square as may be."""
    from matplotlib.figure import Figure

    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    figure = Figure(figsize=(0.8 * across, 0.9 * down), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, list(axes.flat[:count])


def draw_units(axes: Sequence[Any], weights: Any, shape: tuple[int, ...]) -> None:
    """Weights (D, H) from pixels to units as pictures, those of the longest, in their order.

    `shape` is the images': (h, w), or with 1 or 3 channels first or last; `InputError` if it is
    another.
    """
    pictures = _pictures(weights.T, shape)
    longest = np.argsort(-np.linalg.norm(weights, axis=0), kind="stable")[: len(axes)]
    for axis, unit in zip(axes, sorted(longest), strict=True):
        picture = pictures[unit]
        most = np.abs(picture).max() or 1.0
        if picture.ndim == 3:
            axis.imshow(0.5 + 0.5 * picture / most)
        else:
            axis.imshow(picture, cmap="RdBu_r", vmin=-most, vmax=most)
        axis.set_title(str(unit + 1), fontsize=6, pad=1)


def _pictures(rows: Any, shape: tuple[int, ...]) -> Any:
    """(H, D) as (H, h, w), or (H, h, w, 3)."""
    if len(shape) == 2:
        return rows.reshape(-1, *shape)
    if len(shape) == 3 and shape[0] in (1, 3):
        rows, shape = np.moveaxis(rows.reshape(-1, *shape), 1, -1), (*shape[1:], shape[0])
    if len(shape) == 3 and shape[2] in (1, 3):
        pictures = rows.reshape(-1, *shape)
        return pictures if shape[2] == 3 else pictures[..., 0]
    sides = "x".join(map(str, shape))
    raise InputError(f"the run's images are of shape {sides}: only pictures' units can be drawn")
