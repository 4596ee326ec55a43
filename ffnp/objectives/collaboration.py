"""Layer collaboration: gamma, what a layer hears of the others (the paper's equation 7)."""

from dataclasses import dataclass

import numpy as np

from ffnp.errors import InputError
from ffnp.objectives import Objective
from ffnp.objectives.base import Array

GAMMAS = ("none", "others", "previous", "next")


def gamma_of_layers(kind: str, goodness: Array) -> Array:
    """The constant added to each layer's goodness, row by row.

    Parameters
    ----------
    kind : {"none", "others", "previous", "next"}
        Sum over no layer, all other layers, the layers below, or the layers above.
    goodness : (L, N, R) array

    Returns
    -------
    (L, N, R) array
    """
    if kind == "none":
        return np.zeros_like(goodness)
    if kind == "others":
        others: Array = goodness.sum(axis=0) - goodness
        return others
    if kind == "previous":
        return np.cumsum(goodness, axis=0) - goodness
    if kind == "next":
        return np.cumsum(goodness[::-1], axis=0)[::-1] - goodness
    raise ValueError(f"gamma '{kind}' is none of {GAMMAS}")


@dataclass(frozen=True)
class LayerObjective:
    """One objective for all layers of a network, with the gamma that couples them, scaled.

    `gain` multiplies the coefficients: what dropout multiplies the units it keeps by.
    """

    objective: Objective
    gamma: str
    gamma_scale: float = 1.0
    gain: float = 1.0

    @property
    def by_image(self) -> bool:
        """Whether a batch may be evaluated in parts; see `Objective`."""
        return getattr(self.objective, "by_image", False)

    def of_layers(self, goodness: Array) -> tuple[Array, Array]:
        """Values (L,) and coefficients (L, N, R) of (L, N, R) goodness.

        With gamma `others`, not scaled, goodness plus gamma is the total for every layer: one
        evaluation serves all, if the objective is `of_sum`.

        Raises
        ------
        InputError
            If the objective gives anything but a number and an (N, R) array.
        """
        one_for_all = self.gamma == "others" and self.gamma_scale == 1
        if one_for_all and getattr(self.objective, "of_sum", False):
            value, coefficient = self._evaluate(goodness.sum(axis=0), 0.0)
            coefficients = np.broadcast_to(coefficient, goodness.shape)
            return np.full(len(goodness), value), self.gain * coefficients
        gammas = self.gamma_scale * gamma_of_layers(self.gamma, goodness)
        pairs = [self._evaluate(g, gamma) for g, gamma in zip(goodness, gammas, strict=True)]
        return np.array([value for value, _ in pairs]), self.gain * np.stack([c for _, c in pairs])

    def _evaluate(self, goodness: Array, gamma: Array | float) -> tuple[float, Array]:
        found = self.objective(goodness, gamma)
        shapes = [np.shape(part) for part in found] if isinstance(found, tuple) else None
        if shapes != [(), goodness.shape]:
            gave = type(found).__name__ if shapes is None else f"shapes {shapes}"
            raise InputError(
                f"{self.objective} gave {gave} for goodness of shape {goodness.shape}: return the "
                "value, one number, and the coefficient, one for each row"
            )
        return found
