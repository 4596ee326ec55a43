"""The readable reference: what every backend computes, in plain array mathematics.

A backend is few fused operations. This base class spells each one out as the textbook does;
the subclasses compute the same numbers faster, and are tested against this class.

Axis letters, in this file and in the whole tree::

    N  images in a batch        D  pixels of an image      L  layers
    R  label rows an image      K  classes                 H  width of a layer

Weights are stored (in, out). `h` is never stored: a layer's length-1 input is `a * scale`, with
one `scale` a row, and a matrix product is linear in it. So the scale is applied to the product
(`activate`) and to the delta (`delta`), and the pass that would write `h` is saved.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ffnp.activations import Activation
from ffnp.backends.activity import Activity, Array, Product
from ffnp.collaboration import LayerObjective
from ffnp.data.scaling import Scaling

EPSILON = 1e-8  # of the length normalisation h = a / (|a| + EPSILON)
NEGLIGIBLE = 1e13  # times the smallest normal number: a coefficient that moves no weight


class Backend:
    """The reference backend, on NumPy. Arrays named `out...` are written; others only read."""

    name = "reference"

    # --- arrays -----------------------------------------------------------------------------

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised array on the device."""
        return np.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array of zeros on the device."""
        array = self.empty(shape, dtype)
        array[...] = 0
        return array

    def to_device(self, array: Array) -> Array:
        """A C-contiguous copy of a host array on the device (the array itself on the CPU)."""
        return np.ascontiguousarray(array)

    def to_host(self, array: Array) -> Any:
        """The NumPy array with the values of a device array (the array itself on the CPU)."""
        return array

    def flush(self, values: Array, margin: float) -> None:
        """Set to 0 what is less than `margin` times the smallest normal number, in place.

        What is below that number itself, subnormal, takes a CPU a hundred times as long to
        multiply. A backend whose device does not mind may do nothing.

        Parameters
        ----------
        values : float array
        margin : float
            1 or more: room for what is yet to be multiplied with the values.
        """
        values[np.abs(values) < margin * np.finfo(values.dtype).tiny] = 0

    # --- side by side -----------------------------------------------------------------------

    def shares(self, images: int, numbers: int) -> list[slice]:
        """Into which parts a batch of so many images is cut, to be worked on side by side.

        `numbers` is how many a layer has for the whole batch: a small batch is one part.
        """
        return [slice(0, images)]

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Call functions that do not depend on each other, as many as there are `shares`."""
        for task in tasks:
            task()

    def matmuls(self, products: Sequence[Product]) -> None:
        """Products (a, b, out) that do not depend on each other, side by side; see `matmul`."""
        for a, b, out in products:
            self.matmul(a, b, out)

    # --- forward ----------------------------------------------------------------------------

    def standardise(self, images: Array, rows: Array, scaling: Scaling, out: Array) -> None:
        """Gather `images[rows]` as floats, standardised, each image scaled to one length.

        Parameters
        ----------
        images : (M, D) uint8 or float array
        rows : (N,) integer array or slice
            Which images, in this order.
        scaling : Scaling
            x = (pixel - mean) / deviation, then x * length / sqrt(|x|^2 + 1).
        out : (N, D) float array
        """
        x = (images[rows].astype(out.dtype) - scaling.mean) / scaling.deviation
        if scaling.length is not None:
            x *= scaling.length / np.sqrt((x * x).sum(axis=1, keepdims=True) + 1)
        out[...] = x

    def gather(self, table: Array, rows: Array, out: Array) -> None:
        """out = table[rows], for a (M, H) table and (N,) integers in 0..M - 1."""
        out[...] = table[rows]

    def matmul(self, a: Array, b: Array, out: Array) -> None:
        """out = a b, for two-dimensional arrays; `a` may be a transposed view."""
        np.matmul(a, b, out=out)

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
        """First layer: add each row's label to the image's shared product, and activate.

        Parameters
        ----------
        product : (N, H) array
            x W_x, one row an image: the R rows of an image share it.
        label_weights : (K, H) array
            W_y; the one-hot label times `label_scale` picks one row of it.
        labels : (N, R) int32 array
        label_scale : float
            s, the label's entry in the joined input.
        bias : (H,) array
        activation : Activation
        out : Activity
            All of it is written, from z = x W_x + s W_y[label] + b.
        """
        z = product[:, None, :] + label_scale * label_weights[labels] + bias  # (N, R, H)
        self._finish(z, activation, out)

    def activate(
        self,
        scale: Array,
        bias: Array,
        activation: Activation,
        out: Activity,
    ) -> None:
        """Later layers: activate in place the product that `out.values` holds.

        Parameters
        ----------
        scale : (N, R) array
            Reciprocal lengths of the rows that went into the product.
        bias : (H,) array
        activation : Activation
        out : Activity
            Its values hold a_prev W on entry and a = phi(scale * a_prev W + b) on return.
        """
        z = out.values * scale[:, :, None] + bias
        self._finish(z, activation, out)

    @staticmethod
    def _finish(z: Array, activation: Activation, out: Activity) -> None:
        a = out.values
        a[...] = activation.value(z)
        if out.slope is not None:
            out.slope[...] = activation.slope(z)
        out.goodness[...] = (a * a).sum(axis=2)
        out.scale[...] = 1 / (np.sqrt(out.goodness) + EPSILON)

    # --- objective --------------------------------------------------------------------------

    def evaluate(
        self,
        objective: LayerObjective,
        goodness: Array,
        out_coefficients: Array,
        out_totals: Array,
    ) -> None:
        """Evaluate the objective of every layer and add its value to the running totals.

        Parameters
        ----------
        objective : LayerObjective
            Objective and gamma: (L, N, R) goodness to L values and (L, N, R) coefficients.
        goodness : (L, N, R) array
        out_coefficients : (L, N, R) array
            c_i = dJ_i / dg_i; what is too small to move any weight may be 0.
        out_totals : (L + 1,) float64 array
            `out_totals[i] += N * J_i`; the last entry counts the images of which some wrong
            label has at least the total goodness of the true one.
        """
        values, coefficients = objective.of_layers(goodness)
        out_coefficients[...] = coefficients
        self.flush(out_coefficients, NEGLIGIBLE)  # of images far on the right side
        images = goodness.shape[1]
        out_totals[:-1] += images * values
        total = goodness.sum(axis=0)  # (N, R)
        out_totals[-1] += (total[:, 1:].max(axis=1) >= total[:, 0]).sum()

    # --- gradients --------------------------------------------------------------------------

    def delta(
        self,
        coefficients: Array,
        scale: Array,
        activity: Activity,
        out_d_bias: Array,
    ) -> None:
        """The delta of a layer, scaled for the weight gradient, and its bias gradient.

        In the forward pass this was z = scale * a_prev W + b, a = phi(z), g = sum a^2; so
        dJ/dz = c * 2 a * phi'(z), db = sum of dJ/dz over rows, dW = a_prev^T (scale * dJ/dz).

        Parameters
        ----------
        coefficients : (N, R) array
            c = dJ/dg.
        scale : (N, R) array
            As given to `activate`.
        activity : Activity
            Its delta is written: scale * dJ/dz.
        out_d_bias : (H,) array
            dJ/db, summed over rows.
        """
        d_z = self._d_z(coefficients, activity)
        out_d_bias[...] = d_z.sum(axis=(0, 1))
        activity.delta[...] = d_z * scale[:, :, None]

    def delta_labelled(
        self,
        coefficients: Array,
        activity: Activity,
        labels: Array,
        label_scale: float,
        out_sum: Array,
        out_d_label_weights: Array,
        out_d_bias: Array,
    ) -> None:
        """First layer: the delta, reduced as `reduce_labelled` does.

        What the activity's delta holds on return is left open.
        """
        d_z = self._d_z(coefficients, activity)
        self.reduce_labelled(d_z, labels, label_scale, out_sum, out_d_label_weights, out_d_bias)

    @staticmethod
    def _d_z(coefficients: Array, activity: Activity) -> Array:
        d_z = 2 * coefficients[:, :, None] * activity.values
        return d_z if activity.slope is None else d_z * activity.slope

    def reduce_labelled(
        self,
        d_z: Array,
        labels: Array,
        label_scale: float,
        out_sum: Array,
        out_d_label_weights: Array,
        out_d_bias: Array,
    ) -> None:
        """Sum the first layer's delta over the rows of each image and of each label.

        In the forward pass this was z = x W_x + s W_y[label] + b for each of R rows; so
        dW_x = x^T (sum of dJ/dz over the R rows), dW_y[k] = s * (sum over rows with label k).

        Parameters
        ----------
        d_z : (N, R, H) array
        labels : (N, R) int32 array
        label_scale : float
        out_sum : (N, H) array
            Sum over an image's rows, for the product x^T out_sum.
        out_d_label_weights : (K, H) array
        out_d_bias : (H,) array
        """
        out_sum[...] = d_z.sum(axis=1)
        out_d_bias[...] = out_sum.sum(axis=0)
        for k in range(len(out_d_label_weights)):
            out_d_label_weights[k] = label_scale * d_z[labels == k].sum(axis=0)

    # --- the chain rule, for the backpropagation baselines ------------------------------------

    def backpropagate(self, activity: Activity, out_d_bias: Array) -> None:
        """The delta of a hidden layer from dJ/da, in place, and its bias gradient.

        In the forward pass this was a = phi(z), z = a_prev W + b; so dJ/dz = dJ/da * phi'(z).

        Parameters
        ----------
        activity : Activity
            Its delta holds dJ/da = (dJ/dz of the layer above) W_above^T on entry, dJ/dz on return.
        out_d_bias : (H,) array
            dJ/db, summed over rows.
        """
        d_z = activity.delta
        d_z *= (activity.values > 0) if activity.slope is None else activity.slope
        out_d_bias[...] = d_z.sum(axis=(0, 1))

    def cross_entropy(
        self, logits: Array, bias: Array, labels: Array, out_totals: Array, out_d_bias: Array
    ) -> None:
        """Softmax cross-entropy of the output layer; overwrites `logits` with its gradient.

        J = mean over images of -log softmax(a W + b)[label]; dJ/dlogits = (softmax - onehot)/N.

        Parameters
        ----------
        logits : (N, K) array
            The product a W on entry, dJ/dlogits on return.
        bias : (K,) array
        labels : (N,) int32 array
        out_totals : (2,) float64 array
            `out_totals[0] += N J`; `out_totals[1]` counts the images whose true label's logit
            is not above all others.
        out_d_bias : (K,) array
            dJ/db, summed over images.
        """
        images = np.arange(len(logits))
        z = logits + bias
        z -= z.max(axis=1, keepdims=True)  # exp cannot overflow
        exp = np.exp(z)
        sums = exp.sum(axis=1, keepdims=True)
        true = z[images, labels]
        out_totals[0] += (np.log(sums[:, 0]) - true).sum()
        z[images, labels] = -np.inf
        out_totals[1] += (z.max(axis=1) >= true).sum()
        logits[...] = exp / (sums * len(logits))
        logits[images, labels] -= 1 / len(logits)
        self.flush(logits, NEGLIGIBLE)
        out_d_bias[...] = logits.sum(axis=0)

    # --- optimisers -------------------------------------------------------------------------

    def descend(
        self, products: Sequence[Product], gradient: Array, update: Callable[[slice], None]
    ) -> None:
        """Make the last products of a gradient, and update the weights by it.

        Parameters
        ----------
        products : sequence of Product
            They write into stretches of `gradient`.
        gradient : (P,) array
            Flat; all else in it is there already.
        update : callable
            Updates the weights from a slice of the gradient; slices may go side by side.
        """
        self.matmuls(products)
        update(slice(0, len(gradient)))

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
        """One step of Adam on flat arrays, in place [1]_.

        Parameters
        ----------
        weights, gradient, mean, variance : (P,) arrays
            `weights`, `mean` and `variance` are updated.
        step : int
            1 at the first call: the moments start at 0 and are corrected for that.
        lr, beta1, beta2, epsilon : float

        References
        ----------
        .. [1] Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.
        """
        mean[...] = beta1 * mean + (1 - beta1) * gradient
        variance[...] = beta2 * variance + (1 - beta2) * gradient * gradient
        corrected_mean = mean / (1 - beta1**step)
        corrected_variance = variance / (1 - beta2**step)
        weights -= lr * corrected_mean / (np.sqrt(corrected_variance) + epsilon)

    def sgd(
        self, weights: Array, gradient: Array, velocity: Array, lr: float, momentum: float
    ) -> None:
        """One step of gradient descent with momentum on flat arrays, in place.

        velocity = momentum * velocity + gradient; weights -= lr * velocity.
        """
        velocity[...] = momentum * velocity + gradient
        weights -= lr * velocity
