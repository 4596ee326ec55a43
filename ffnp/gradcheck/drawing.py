"""Points at which a case is smooth: finite differences across a kink measure nothing."""

from dataclasses import replace

import numpy as np

from ffnp.backends import Backend
from ffnp.backends.activity import Activity, Array
from ffnp.config import Config
from ffnp.errors import FFNPError
from ffnp.gradcheck.cases import CLASSES, DATA, IMAGES, PIXELS, name_of
from ffnp.gradcheck.subject import NOTHING, Sample, Subject, gamma_of
from ffnp.model import Model
from ffnp.network.labels import candidate_labels
from ffnp.objectives.activations import Activation
from ffnp.objectives.own import OWN, Own

SPREAD = 4  # times the initial weights, so that the rows differ
REDRAWS = 1000  # draws of weights and images until one is fit
CLEARANCE = 1e-3  # of pre-activations from 0: far more than a step can move them
LEAP = 0.05  # of a slope within that clearance: no smooth one's
LEAST_SHARE = 3e-2  # of an image's mean goodness: entropy's curvature grows without bound below
LEAST_DERIVATIVE = 2e-3  # of a layer's largest: beside a loss near 1 a small one drowns in rounding


def draw(case: Config, own: Own = NOTHING) -> Sample:
    """Weights, images and labels at which the case is smooth, the same at every call.

    Raises
    ------
    FFNPError
        If none of `REDRAWS` draws is.
    """
    title = " ".join([*name_of(case), case.activation])
    random = np.random.default_rng(list(title.encode()))
    for _ in range(REDRAWS):
        model = Model.create(replace(case, dtype="float32"), DATA, Backend(), own)
        model.method.parameters.initialise(random)
        sample = Sample(
            {name: SPREAD * tensor for name, tensor in model.weights().items()},
            random.normal(size=(IMAGES, PIXELS)).astype(np.float32),
            candidate_labels(
                random.integers(0, CLASSES, IMAGES), CLASSES, model.method.rows, random
            ),
        )
        if _smooth(case, sample, own):
            return sample
    raise FFNPError(f"no draw of {REDRAWS} is fit to check {title}: is a gradient 0?")


def _smooth(case: Config, sample: Sample, own: Own) -> bool:
    """Whether the case is clear of kinks there, and no gradient small beside its loss."""
    reference = _Clearance()
    subject = Subject(case, sample, reference, "float64", own)
    gradient = subject.gradient()
    if reference.nearest < CLEARANCE:
        return False
    if any(np.abs(gradient[layer]).max() < LEAST_DERIVATIVE for layer in subject.indices()):
        return False
    if case.is_baseline:
        return True
    goodness = subject.batch.goodness
    hs = np.array([goodness[i] + gamma_of(case, goodness, i, own) for i in range(len(goodness))])
    small = hs < LEAST_SHARE * hs.mean(axis=2, keepdims=True)
    return not (small & (hs > 0)).any()


class _Clearance(Backend):
    """The reference, which notes how near to 0 a pre-activation came."""

    def __init__(self) -> None:
        self.nearest = np.inf

    def _finish(self, z: Array, activation: Activation, out: Activity) -> None:
        self.nearest = min(self.nearest, np.abs(z).min())
        if activation.name == OWN:  # its kinks may be anywhere
            beside = [activation.slope(z + side * CLEARANCE) for side in (-1, 1)]
            if np.abs(beside[1] - beside[0]).max() > LEAP:
                self.nearest = 0.0
        super()._finish(z, activation, out)
