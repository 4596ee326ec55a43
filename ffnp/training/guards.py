"""Checks that end a training, with the reason, when it can no longer learn."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ffnp.backends.activity import Array
from ffnp.errors import TrainingError


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


def check_alive(goodness: Array, gradients: Sequence[Array], error: float, where: str) -> None:
    """Raise `TrainingError` if the network has died.

    Parameters
    ----------
    goodness : (L, N, R) array
        Of the batch last done.
    gradients : sequence of (P,) arrays
        Of the layers in training.
    error : float
        Pair error in %.
    where : str
    """
    rows, total = goodness.shape[2], goodness.sum(axis=0)  # (N, R)
    chance = 100 * (1 - 1 / max(rows, 2))
    if not total.any():
        reason = "every goodness is 0"
    elif rows > 1 and (total == total[:, :1]).all():
        reason = "no goodness depends on the label"
    elif error >= chance and not any(gradient.any() for gradient in gradients):
        reason = "no gradient is left"
    else:
        return
    raise TrainingError(
        f"the network has died in {where}: {reason}, and of {error:.1f}% of the training images "
        "a wrong label wins: train anew with another theta, input scaling or learning rate"
    )
