"""Every gradient against finite differences of the loss that it claims to differentiate.

A Forward-Forward layer is checked alone, on its *local* loss: its input and the gamma it hears are
held at what they were, as training holds them, so a gradient that leaks through either is found.
A baseline is checked on its whole loss. The networks are tiny and float64, so that central
differences of every single parameter are quick, and right to about 1e-9.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.activations import ACTIVATIONS, Activation
from ffnp.backends import Backend
from ffnp.backends.activity import Activity, Array
from ffnp.collaboration import GAMMAS
from ffnp.config import Config
from ffnp.data.scaling import Scaling
from ffnp.errors import FFNPError
from ffnp.labels import Labels, candidate_labels
from ffnp.methods import ForwardForward
from ffnp.model import DataDescription, Model
from ffnp.objectives import OBJECTIVES

IMAGES, PIXELS, CLASSES, ROWS, HIDDEN = 4, 5, 4, 3, (6, 5, 4)
STEP = 1e-5  # of central differences: truncation and rounding are both near 1e-10
CHECKS = {"parameters": 1e-6, "direction": 1e-6, "float32": 1e-4}  # and their tolerances
SPREAD = 4  # times the initial weights, so that the rows differ
REDRAWS = 1000  # draws of weights and images until one is clear of every kink
CLEARANCE = 1e-3  # of pre-activations from 0: far more than STEP can move them
LEAST_SHARE = 3e-2  # of an image's mean goodness: entropy's curvature grows without bound below
LEAST_DERIVATIVE = 2e-3  # of a layer's largest; beside a loss near 1 a small one drowns in rounding
BASELINES = ("backprop-label", "backprop-pairwise")
DATA = DataDescription((PIXELS,), CLASSES, False, Scaling(0.0, 1.0, None))

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """The relative error of one layer's gradient.

    Attributes
    ----------
    method : str
        An objective, or a baseline.
    gamma, activation : str
    layer : int
        From 1.
    check : {"parameters", "direction", "float32"}
        The worst of all parameters, one by one, or one random direction, by central differences
        in float64; or the float32 gradient against the float64 one.
    error, tolerance : float
        As shares of the layer's largest derivative; along a direction, of its gradient's length.
    """

    method: str
    gamma: str
    activation: str
    layer: int
    check: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; NaN is not."""
        return self.error <= self.tolerance


def cases() -> list[Config]:
    """Every objective x gamma x activation, and both baselines x activation."""
    tiny = Config(hidden=HIDDEN, theta=4.0, alpha=0.5, label_scale=2.0)
    ff, collab = (replace(tiny, method=method, labels=ROWS) for method in ("ff", "collab"))
    methods = [
        replace(ff if gamma == "none" else replace(collab, gamma=gamma), objective=objective)
        for objective in OBJECTIVES
        for gamma in GAMMAS
    ] + [replace(tiny, method=name) for name in BASELINES]
    return [replace(each, activation=name) for each in methods for name in ACTIVATIONS]


def name_of(case: Config) -> tuple[str, str]:
    """The objective or baseline of a case, and its gamma."""
    if case.backpropagates:
        return case.method, "none"
    return case.objective, case.gamma if case.method == "collab" else "none"


def check(case: Config, backend: Backend) -> Iterator[Result]:
    """Check the gradient of every layer of one case on a backend.

    Raises
    ------
    FFNPError
        If no draw is clear of every kink.
    """
    sample = draw(case)
    subject = Subject(case, sample, backend, "float64")
    gradient = subject.gradient()
    single = Subject(case, sample, backend, "float32").gradient()
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


@dataclass(frozen=True)
class Sample:
    """What a check starts from, on the host and exact in float32.

    Attributes
    ----------
    weights : dict of str to array
    x : (N, D) array
    labels : (N, R) int32 array
    """

    weights: Mapping[str, Any]
    x: NDArray[np.float32]
    labels: Labels


def draw(case: Config) -> Sample:
    """Weights, images and labels at which the case is smooth, the same at every call.

    Raises
    ------
    FFNPError
        If none of `REDRAWS` draws is.
    """
    title = " ".join([*name_of(case), case.activation])
    random = np.random.default_rng(list(title.encode()))
    for _ in range(REDRAWS):
        model = Model.create(replace(case, dtype="float32"), DATA, Backend())
        model.method.parameters.initialise(random)
        sample = Sample(
            {name: SPREAD * tensor for name, tensor in model.weights().items()},
            random.normal(size=(IMAGES, PIXELS)).astype(np.float32),
            candidate_labels(
                random.integers(0, CLASSES, IMAGES), CLASSES, model.method.rows, random
            ),
        )
        if _smooth(case, sample):
            return sample
    raise FFNPError(f"no draw of {REDRAWS} is fit to check {title}: is a gradient 0?")


def _smooth(case: Config, sample: Sample) -> bool:
    """Whether the case is clear of kinks there, and no gradient small beside its loss."""
    reference = _Clearance()
    subject = Subject(case, sample, reference, "float64")
    gradient = subject.gradient()
    if reference.nearest < CLEARANCE:
        return False
    if any(np.abs(gradient[layer]).max() < LEAST_DERIVATIVE for layer in subject.indices()):
        return False
    if case.backpropagates:
        return True
    goodness = subject.batch.goodness
    hs = np.array([goodness[i] + heard(case, goodness, i) for i in range(len(goodness))])
    small = hs < LEAST_SHARE * hs.mean(axis=2, keepdims=True)
    return not (small & (hs > 0)).any()


class _Clearance(Backend):
    """The reference, which notes how near to 0 a pre-activation came."""

    def __init__(self) -> None:
        self.nearest = np.inf

    def activate_labelled(
        self,
        product: Array,
        label_weights: Array,
        labels: Array,
        label_scale: float,
        bias: Array,
        activation: Activation,
        out: Activity,
    ) -> None:
        self._note(product[:, None] + label_scale * label_weights[labels] + bias)
        super().activate_labelled(
            product, label_weights, labels, label_scale, bias, activation, out
        )

    def activate(self, scale: Array, bias: Array, activation: Activation, out: Activity) -> None:
        self._note(out.values * scale[:, :, None] + bias)
        super().activate(scale, bias, activation, out)

    def _note(self, z: Array) -> None:
        self.nearest = min(self.nearest, np.abs(z).min())


def heard(case: Config, goodness: Array, layer: int) -> Array:
    """Gamma of one layer (from 0), (N, R), from the host's (L, N, R) goodness.

    Said once more, apart from `collaboration`, which is what is being checked.
    """
    below, above = goodness[:layer].sum(axis=0), goodness[layer + 1 :].sum(axis=0)
    kinds = {"none": 0 * below, "previous": below, "next": above, "others": below + above}
    return kinds[name_of(case)[1]]


class Subject:
    """A tiny model on a backend, with one batch in hand.

    Parameters
    ----------
    case : Config
    sample : Sample
    backend : Backend
    dtype : {"float64", "float32"}
    """

    def __init__(self, case: Config, sample: Sample, backend: Backend, dtype: str) -> None:
        self._case, self._backend = case, backend
        self.method = Model.create(replace(case, dtype=dtype), DATA, backend).method
        self.method.parameters.load(sample.weights)
        self.batch = self.method.training_batch(IMAGES)
        self.batch.x[...] = backend.to_device(sample.x.astype(dtype))
        self.batch.labels = backend.to_device(sample.labels)

    def indices(self) -> list[NDArray[np.intp]]:
        """Where each layer's parameters are in the flat arrays, without the padding."""
        parameters = self.method.parameters
        places = parameters.views(np.arange(len(parameters.flat)))
        return [
            np.concatenate([places[f"layer{i}.{part}"].ravel() for part in ("weights", "bias")])
            for i in range(1, self.method.depth + 1)
        ]

    def gradient(self) -> Vector:
        """The method's own gradient, flat."""
        self.method.forward(self.batch)
        self._value()
        for layer in reversed(range(self.method.depth)):
            self.method.gradient(self.batch, layer)
        flat = self._backend.to_host(self.method.parameters.flat_gradient)
        return np.array(flat, np.float64)

    def _value(self) -> float:
        """The first loss that the method reports."""
        totals = self._backend.to_device(np.zeros(self.method.losses + 1))
        self.method.evaluate(self.batch, totals)
        return float(self._backend.to_host(totals)[0]) / IMAGES

    def loss(self, layer: int) -> Callable[[], float]:
        """What the gradient of one layer (from 0) must be the gradient of."""
        method, batch = self.method, self.batch
        if not isinstance(method, ForwardForward):

            def whole() -> float:
                method.forward(batch)
                return self._value()

            return whole
        method.forward(batch)
        goodness = np.array(self._backend.to_host(batch.goodness))
        gamma = heard(self._case, goodness, layer)
        objective = method.objective.objective
        if hasattr(objective, "frozen"):  # constants of the batch that are not differentiated
            objective = objective.frozen(goodness[layer], gamma)

        def local() -> float:
            method.forward(batch, layer, layer + 1)
            return objective(self._backend.to_host(batch.goodness[layer]), gamma)[0]

        return local

    def difference(self, loss: Callable[[], float], where: Any, direction: Any) -> float:
        """Central difference of a loss along a direction of the parameters at `where`."""
        flat = self.method.parameters.flat
        start = np.array(self._backend.to_host(flat))
        values = []
        for step in (STEP, -STEP):
            moved = start.copy()
            moved[where] += step * direction
            flat[...] = self._backend.to_device(moved)
            values.append(loss())
        flat[...] = self._backend.to_device(start)
        return (values[0] - values[1]) / (2 * STEP)
