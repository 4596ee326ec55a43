"""A tiny model with its gradient, and the losses that it should be the gradient of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnp.backends import Backend
from ffnp.backends.activity import Array
from ffnp.config import Config
from ffnp.gradcheck.cases import DATA, IMAGES, name_of
from ffnp.model import Model
from ffnp.network import ForwardForward, LocalHeads
from ffnp.network.labels import Labels
from ffnp.network.sharing import Filled, learn
from ffnp.objectives.own import Own

NOTHING = Own()
STEP = 1e-5  # of central differences: truncation and rounding are both near 1e-10

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """What a check starts from, on the host and exact in float32."""

    weights: Mapping[str, Any]
    x: NDArray[np.float32]  # (N, D)
    labels: Labels  # (N, R) int32


def gamma_of(case: Config, goodness: Array, layer: int, own: Own = NOTHING) -> Array:
    """Gamma of one layer (from 0), (N, R), from the host's (L, N, R) goodness.

    Said once more, apart from `collaboration`, which is what is being checked.
    """
    if own.gamma is not None and case.method == "collab":
        return case.gamma_scale * np.asarray(own.gamma(goodness.copy()))[layer]
    below, above = goodness[:layer].sum(axis=0), goodness[layer + 1 :].sum(axis=0)
    kinds = {"none": 0 * below, "previous": below, "next": above, "others": below + above}
    return case.gamma_scale * kinds[name_of(case)[1]]


class Subject:
    """A tiny model on a backend, with one batch in hand; `own` as in `Model.create`."""

    def __init__(
        self,
        case: Config,
        sample: Sample,
        backend: Backend,
        dtype: str,
        own: Own = NOTHING,
    ) -> None:
        self._case, self._backend, self._own = case, backend, own
        self.method = Model.create(replace(case, dtype=dtype), DATA, backend, own).method
        self.method.parameters.load(sample.weights)
        self.batch = self.method.training_batch(IMAGES)
        self.batch.x[...] = backend.to_device(sample.x.astype(dtype))
        self.batch.take(backend.to_device(sample.labels))

    def indices(self) -> list[NDArray[np.intp]]:
        """Where each layer's parameters are in the flat arrays, without the padding."""
        parameters = self.method.parameters
        places = parameters.views(np.arange(len(parameters.flat)))
        return [
            np.concatenate([where.ravel() for name, where in places.items() if _of(name, i)])
            for i in range(1, self.method.depth + 1)
        ]

    def gradient(self) -> Vector:
        """The method's own gradient, flat."""
        totals = self._backend.to_device(np.zeros(self.method.losses + 1))
        layers = range(self.method.depth)
        self._backend.multiply(learn(self.method, self.batch, Filled(0), totals, layers))
        flat = self._backend.to_host(self.method.parameters.flat_gradient)
        return np.array(flat, np.float64)

    def _value(self, layer: int = 0) -> float:
        """The loss of a layer (from 0), or the only one that the method reports."""
        totals = self._backend.to_device(np.zeros(self.method.losses + 1))
        self.method.evaluate(self.batch, totals)
        return float(self._backend.to_host(totals)[layer]) / IMAGES

    def loss(self, layer: int) -> Callable[[], float]:
        """What the gradient of one layer (from 0) must be the gradient of."""
        method, batch = self.method, self.batch
        if isinstance(method, LocalHeads):

            def of_head() -> float:
                method.forward(batch, layer)
                return self._value(layer)

            method.forward(batch)
            return of_head
        if not isinstance(method, ForwardForward):

            def whole() -> float:
                method.forward(batch)
                return self._value()

            return whole
        method.forward(batch)
        goodness = np.array(self._backend.to_host(batch.goodness))
        gamma = gamma_of(self._case, goodness, layer, self._own)
        objective = method.objective.objective

        def local() -> float:
            method.forward(batch, layer, layer + 1)
            return objective(self._backend.to_host(batch.goodness[layer]), gamma)[0]

        return local

    def difference(
        self, loss: Callable[[], float], where: Any, direction: Any, step: float = STEP
    ) -> float:
        """Central difference of a loss along a direction of the parameters at `where`."""
        flat = self.method.parameters.flat
        start = np.array(self._backend.to_host(flat))
        values = []
        for sign in (1, -1):
            moved = start.copy()
            moved[where] += sign * step * direction
            flat[...] = self._backend.to_device(moved)
            values.append(loss())
        flat[...] = self._backend.to_device(start)
        return (values[0] - values[1]) / (2 * step)


def _of(name: str, layer: int) -> bool:
    """Whether a tensor is a layer's (from 1), by its name."""
    return name.startswith(f"layer{layer}.")
