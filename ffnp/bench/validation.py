"""Results first: nothing is timed before its results are the reference backend's."""

from typing import Any

import numpy as np

from ffnp.backends.reference import Backend
from ffnp.bench.work import Prediction, Shapes, Step
from ffnp.scoring.sweep import BLOCK

TOLERANCE = 1e-4  # relative: of losses after a few steps, of an image's largest goodness


def validate(backend: Backend, shapes: Shapes, dtype: np.dtype[Any], steps: int = 3) -> Step:
    """A backend's step; AssertionError if a few steps' losses are not the reference's."""
    expected, got = (Step(each, shapes, dtype) for each in (Backend(), backend))
    for _ in range(steps):
        expected()
        got()
    close(got.losses(), expected.losses(), f"losses of {steps} steps of backend {backend.name}")
    return got


def validate_prediction(
    backend: Backend, shapes: Shapes, dtype: np.dtype[Any], images: int = BLOCK
) -> Prediction:
    """A backend's prediction; AssertionError if some images' scores are not the reference's."""
    few = min(images, BLOCK)
    expected, got = (Prediction(each, shapes, dtype, few)() for each in (Backend(), backend))
    close(got, expected, f"scores by backend {backend.name}")
    return Prediction(backend, shapes, dtype, images)


def close(got: Any, expected: Any, what: str) -> None:
    """Raise AssertionError if numbers differ by more than TOLERANCE of the largest expected."""
    largest = float(np.abs(expected).max())
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE * largest, err_msg=what)
