"""The configuration of a run: every choice that decides its result, in one place."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

import numpy as np

from ffnp.activations import ACTIVATIONS
from ffnp.backends.selection import BACKENDS
from ffnp.collaboration import GAMMAS
from ffnp.data.scaling import SCALINGS
from ffnp.errors import InputError
from ffnp.objectives import OBJECTIVES

METHODS = ("collab", "ff", "backprop-label", "backprop-pairwise")
COLLABORATIONS = tuple(gamma for gamma in GAMMAS if gamma != "none")
SCHEDULES = ("network", "layer")
UPDATES = ("simultaneous", "sequential")
LR_SCHEDULES = ("constant", "linear")
OPTIMIZERS = ("adam", "sgd")
DTYPES = ("float32", "float64")
ALL = "all"
OWN = "own"  # an objective that is given in Python
MOST_GOODNESS = 1e12  # that images of the greatest length could have
MOST_UNITS = 1_000_000  # of a layer


@dataclass(frozen=True)
class Config:
    """What a run trains, on what and how. Checked when made: `InputError` names what is wrong.

    Attributes
    ----------
    dataset : str
        `mnist`, `fashion-mnist`, `cifar10`, or the path of a `.npz` file or a folder.
    data_dir : str or None
        Where the files of a named data set are looked for before the cache.
    limit_train, limit_test : int or None
        Use the first so many rows.
    validation : int
        Hold out the last so many training rows, and evaluate on them in place of the test set.
    method : {"collab", "ff", "backprop-label", "backprop-pairwise"}
        Layers that hear of each other (gamma), layers that do not, or a baseline.
    gamma : {"others", "previous", "next"}
        Whose goodness a layer hears of. For `collab`.
    objective : str
        What a layer minimises. For `collab` and `ff`. `own`: one that `ffnp.train` was given.
    labels : int, "all" or None
        R, label rows an image in training. None: 2, or all for the objective `softmax`.
        Not for `backprop-label`, which joins no labels.
    theta : float
        Threshold of the sigmoid objectives, in units of goodness.
    alpha : float
        Steepness of the pairwise objective, and of the baseline `backprop-pairwise`.
    schedule : {"network", "layer"}
        All layers at every batch, or one layer after another for `epochs` epochs each.
    update : {"simultaneous", "sequential"}
        Under `network`: all layers from one forward pass, or each before the next is recomputed.
    hidden : tuple of int
        Widths of the layers.
    activation : str
    scaling : {"standard", "raw"}
        `standard`: pixels standardised by the training set's one mean and deviation, then each
        image scaled to `input_length`. `raw`: uint8 pixels over 255, floats as they are.
    input_length : float
        Length of every scaled image.
    label_scale : float
        s, the label's entry in the joined input.
    optimizer : {"adam", "sgd"}
    lr, momentum : float
        `momentum` is SGD's.
    lr_schedule : {"constant", "linear"}
        `linear`: constant for the first half, then to zero over the second.
    epochs, batch_size, seed : int
    cache_mb : int
        With schedule `layer`: megabytes that may be taken to keep what the frozen layers give
        for every image and label; if that needs more, they are computed again at every step.
    backend : {"auto", "numpy", "numba", "cupy", "reference"}
    device : int
        Which GPU.
    dtype : {"float32", "float64"}
    evaluate_every : int
        Epochs between evaluations on the test set; 0: only after the last.
    analyse_every : int
        Epochs between two analyses of goodness (`ffnp.analysis`); 0: none. Changes no training.
    """

    dataset: str = "mnist"
    data_dir: str | None = None
    limit_train: int | None = None
    limit_test: int | None = None
    validation: int = 0
    method: str = "collab"
    gamma: str = "others"
    objective: str = "sigmoid"
    labels: int | str | None = None
    theta: float = 20.0
    alpha: float = 1.0
    schedule: str = "network"
    update: str = "simultaneous"
    hidden: tuple[int, ...] = (500, 500, 500)
    activation: str = "relu"
    scaling: str = "standard"
    input_length: float = 10.0
    label_scale: float = 3.0
    optimizer: str = "adam"
    lr: float = 0.001
    momentum: float = 0.9
    lr_schedule: str = "constant"
    epochs: int = 150
    batch_size: int = 200
    seed: int = 0
    cache_mb: int = 2000
    backend: str = "auto"
    device: int = 0
    dtype: str = "float32"
    evaluate_every: int = 0
    analyse_every: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = _plain(getattr(self, field.name))
            _check_type(field.name, value, field.type)
            object.__setattr__(self, field.name, value)
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(
                    f"{name} '{getattr(self, name)}' is unknown: choose {', '.join(choices)}"
                )
        for name, low in LEAST.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise InputError(f"{name} is {value}: it must be at least {low}")
        for name, most in ABOVE_0.items():
            if not 0 < getattr(self, name) <= most:
                raise InputError(
                    f"{name} is {getattr(self, name)}: it must be above 0, and {most:g} at most"
                )
        if not abs(self.theta) <= MOST_GOODNESS:
            raise InputError(
                f"theta is {self.theta}: it must be a number between +-{MOST_GOODNESS:g}"
            )
        for name in ("dataset", "data_dir"):
            if getattr(self, name) == "":
                raise InputError(f"{name} is empty: give a name, or leave it out")
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum is {self.momentum}: it must be in 0..1, below 1")
        if not self.hidden or not 1 <= min(self.hidden) <= max(self.hidden) <= MOST_UNITS:
            raise InputError(
                f"hidden is {self.hidden}: give the width of each layer, 1..{MOST_UNITS}"
            )
        if isinstance(self.labels, str) and self.labels != ALL:
            raise InputError(f"labels is '{self.labels}': give a number of rows, or all")
        self._check_together()

    def _check_together(self) -> None:
        if self.schedule == "layer" and self.update == "sequential":
            raise InputError("update sequential belongs to schedule network: leave out one")
        if self.backpropagates:
            if self.schedule != "network" or self.update != "simultaneous":
                raise InputError(
                    f"{self.method} trains all layers together: "
                    "leave out schedule layer and update sequential"
                )
            if self.analyse_every:
                raise InputError(f"{self.method} has no goodness to analyse: leave it out")
            if self.objective != "sigmoid":
                raise InputError(f"{self.method} has a loss of its own: leave out objective")
            if self.labels is not None and self.method == "backprop-label":
                raise InputError(f"{self.method} joins no labels to images: leave out labels")
        elif self.schedule == "layer" and self.method == "collab" and self.gamma != "previous":
            raise InputError(
                f"gamma {self.gamma} needs layers that schedule layer has not trained yet: "
                "choose gamma previous, or schedule network"
            )

    @property
    def backpropagates(self) -> bool:
        """Whether the method is one of the two baselines."""
        return self.method.startswith("backprop")

    @property
    def evaluated(self) -> str:
        """Which rows errors are of: test, or validation."""
        return "validation" if self.validation else "test"

    def rows(self, classes: int) -> int:
        """R, label rows an image in training, of K classes; `InputError` outside 2..K."""
        labels = self.labels
        if labels is None:
            labels = ALL if self.objective == "softmax" else 2
        rows = classes if labels == ALL else int(labels)
        if not 2 <= rows <= classes:
            raise InputError(f"labels is {rows}: of {classes} classes choose 2..{classes}, or all")
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"hidden": list(self.hidden)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Config":
        """A configuration from plain values; `InputError` on a name that is unknown."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise InputError(f"unknown configuration name: {', '.join(sorted(unknown))}")
        return cls(**values)


CHOICES = {
    "method": METHODS,
    "gamma": COLLABORATIONS,
    "objective": (*OBJECTIVES, OWN),
    "schedule": SCHEDULES,
    "update": UPDATES,
    "activation": tuple(ACTIVATIONS),
    "scaling": SCALINGS,
    "optimizer": OPTIMIZERS,
    "lr_schedule": LR_SCHEDULES,
    "backend": BACKENDS,
    "dtype": DTYPES,
}
ABOVE_0 = {"lr": 1e30, "alpha": 1e6, "input_length": 1e6, "label_scale": 1e6}  # and their most
LEAST = {
    "limit_train": 1,
    "limit_test": 1,
    "validation": 0,
    "epochs": 1,
    "batch_size": 1,
    "seed": 0,
    "cache_mb": 0,
    "device": 0,
    "evaluate_every": 0,
    "analyse_every": 0,
}


def _plain(value: Any) -> Any:
    """A NumPy number as Python's, and a list as a tuple."""
    if isinstance(value, np.generic):
        return value.item()
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value


def _check_type(name: str, value: Any, expected: Any) -> None:
    if name == "hidden":
        fits = isinstance(value, tuple) and all(type(width) is int for width in value)
    else:
        kinds = get_args(expected) or (expected,)
        fits = type(value) in kinds or (float in kinds and type(value) is int)
    if not fits:
        wanted = getattr(expected, "__name__", expected)  # int, or int | None
        raise InputError(f"{name} is {value!r}: that is not of type {wanted}")
