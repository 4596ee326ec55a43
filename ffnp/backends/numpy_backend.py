"""The NumPy backend: the reference's numbers, in place and in blocks that stay in cache.

NumPy makes one pass over memory for each operation. What can be saved is the memory: a block of
rows goes through all passes of an operation while it is in cache, every result is written into
an array that exists already, and a sum over rows is a BLAS product, which reads once.

The passes run on one thread: after a product OpenBLAS's threads spin on the other cores for a
while, and two Python threads were no faster than one.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ffnp.backends.activity import Activity, Array
from ffnp.backends.arena import Arena
from ffnp.backends.base import EPSILON, Backend

if TYPE_CHECKING:
    from ffnp.activations import Activation
    from ffnp.data.scaling import Scaling

BLOCK = 1 << 16  # numbers a block: 256 KiB in float32, a few of which fit a core's cache


def blocks(length: int, width: int) -> Iterator[slice]:
    """Consecutive slices of `length` items of `width` numbers each, about BLOCK numbers long."""
    step = max(1, BLOCK // max(1, width))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


class NumpyBackend(Backend):
    """Plain NumPy, in place and blocked. One object serves one thread: it owns scratch arrays."""

    name = "numpy"

    def __init__(self) -> None:
        self._arena = Arena()
        self._arrays: dict[tuple[str, tuple[int, ...], Any], Array] = {}

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """See `Backend.empty`."""
        return self._arena.empty(shape, dtype)

    def _scratch(self, use: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array of zeros when first asked for; the same array ever after."""
        key = (use, shape, dtype)
        if key not in self._arrays:
            self._arrays[key] = self.zeros(shape, dtype)
        return self._arrays[key]

    # --- forward ----------------------------------------------------------------------------

    def standardise(self, images: Array, rows: Array, scaling: "Scaling", out: Array) -> None:
        """See `Backend.standardise`; an array of `rows` must hold no negative numbers."""
        pixels = images[rows] if isinstance(rows, slice) else None
        factor = self._scratch("factor", out.shape[:1], out.dtype)
        for block in blocks(*out.shape):
            x = out[block]
            if pixels is not None:
                gathered = pixels[block]
            else:
                gathered = self._scratch("gathered", x.shape, images.dtype)
                # Indices are in range; "raise" would have NumPy buffer the output.
                np.take(images, rows[block], axis=0, out=gathered, mode="clip")
            np.subtract(gathered, scaling.mean, out=x, dtype=x.dtype, casting="unsafe")
            if scaling.length is None:
                x *= 1 / scaling.deviation
                continue
            # x / deviation * length / sqrt(|x / deviation|^2 + 1), one factor a row
            f = factor[block]
            np.vecdot(x, x, out=f)
            f += scaling.deviation**2
            np.sqrt(f, out=f)
            np.divide(scaling.length, f, out=f)
            x *= f[:, None]

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
        addend = self._scratch("addend", label_weights.shape, label_weights.dtype)
        np.multiply(label_weights, label_scale, out=addend)
        addend += bias
        for block in blocks(len(labels), labels.shape[1] * len(bias)):
            z = out.values[block]
            np.take(addend, labels[block], axis=0, out=z, mode="clip")
            z += product[block, None, :]
            self._finish_block(block, activation, out)
        self._finish_scale(out)

    def activate(self, scale: Array, bias: Array, activation: "Activation", out: Activity) -> None:
        """See `Backend.activate`."""
        for block in blocks(len(scale), scale.shape[1] * len(bias)):
            z = out.values[block]
            z *= scale[block, :, None]
            z += bias
            self._finish_block(block, activation, out)
        self._finish_scale(out)

    def _finish_block(self, block: slice, activation: "Activation", out: Activity) -> None:
        z = out.values[block]
        if out.slope is not None:
            out.slope[block] = activation.slope(z)
        if activation.name == "relu":
            # A row of zeros, not the number 0: NumPy's maximum with a number is 3 times slower.
            np.maximum(z, self._scratch("zeros", z.shape[2:], z.dtype), out=z)
        else:
            z[...] = activation.value(z)
        np.vecdot(z, z, out=out.goodness[block])

    @staticmethod
    def _finish_scale(out: Activity) -> None:
        np.sqrt(out.goodness, out=out.scale)
        np.add(out.scale, EPSILON, out=out.scale)
        np.reciprocal(out.scale, out=out.scale)

    # --- gradients --------------------------------------------------------------------------

    def delta(
        self, coefficients: Array, scale: Array, activity: Activity, out_d_bias: Array
    ) -> None:
        """See `Backend.delta`."""
        a = activity.values
        twice = self._twice(coefficients)
        factor = self._scratch("factors", scale.shape, scale.dtype)
        np.multiply(twice, scale, out=factor)
        part = self._scratch("part", out_d_bias.shape, out_d_bias.dtype)
        out_d_bias[...] = 0
        for block in blocks(len(a), a.shape[1] * a.shape[2]):
            d_z = a[block]
            if activity.slope is not None:
                d_z *= activity.slope[block]
            np.matmul(twice[block].reshape(-1), d_z.reshape(-1, d_z.shape[2]), out=part)
            out_d_bias += part
            d_z *= factor[block, :, None]

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
        """See `Backend.delta_labelled`."""
        d_z, twice = activity.values, self._twice(coefficients)
        if activity.slope is not None:
            np.multiply(d_z, activity.slope, out=d_z)
        self._reduce(twice, d_z, labels, label_scale, out_sum, out_d_label_weights, out_d_bias)

    def reduce_labelled(
        self,
        d_z: Array,
        labels: Array,
        label_scale: float,
        out_sum: Array,
        out_d_label_weights: Array,
        out_d_bias: Array,
    ) -> None:
        """See `Backend.reduce_labelled`."""
        ones = self._scratch("ones", labels.shape, d_z.dtype)
        ones[...] = 1
        self._reduce(ones, d_z, labels, label_scale, out_sum, out_d_label_weights, out_d_bias)

    def _twice(self, coefficients: Array) -> Array:
        twice = self._scratch("twice", coefficients.shape, coefficients.dtype)
        np.multiply(coefficients, 2, out=twice)
        return twice

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
        """`reduce_labelled` of d_z = factor * values, without forming d_z.

        Sums over rows are products with a (K + 1, N R) selection: row k holds the factors of
        the rows with label k, the last row those of all rows.
        """
        classes, width = out_d_label_weights.shape
        n, r = labels.shape
        selection = self._scratch("selection", (classes + 1, n * r), values.dtype)
        matches = self._scratch("matches", (classes, n * r), np.dtype(bool))
        np.equal(labels.reshape(-1), np.arange(classes)[:, None], out=matches)
        np.multiply(matches, factor.reshape(-1), out=selection[:classes])
        selection[classes] = factor.reshape(-1)
        part = self._scratch("parts", (classes + 1, width), values.dtype)
        total = self._scratch("total", part.shape, part.dtype)
        total[...] = 0
        for block in blocks(n, r * width):
            v = values[block]
            # sum over r of factor[n, r] * values[n, r]: n products (1, R) (R, H)
            np.matmul(factor[block, None, :], v, out=out_sum[block, None, :])
            columns = slice(block.start * r, block.stop * r)
            np.matmul(selection[:, columns], v.reshape(-1, width), out=part)
            total += part
        np.multiply(total[:classes], label_scale, out=out_d_label_weights)
        out_d_bias[...] = total[classes]

    def backpropagate(self, d_values: Array, activity: Activity, out_d_bias: Array) -> None:
        """See `Backend.backpropagate`."""
        a = activity.values
        part = self._scratch("part", out_d_bias.shape, out_d_bias.dtype)
        out_d_bias[...] = 0
        for block in blocks(len(a), a.shape[1] * a.shape[2]):
            d_z = a[block]
            if activity.slope is None:
                slope = self._scratch("positive", d_z.shape, np.dtype(bool))
                np.greater(d_z, 0, out=slope)
            else:
                slope = activity.slope[block]
            np.multiply(d_values[block], slope, out=d_z)
            np.add.reduce(d_z, axis=(0, 1), out=part)
            out_d_bias += part

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
        """See `Backend.adam`.

        With k = sqrt(1 - beta2^t), lr (m / (1 - beta1^t)) / (sqrt(v) / k + epsilon)
        is (lr k / (1 - beta1^t)) m / (sqrt(v) + k epsilon): the corrections are two numbers.
        """
        k = (1 - beta2**step) ** 0.5
        rate = float(lr) * k / (1 - beta1**step)
        for block in blocks(len(weights), 1):
            w, g, m, v = weights[block], gradient[block], mean[block], variance[block]
            t = self._scratch("adam", w.shape, w.dtype)
            np.multiply(g, 1 - beta1, out=t)
            m *= beta1
            m += t
            np.multiply(g, 1 - beta2, out=t)
            t *= g
            v *= beta2
            v += t
            np.sqrt(v, out=t)
            t += k * epsilon
            np.divide(m, t, out=t)
            t *= rate
            w -= t

    def sgd(
        self, weights: Array, gradient: Array, velocity: Array, lr: float, momentum: float
    ) -> None:
        """See `Backend.sgd`."""
        for block in blocks(len(weights), 1):
            w, v = weights[block], velocity[block]
            t = self._scratch("sgd", w.shape, w.dtype)
            v *= momentum
            v += gradient[block]
            np.multiply(v, float(lr), out=t)
            w -= t
