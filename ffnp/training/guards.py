"""Checks that end a training, with the reason, when it can no longer learn."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ffnp.backends.signs import Signs
from ffnp.errors import TrainingError

WELL = Signs.GOODNESS | Signs.LABEL | Signs.GRADIENT


def all_well(signs: Signs, rows: int) -> bool:
    """Whether nothing is to be said of a training with `rows` label rows an image."""
    return signs | (Signs.LABEL if rows == 1 else Signs(0)) == WELL


def check_finite(losses: Sequence[float], weights: Mapping[str, Any], where: str) -> None:
    """Raise `TrainingError` if a loss or weight is not finite; `where` says how far training is."""
    for i, loss in enumerate(losses, start=1):
        if not np.isfinite(loss):
            raise TrainingError(
                f"the loss of layer {i} is {loss} in {where}: train anew with a "
                "lower learning rate, or look for NaN among the images"
            )
    for name, tensor in weights.items():
        if not np.isfinite(tensor).all():
            raise TrainingError(
                f"{name} holds NaN or infinite values in {where}: "
                "train anew with a lower learning rate"
            )


def check_alive(signs: Signs, rows: int, error: float, where: str) -> None:
    """Raise `TrainingError` if the network has died.

    Parameters
    ----------
    signs : Signs
        Of the batch last done.
    rows : int
        Label rows an image.
    error : float
        Pair error in %.
    where : str
    """
    chance = 100 * (1 - 1 / max(rows, 2))
    if not signs & Signs.GOODNESS:
        reason = "every goodness is 0"
    elif rows > 1 and not signs & Signs.LABEL:
        reason = "no goodness depends on the label"
    elif error >= chance and not signs & Signs.GRADIENT:
        reason = "no gradient is left"
    else:
        return
    raise TrainingError(
        f"the network has died in {where}: {reason}, and of {error:.1f}% of the training images "
        "a wrong label wins: train anew with another theta, input scaling or learning rate"
    )
