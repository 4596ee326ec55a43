"""Every gradient against finite differences of the loss that it claims to differentiate.

A Forward-Forward layer is checked alone, on its *local* loss: its input and the gamma it hears are
held at what they were, as training holds them, so a gradient that leaks through either is found.
A baseline is checked on its whole loss. The networks are tiny and float64, so that central
differences of every single parameter are quick, and right to about 1e-9.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ffnp.backends import Backend
from ffnp.backends.activity import Array
from ffnp.config import Config
from ffnp.errors import InputError
from ffnp.gradcheck.cases import name_of
from ffnp.gradcheck.drawing import draw
from ffnp.gradcheck.subject import Subject, Vector
from ffnp.objectives import Objective
from ffnp.objectives.own import Own, as_own

CHECKS = {"parameters": 1e-6, "direction": 1e-6, "float32": 1e-4}  # and their tolerances


@dataclass(frozen=True)
class Result:
    """The relative error of one layer's gradient."""

    method: str  # an objective, or a baseline
    gamma: str
    activation: str
    layer: int  # from 1
    # the worst of all parameters, one by one, or one random direction, by central differences in
    # float64; or the float32 gradient against the float64 one
    check: str
    # as shares of the layer's largest derivative; along a direction, of its gradient's length
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; NaN is not."""
        return self.error <= self.tolerance


def check(case: Config, backend: Backend, own: Own | Objective | None = None) -> Iterator[Result]:
    """Check the gradient of every layer of one case on a backend.

    Parameters
    ----------
    case : Config
        Its method, gamma, objective and activation, on a network of `case.hidden`.
    backend : Backend
    own : Own or Objective, optional
        What the case calls `own`: an objective, or an `Own` of it, a gamma or an activation. An
        objective should be smooth where it is drawn; so should an activation, but for leaps of its
        slope, which are kept away from.

    Raises
    ------
    FFNPError
        If no draw is clear of every kink.
    InputError
        If a gamma says that it is of each image's own rows, and is not.
    """
    own = as_own(own)
    sample = draw(case, own)
    subject = Subject(case, sample, backend, "float64", own)
    gradient = subject.gradient()
    _check_alone(own, backend.to_host(subject.batch.goodness))
    single = Subject(case, sample, backend, "float32", own).gradient()
    random = np.random.default_rng(0)
    for layer, indices in enumerate(subject.indices()):
        mine = gradient[indices]
        loss = subject.loss(layer)
        numeric = np.array([subject.difference(loss, i, 1.0) for i in indices])
        unit = random.normal(size=len(indices))
        unit /= np.linalg.norm(unit)
        along = subject.difference(loss, indices, unit)
        length = max(np.linalg.norm(mine), np.linalg.norm(numeric))
        errors = {
            "parameters": relative_error(mine, numeric),
            "direction": abs(mine @ unit - along) / length if length else 0.0,
            "float32": relative_error(single[indices], mine),
        }
        for name, error in errors.items():
            yield Result(
                *name_of(case), case.activation, layer + 1, name, float(error), CHECKS[name]
            )


def _check_alone(own: Own, goodness: Array) -> None:
    """Is a gamma that says so of each image's own rows?"""
    if own.gamma is None or not getattr(own.gamma, "by_image", False):
        return
    whole = np.asarray(own.gamma(goodness.copy()))
    parts = [own.gamma(goodness[:, i : i + 1].copy()) for i in range(goodness.shape[1])]
    if not np.allclose(whole, np.concatenate(parts, axis=1), rtol=1e-6):
        raise InputError(
            "the gamma says by_image, but what an image hears depends on the other images: leave "
            "that out, and a batch is evaluated whole"
        )


def relative_error(found: Vector, expected: Vector) -> float:
    """The largest difference as a share of the largest number."""
    scale = max(np.abs(found).max(), np.abs(expected).max())
    return float(np.abs(found - expected).max() / scale) if scale else 0.0
