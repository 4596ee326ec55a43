"""The readable reference: what every backend computes, in plain array mathematics.

A backend is few fused operations. This base class spells each one out as the textbook does;
the subclasses compute the same numbers faster, and are tested against this class.

Axis letters, in this file and in the whole tree::

    N  images in a batch        D  pixels of an image      L  layers
    R  label rows an image      K  classes                 H  width of a layer

Weights are stored (in, out). The length-1 input of a layer, h, is never stored: it is `a * scale`,
with one `scale` a row, and a matrix product is linear in it. So the scale is applied to the
product (`activate`) and to the delta (`delta`), and the pass that would write h is saved.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ffnp.backends.activity import Activity, Array, Product
from ffnp.backends.signs import Signs
from ffnp.objectives.activations import Activation
from ffnp.objectives.collaboration import LayerObjective
from ffnp.randomness import PHILOX_BYTES, Draw, Drop, dropout_steps
from ffnp.scaling import Scaling

EPSILON = 1e-8  # of the length normalisation h = a / (|a| + EPSILON)
BETA1, BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8  # as Kingma and Ba recommend


class Backend:
    """Array backend: the reference, on NumPy. Arrays named `out...` are written; others only read.

    Attributes
    ----------
    name : str
    threads : int
        How many functions `run` calls side by side.
    """

    name = "reference"
    threads = 1

    # --- arrays -----------------------------------------------------------------------------

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised array on the device."""
        return np.empty(shape, dtype)

    def to_device(self, array: Array) -> Array:
        """A C-contiguous copy of a host array on the device (the array itself on the CPU)."""
        return np.ascontiguousarray(array)

    def to_host(self, array: Array) -> Any:
        """The NumPy array with the values of a device array (the array itself on the CPU)."""
        return array

    # --- compilation ------------------------------------------------------------------------

    @contextmanager
    def compiling(self, begins: Callable[[], None]) -> Iterator[Callable[[], float]]:
        """Inside, tell when code is compiled for this machine, and how many seconds that took.

        Parameters
        ----------
        begins : callable
            Called when code is first compiled, by whichever thread needs it.

        Yields
        ------
        callable
            Gives the seconds so far. This backend compiles nothing.
        """
        yield float

    # --- side by side -----------------------------------------------------------------------

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Call functions that do not depend on each other, at most `threads` of them."""
        for task in tasks:
            task()

    def multiply(self, products: Sequence[Product]) -> None:
        """out = a b for each product (a, b, out); `a` and `b` may be transposed views.

        None depends on another's result: they may be made side by side.
        """
        for a, b, out in products:
            np.matmul(a, b, out=out)

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
        """Gather `images[rows]` as floats, standardised, each image scaled to one length.

        Parameters
        ----------
        images : (M, D) uint8 or float array
        rows : (N,) integer array or slice
        scaling : Scaling
        out : (N, D) float array
        drop : Drop, optional
            Which pixels are left out, as `draw_kept` draws.
        views : (T, D) int32 array, optional
            Ways to look at an image: where each of its pixels comes from. Row n is then image
            `rows[n] // T`, looked at in way `rows[n] % T`.
        """
        if views is None:
            images = images[rows]
        else:
            ways = views[rows % len(views)]
            images = np.take_along_axis(images[rows // len(views)], ways, axis=1)
        x = (images.astype(out.dtype) - scaling.mean) / scaling.deviation  # (N, D)
        if scaling.length is not None:
            x *= scaling.length / np.sqrt((x * x).sum(axis=1, keepdims=True) + 1)
        out[...] = x
        self._leave_out(drop, out)

    def _leave_out(self, drop: Drop | None, x: Array) -> None:
        if drop is not None:
            kept = self._room_for_kept(x)
            self.draw_kept(*drop, out=kept)
            x *= kept

    def _room_for_kept(self, x: Array) -> Array:
        return np.empty_like(x)

    def draw_kept(self, draw: Draw, first: int, rate: float, value: float, out: Array) -> None:
        """Draw what is kept in dropout: 0 at a rate, else `value`.

        The bits are those of a counter-based generator (Philox 4x64-10: Salmon et al., 2011), the
        same on every backend and however a batch is cut: a byte an entry, and a row begins a block
        of 32 bytes.

        Parameters
        ----------
        draw : Draw
        first : int
            The number of row 0 in the whole batch.
        rate : float
            In steps of 1/256, as `dropout_steps` rounds it.
        value : float
        out : (N, W) or (S, N, W) float array
            Of S layers, from the draw's on.
        """
        if out.ndim == 3:
            for i, own in enumerate(out):
                self.draw_kept(draw._replace(site=draw.site + i), first, rate, value, own)
            return
        rows, width = out.shape
        blocks = -(-width // PHILOX_BYTES)  # of a row
        philox = np.random.Philox(
            key=np.array(draw.key, np.uint64), counter=[first * blocks, draw.step, draw.site, 0]
        )
        words = philox.random_raw(rows * blocks * PHILOX_BYTES // 8)
        random = words.astype("<u8", copy=False).view(np.uint8).reshape(rows, -1)
        out[...] = random[:, :width] >= dropout_steps(rate)
        out *= value

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
        """Add each row's label to x W_x, which its image's rows share, and activate.

        Parameters
        ----------
        shared : (N, H) array
            x W_x.
        label_weights : (K, H) array
            W_y: the one-hot label, times s = `label_scale`, picks one row of it.
        labels : (N, R) int32 array
        label_scale : float
        bias : (H,) array
        activation : Activation
        out : Activity
            All of it but the delta is written.
        scale : (N, R) array, optional
            As for `activate`, of a layer that reads the layer below too: `out.values` holds
            a_prev W.
        """
        z = shared[:, None, :] + label_scale * label_weights[labels] + bias  # (N, R, H)
        if scale is not None:
            z += out.values * scale[:, :, None]
        self._finish(z, activation, out)

    def activate(self, scale: Array, bias: Array, activation: Activation, out: Activity) -> None:
        """Later layers: activate in place the product a_prev W that `out.values` holds.

        `scale` (N, R) holds the reciprocal lengths of the rows of a_prev; `bias` is (H,).
        """
        z = out.values * scale[:, :, None] + bias  # (N, R, H)
        self._finish(z, activation, out)

    def _finish(self, z: Array, activation: Activation, out: Activity) -> None:
        a = out.values
        a[...] = activation.value(z)  # (N, R, H)
        if out.slope is not None:
            out.slope[...] = activation.slope(z)  # (N, R, H)
        if out.kept is not None:
            a *= out.kept[:, None, :]
        out.goodness[...] = (a * a).sum(axis=2)  # (N, R)
        out.scale[...] = 1 / (np.sqrt(out.goodness) + EPSILON)  # (N, R)

    def best_labels(self, goodness: Array, kept: int, out_labels: Array) -> None:
        """The labels of the most goodness, the best first; NaN is the most.

        Whoever checks the scores of these labels meets it then.

        Parameters
        ----------
        goodness : (N, K) array
        kept : int
            0, or 1: the label in column 0 stays, and is not given again.
        out_labels : (N, R) int32 array
        """
        least_first = np.where(np.isnan(goodness), -np.inf, -goodness)  # (N, K)
        order = np.argsort(least_first, axis=1, kind="stable")  # of equal ones the lowest
        if kept:
            others = order != out_labels[:, :1]
            order = order[others].reshape(len(order), -1)  # (N, K - 1)
        out_labels[:, kept:] = order[:, : out_labels.shape[1] - kept]

    # --- objective --------------------------------------------------------------------------

    def evaluate(
        self,
        objective: LayerObjective,
        goodness: Array,
        out_coefficients: Array,
        out_totals: Array,
        sample_weight: Array | None = None,
    ) -> None:
        """Evaluate the objective of every layer and add its value to the running totals.

        Parameters
        ----------
        objective : LayerObjective
        goodness : (L, N, R) array
        out_coefficients : (L, N, R) array
            c_i = dJ_i / dg_i; what is too small to move any weight may be 0.
        out_totals : (L + 1,) float64 array
            `out_totals[i] += N * J_i`; the last entry counts the images of which some wrong
            label has at least the total goodness of the true one.
        sample_weight : (N,) array, optional
            The coefficients of an image's rows are multiplied by its own; the totals count every
            image once.
        """
        values, coefficients = objective.of_layers(goodness)  # (L,), (L, N, R)
        out_coefficients[...] = coefficients
        if sample_weight is not None:
            out_coefficients *= sample_weight[:, None]
        out_totals[:-1] += goodness.shape[1] * values
        total = goodness.sum(axis=0)  # (N, R)
        out_totals[-1] += (total[:, 1:].max(axis=1) >= total[:, 0]).sum()

    # --- gradients --------------------------------------------------------------------------

    def delta(
        self, coefficients: Array, scale: Array, activity: Activity, out_d_bias: Array
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
        """
        d_z = self._d_z(coefficients, activity)  # (N, R, H)
        out_d_bias[...] = d_z.sum(axis=(0, 1))
        activity.delta[...] = d_z * scale[:, :, None]

    def delta_labelled(
        self,
        coefficients: Array | None,
        activity: Activity,
        labels: Array,
        label_scale: float,
        out_sum: Array,
        out_d_label_weights: Array,
        out_d_bias: Array,
        scale: Array | None = None,
    ) -> None:
        """The delta, summed over the rows of each image and of each label.

        In the forward pass this was z = x W_x + s W_y[label] + b for each of R rows; so
        dW_x = x^T (sum of dJ/dz over the R rows), dW_y[k] = s * (sum over rows with label k).

        Parameters
        ----------
        coefficients : (N, R) array or None
            c = dJ/dg; None: the activity's delta holds dJ/dz already.
        activity : Activity
            Without `scale`, what its delta holds on return is left open.
        labels : (N, R) int32 array
        label_scale : float
        out_sum : (N, H) array
            Sum over an image's rows, for the product x^T out_sum.
        out_d_label_weights : (K, H) array
        out_d_bias : (H,) array
        scale : (N, R) array, optional
            As given to `activate_labelled`: the delta becomes scale * dJ/dz.
        """
        # (N, R, H)
        d_z = activity.delta if coefficients is None else self._d_z(coefficients, activity)
        out_sum[...] = d_z.sum(axis=1)
        out_d_bias[...] = out_sum.sum(axis=0)
        for k in range(len(out_d_label_weights)):
            out_d_label_weights[k] = label_scale * d_z[labels == k].sum(axis=0)
        if scale is not None:
            activity.delta[...] = d_z * scale[:, :, None]

    @staticmethod
    def _d_z(coefficients: Array, activity: Activity) -> Array:
        d_z = 2 * coefficients[:, :, None] * activity.values  # (N, R, H)
        return d_z if activity.slope is None else d_z * activity.slope

    def lean(
        self, coefficients: Sequence[Array], products: Sequence[Sequence[Product]]
    ) -> list[Product]:
        """The products that give some layers' weight gradients; rows of 0 may be left out.

        Parameters
        ----------
        coefficients : sequence of (N, R) array, one a layer
            Where one is 0, so is the row of `b` in those of the layer's products (a, b, out) that
            sum over all N R rows.
        products : sequence of sequence of Product, one a layer
        """
        return [product for of_layer in products for product in of_layer]

    # --- the chain rule, for the backpropagation baselines ------------------------------------

    def backpropagate(self, activity: Activity, out_d_bias: Array) -> None:
        """The delta of a hidden layer from dJ/da, in place, and its bias gradient.

        In the forward pass this was a = phi(z), z = a_prev W + b; so dJ/dz = dJ/da * phi'(z), and
        with dropout a = kept * phi(z), so dJ/dz = dJ/da * kept * phi'(z).
        The activity's delta holds dJ/da = (dJ/dz of the layer above) W_above^T on entry, dJ/dz on
        return.
        """
        d_z = activity.delta  # (N, R, H)
        d_z *= (activity.values > 0) if activity.slope is None else activity.slope
        if activity.kept is not None:
            d_z *= activity.kept[:, None, :]
        out_d_bias[...] = d_z.sum(axis=(0, 1))

    def cross_entropy(
        self,
        logits: Array,
        bias: Array,
        labels: Array,
        out_totals: Array,
        out_d_bias: Array,
        sample_weight: Array | None = None,
    ) -> None:
        """Softmax cross-entropy of the output layer; overwrites `logits` with its gradient.

        J = mean over images of -log softmax(a W + b)[label]; dJ/dlogits = (softmax - onehot)/N.

        Parameters
        ----------
        logits : (N, K) array
            The product a W on entry, dJ/dlogits on return.
        bias : (K,) array
        labels : (N,) int32 array
        out_totals : (1,) or (2,) float64 array
            `out_totals[0] += N J`; `out_totals[1]`, if there is one, counts the images whose true
            label's logit is not above all others.
        out_d_bias : (K,) array
        sample_weight : (N,) array, optional
            The gradient of an image's logits is multiplied by its own, as in `evaluate`.
        """
        images = np.arange(len(logits))
        z = logits + bias
        z -= z.max(axis=1, keepdims=True)  # exp cannot overflow
        exp = np.exp(z)
        sums = exp.sum(axis=1, keepdims=True)  # (N, 1)
        true = z[images, labels]  # (N,)
        out_totals[0] += (np.log(sums[:, 0]) - true).sum()
        z[images, labels] = -np.inf
        out_totals[1:] += (z.max(axis=1) >= true).sum()
        logits[...] = exp / (sums * len(logits))
        logits[images, labels] -= 1 / len(logits)
        if sample_weight is not None:
            logits *= sample_weight[:, None]
        out_d_bias[...] = logits.sum(axis=0)

    # --- optimisers -------------------------------------------------------------------------

    def adam(
        self,
        weights: Array,
        gradient: Array,
        mean: Array,
        variance: Array,
        step: int,
        lr: float,
        decay: float = 0.0,
    ) -> None:
        """One step of Adam on flat (P,) arrays, in place (Kingma and Ba, 2015, algorithm 1).

        `step` is 1 at the first call: the moments start at 0 and are corrected for that. `decay`
        takes lr * decay of each weight away (Loshchilov and Hutter, 2019, algorithm 2).
        """
        mean[...] = BETA1 * mean + (1 - BETA1) * gradient
        variance[...] = BETA2 * variance + (1 - BETA2) * gradient * gradient
        corrected_mean = mean / (1 - BETA1**step)
        corrected_variance = variance / (1 - BETA2**step)
        weights *= 1 - lr * decay
        weights -= lr * corrected_mean / (np.sqrt(corrected_variance) + ADAM_EPSILON)

    def sgd(
        self,
        weights: Array,
        gradient: Array,
        velocity: Array,
        step: int,
        lr: float,
        momentum: float,
        decay: float = 0.0,
    ) -> None:
        """One step of gradient descent with momentum on flat (P,) arrays, in place.

        `decay` takes lr * decay of each weight away.
        """
        velocity[...] = momentum * velocity + gradient
        weights *= 1 - lr * decay
        weights -= lr * velocity

    # --- the guard --------------------------------------------------------------------------

    def examine(self, totals: Array, weights: Array, gradient: Array, goodness: Array) -> Signs:
        """What a training looks like, in one number.

        Parameters
        ----------
        totals : (T,) float64 array
        weights, gradient : flat (P,) and (Q,) arrays
        goodness : (L, N, R) array
            Of the batch last done.
        """
        total = goodness.sum(axis=0)  # (N, R)
        found = {
            Signs.TOTAL_NOT_FINITE: not np.isfinite(totals).all(),
            Signs.WEIGHT_NOT_FINITE: not np.isfinite(weights).all(),
            Signs.GOODNESS: total.any(),
            Signs.LABEL: (total != total[:, :1]).any(),
            Signs.GRADIENT: gradient.any(),
        }
        return Signs(sum(sign for sign, there in found.items() if there))
