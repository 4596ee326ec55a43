"""The numba backend: the NumPy backend with its relu, objective and optimiser passes compiled.

A compiled loop makes one sweep where NumPy makes several. Machine code is cached: beside the
package, or in the user's cache directory where the package cannot be written.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ffnp.backends import numba_kernels as kernels
from ffnp.backends import numba_objectives as objectives
from ffnp.backends.activity import Activity, Array
from ffnp.backends.compiling import listening
from ffnp.backends.numpy_backend import NumpyBackend
from ffnp.backends.reference import EPSILON
from ffnp.objectives import SigmoidGoodness
from ffnp.objectives.activations import Activation
from ffnp.objectives.collaboration import LayerObjective
from ffnp.randomness import Drop
from ffnp.scaling import UNSCALED, Scaling


class NumbaBackend(NumpyBackend):
    """Compiled loops; what has none (other activations, the baselines) is the NumPy backend's.

    The loops are serial, and the team's threads run them without the interpreter's lock. numba's
    own threads would fight with BLAS's for the cores, since both spin while they wait.
    """

    name = "numba"

    # --- compilation ------------------------------------------------------------------------

    @contextmanager
    def compiling(self, begins: Callable[[], None]) -> Iterator[Callable[[], float]]:
        with listening(begins) as compilation:
            yield lambda: compilation.seconds

    # --- forward ----------------------------------------------------------------------------

    def standardise(
        self,
        images: Array,
        rows: Array,
        scaling: Scaling,
        out: Array,
        drop: Drop | None = None,
        views: Array | None = None,
    ) -> None:
        """An array of `rows` must hold no negative numbers."""
        if scaling == UNSCALED:
            super().standardise(images, rows, scaling, out, drop, views)
            return
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(images)))
        length = scaling.length or 0.0

        def work(part: slice) -> None:
            gathered, numbers = images, rows[part]
            if views is not None:
                gathered = self._scratch("gathered", out[part].shape, images.dtype)
                kernels.look(images, numbers, views, gathered)
                numbers = np.arange(len(gathered))
            kernels.standardise(
                gathered, numbers, scaling.mean, scaling.deviation, length, out[part]
            )

        self._sweep(work, len(out), out.size)
        self._leave_out(drop, out)

    def activate_labelled(
        self,
        shared: Array,
        label_weights: Array,
        labels: Array,
        label_scale: float,
        bias: Array,
        activation: Activation,
        out: Activity,
        scale: Array | None = None,
    ) -> None:
        if activation.name != "relu":
            super().activate_labelled(
                shared, label_weights, labels, label_scale, bias, activation, out, scale
            )
            return
        kernels.relu_labelled(
            shared, label_weights, labels, label_scale, bias, scale, out.kept, EPSILON,
            out.values, out.goodness, out.scale,
        )  # fmt: skip

    def activate(self, scale: Array, bias: Array, activation: Activation, out: Activity) -> None:
        if activation.name != "relu":
            super().activate(scale, bias, activation, out)
            return
        kernels.relu(scale, bias, out.kept, EPSILON, out.values, out.goodness, out.scale)

    # --- objective --------------------------------------------------------------------------

    def evaluate(
        self,
        objective: LayerObjective,
        goodness: Array,
        out_coefficients: Array,
        out_totals: Array,
        sample_weight: Array | None = None,
    ) -> None:
        sigmoid = objective.objective
        if type(sigmoid) is not SigmoidGoodness or not isinstance(objective.gamma, str):
            super().evaluate(objective, goodness, out_coefficients, out_totals, sample_weight)
            return
        heard = objectives.HEARD[objective.gamma]
        objectives.evaluate(
            sigmoid.theta, heard, objective.gamma_scale,
            goodness, sample_weight, out_coefficients, out_totals,
        )  # fmt: skip
        self._flush_coefficients(out_coefficients)
        if objective.gain != 1:
            out_coefficients *= objective.gain

    # --- gradients --------------------------------------------------------------------------

    def delta(
        self, coefficients: Array, scale: Array, activity: Activity, out_d_bias: Array
    ) -> None:
        if activity.slope is not None:
            super().delta(coefficients, scale, activity, out_d_bias)
            return
        kernels.delta(coefficients, scale, activity.values, activity.delta, out_d_bias)

    def _reduce(self, *arguments: Any) -> None:
        kernels.reduce_labelled(*arguments)

    # --- optimisers -------------------------------------------------------------------------

    def _adam(self, w: Array, g: Array, m: Array, v: Array, *constants: float) -> None:
        kernels.adam(w, g, m, v, *constants)

    def _sgd(self, w: Array, g: Array, v: Array, *constants: float) -> None:
        kernels.sgd(w, g, v, *constants)
