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
from ffnp.config import Config
from ffnp.gradcheck.cases import name_of
from ffnp.gradcheck.drawing import draw
from ffnp.gradcheck.subject import Subject, Vector
from ffnp.objectives import Objective

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


def check(case: Config, backend: Backend, objective: Objective | None = None) -> Iterator[Result]:
    """Check the gradient of every layer of one case on a backend.

    Parameters
    ----------
    case : Config
        Its method, gamma, objective and activation, on a network of `case.hidden`.
    backend : Backend
    objective : Objective, optional
        The one that the case calls `own`. It should be smooth where it is drawn.

    Raises
    ------
    FFNPError
        If no draw is clear of every kink.
    """
    sample = draw(case, objective)
    subject = Subject(case, sample, backend, "float64", objective)
    gradient = subject.gradient()
    single = Subject(case, sample, backend, "float32", objective).gradient()
    random = np.random.default_rng(0)
    for layer, indices in enumerate(subject.indices()):
        own = gradient[indices]
        loss = subject.loss(layer)
        numeric = np.array([subject.difference(loss, i, 1.0) for i in indices])
        unit = random.normal(size=len(indices))
        unit /= np.linalg.norm(unit)
        along = subject.difference(loss, indices, unit)
        length = max(np.linalg.norm(own), np.linalg.norm(numeric))
        errors = {
            "parameters": relative_error(own, numeric),
            "direction": abs(own @ unit - along) / length if length else 0.0,
            "float32": relative_error(single[indices], own),
        }
        for name, error in errors.items():
            yield Result(
                *name_of(case), case.activation, layer + 1, name, float(error), CHECKS[name]
            )


def relative_error(found: Vector, expected: Vector) -> float:
    """The largest difference as a share of the largest number."""
    scale = max(np.abs(found).max(), np.abs(expected).max())
    return float(np.abs(found - expected).max() / scale) if scale else 0.0
