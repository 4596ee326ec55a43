"""The numba backend: the NumPy backend with its relu, objective and optimiser passes compiled.

A compiled loop makes one sweep where NumPy makes several. Machine code is cached: beside the
package, or in the user's cache directory where the package cannot be written.
"""

import os
from typing import TYPE_CHECKING

import numba
import numpy as np

from ffnp.backends import numba_kernels as kernels
from ffnp.backends import numba_objectives as objectives
from ffnp.backends.activity import Activity, Array
from ffnp.backends.numpy_backend import NumpyBackend
from ffnp.collaboration import GAMMAS

if TYPE_CHECKING:
    from ffnp.activations import Activation
    from ffnp.collaboration import LayerObjective
    from ffnp.data.scaling import Scaling

PARALLEL = 1 << 19  # numbers below which waking a thread costs more than it saves


class NumbaBackend(NumpyBackend):
    """Compiled loops; what has none (other activations, the baselines) is the NumPy backend's.

    numba's threads must sleep when idle: by default OpenMP's spin, and fight with those of
    OpenBLAS, which also spin, for the cores (measured: 7 ms a call instead of 0.03).
    """

    name = "numba"

    def __init__(self) -> None:
        super().__init__()
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when OpenMP is first loaded
        self._threads = numba.get_num_threads()

    def _share(self, numbers: int) -> int:
        """Set numba's threads for a sweep over so many numbers, and return how many they are."""
        threads = self._threads if numbers >= PARALLEL else 1
        if numba.get_num_threads() != threads:
            numba.set_num_threads(threads)
        return threads

    # --- forward ----------------------------------------------------------------------------

    def standardise(self, images: Array, rows: Array, scaling: "Scaling", out: Array) -> None:
        """See `Backend.standardise`; an array of `rows` must hold no negative numbers."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(images)))
        self._share(out.size)
        kernels.standardise(
            images, rows, scaling.mean, scaling.deviation, scaling.length or 0.0, out
        )

    def activate_labelled(
        self,
        product: Array,
        label_weights: Array,
        labels: Array,
        label_scale: float,
        bias: Array,
        activation: "Activation",
        out: Activity,
    ) -> None:
        """See `Backend.activate_labelled`."""
        if activation.name != "relu":
            super().activate_labelled(
                product, label_weights, labels, label_scale, bias, activation, out
            )
            return
        self._share(out.values.size)
        kernels.relu_labelled(
            product, label_weights, labels, label_scale, bias, out.values, out.goodness, out.scale
        )

    def activate(self, scale: Array, bias: Array, activation: "Activation", out: Activity) -> None:
        """See `Backend.activate`."""
        if activation.name != "relu":
            super().activate(scale, bias, activation, out)
            return
        self._share(out.values.size)
        kernels.relu(scale, bias, out.values, out.goodness, out.scale)

    # --- objective --------------------------------------------------------------------------

    def evaluate(
        self,
        objective: "LayerObjective",
        goodness: Array,
        out_coefficients: Array,
        out_totals: Array,
    ) -> None:
        """See `Backend.evaluate`."""
        found = objectives.compiled(objective)
        if found is None:
            super().evaluate(objective, goodness, out_coefficients, out_totals)
            return
        gamma = GAMMAS.index(objective.gamma)
        objectives.evaluate(*found, gamma, goodness, out_coefficients, out_totals)

    # --- gradients --------------------------------------------------------------------------

    def delta(
        self, coefficients: Array, scale: Array, activity: Activity, out_d_bias: Array
    ) -> None:
        """See `Backend.delta`."""
        if activity.slope is not None:
            super().delta(coefficients, scale, activity, out_d_bias)
            return
        parts = self._share(activity.values.size)
        kernels.delta(coefficients, scale, activity.values, out_d_bias, parts)

    def _reduce(
        self,
        factor: Array,
        values: Array,
        labels: Array,
        label_scale: float,
        out_sum: Array,
        out_d_label_weights: Array,
        out_d_bias: Array,
    ) -> None:
        parts = self._share(values.size)
        kernels.reduce_labelled(
            factor, values, labels, label_scale, out_sum, out_d_label_weights, out_d_bias, parts
        )

    # --- optimisers -------------------------------------------------------------------------

    def adam(
        self,
        weights: Array,
        gradient: Array,
        mean: Array,
        variance: Array,
        step: int,
        lr: float,
        beta1: float,
        beta2: float,
        epsilon: float,
    ) -> None:
        """See `Backend.adam` and `NumpyBackend.adam`."""
        k = (1 - beta2**step) ** 0.5
        rate = float(lr) * k / (1 - beta1**step)
        self._share(len(weights))
        kernels.adam(weights, gradient, mean, variance, rate, beta1, beta2, k * epsilon)

    def sgd(
        self, weights: Array, gradient: Array, velocity: Array, lr: float, momentum: float
    ) -> None:
        """See `Backend.sgd`."""
        self._share(len(weights))
        kernels.sgd(weights, gradient, velocity, float(lr), momentum)
