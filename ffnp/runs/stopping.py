"""When a training is to end early, and the weights of its best epoch, by the validation error."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ffnp.config import Config
from ffnp.errors import InputError, brief
from ffnp.model import Model
from ffnp.training.trainer import Trainer


class Best:
    """The epoch of the lowest validation error so far: of equal ones, the first.

    `InputError` if the configuration asks for it without validation rows, or with schedule layer.

    Attributes
    ----------
    watching : bool
        Whether the configuration asks for errors of every epoch: by `patience`, or `keep` best.
    epoch : int
        Which it is, from 1; 0 before the first error.
    error : float
        Its error in %.
    """

    def __init__(self, config: Config) -> None:
        self.watching = bool(config.patience) or config.keep == "best"
        self._patience, self._keep = config.patience, config.keep == "best"
        self.epoch, self.error, self._seen = 0, math.inf, 0
        self._weights: dict[str, Any] = {}
        if self.watching and not config.validation:
            raise InputError(
                "patience and keep best go by the error on validation rows: say with validation "
                "how many are held out"
            )
        if self.watching and config.schedule == "layer":
            raise InputError(
                "patience and keep best belong to schedule network: with schedule layer an epoch "
                "has no error of its own network"
            )

    def see(self, epoch: int, error: float, model: Model) -> None:
        """Take the validation error, in %, after so many epochs, and the weights that made it."""
        self._seen = epoch
        if error < self.error:
            self.epoch, self.error = epoch, error
            if self._keep:
                weights = model.weights().items()  # on the CPU they go on changing
                self._weights = {name: np.array(array) for name, array in weights}

    @property
    def over(self) -> bool:
        """Whether the error has not fallen for as many epochs as the patience has."""
        return 0 < self._patience <= self._seen - self.epoch

    def restore(self, model: Model) -> None:
        """Give the model the weights of the best epoch, if it is to keep them."""
        if self._weights:
            model.method.parameters.load(self._weights)

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Arrays by name, and plain values: `load_state` goes on from them."""
        if not self._seen:
            return {}, {}
        values = {"epoch": self.epoch, "error": self.error, "seen": self._seen}
        return {f"best.{name}": array for name, array in self._weights.items()}, {"best": values}

    def load_state(
        self, tensors: Mapping[str, Any], values: Mapping[str, Any], at: Trainer
    ) -> None:
        """Go back to where `state` was taken of a trainer; `InputError` if it was not."""
        saved = values.get("best")
        if not self.watching or saved is None:
            return
        try:
            epoch, error, seen = saved["epoch"], saved["error"], saved["seen"]
        except (KeyError, TypeError) as wrong:
            raise InputError("it does not say which epoch was best") from wrong
        counts = type(epoch) is type(seen) is int and 1 <= epoch <= seen <= at.epochs_done
        if not counts or type(error) is not float or not 0 <= error <= 100:
            raise InputError(f"the best epoch {brief(saved)} is none of those done")
        names = at.model.weights() if self._keep else ()
        best = {name: tensors.get(f"best.{name}") for name in names}
        for name, array in best.items():
            own = tensors[name]
            if array is None or (array.shape, array.dtype) != (own.shape, own.dtype):
                raise InputError(f"it lacks {name} of the best epoch")
        self.epoch, self.error, self._seen, self._weights = epoch, error, seen, best
