"""The NumPy backend: the reference's numbers, in place, in blocks that stay in cache, on all cores.

NumPy makes one pass over memory for each operation. What can be saved is the memory: a block of
rows goes through all passes of an operation while it is in cache, every result is written into
an array that exists already, and a sum over rows is a BLAS product, which reads once.

The images of a batch are split into parts, one a thread (`team.py`): NumPy and BLAS let go of the
interpreter's lock while they compute.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ffnp.backends.activity import Activity, Array, Product, rows_of
from ffnp.backends.arena import Arena
from ffnp.backends.dividing import LEAST_SWEEP, blocks, divide, divide_products
from ffnp.backends.numpy_optimizers import adam_block, flush_block, sgd_block
from ffnp.backends.reference import ADAM_EPSILON, BETA1, BETA2, EPSILON, Backend
from ffnp.backends.team import Team
from ffnp.objectives.activations import Activation
from ffnp.objectives.collaboration import LayerObjective
from ffnp.randomness import Drop
from ffnp.scaling import UNSCALED, Scaling

NEGLIGIBLE = 1e13  # times the smallest normal number: a coefficient that moves no weight
ROUNDINGS = 8  # of the greatest coefficient: less is lost in the sum with it
MANY = 0.9  # of the rows: to leave out the others of a product takes longer than it saves
FLUSH_EVERY = 32  # steps, in which a mean shrinks to 0.9^32 = 0.03 of itself
MANY_CLASSES = 100  # from which on `_reduce` orders rows by label
MARGIN = 1e4  # times the smallest normal number: a moment that no step will feel


class NumpyBackend(Backend):
    """Plain NumPy, in place, blocked, on all cores."""

    name = "numpy"

    def __init__(self) -> None:
        self._arena = Arena()
        self._team = Team()
        self._local = threading.local()  # scratch arrays, for each thread

    @property
    def threads(self) -> int:  # type: ignore[override]
        """See `Backend`: as many as BLAS had."""
        return self._team.threads

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return self._arena.empty(shape, dtype)

    def _scratch(self, use: Any, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array of zeros when first asked for; the same one ever after, for each thread."""
        arrays: dict[Any, Array] = vars(self._local)
        key = (use, shape, dtype)
        if key not in arrays:
            arrays[key] = np.zeros(shape, dtype)
        return arrays[key]

    # --- side by side -----------------------------------------------------------------------

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        self._team(tasks)

    def multiply(self, products: Sequence[Product]) -> None:
        """Each thread gets a part of all the results' rows.

        Within a part of the work, all of them.
        """
        if self._team.at_work:
            super().multiply(products)
            return
        divided = divide_products(products, self._team.threads)
        self._team([partial(super(NumpyBackend, self).multiply, part) for part in divided])

    def _sweep(self, work: Callable[[slice], None], length: int, numbers: int) -> None:
        """Call `work` on consecutive slices of `length` items, side by side.

        Within a part of the work, on all of them.
        """
        if self._team.at_work:
            work(slice(0, length))
            return
        count = max(1, min(self._team.threads, length, numbers // LEAST_SWEEP))
        self._team([partial(work, part) for part in divide(length, count)])

    def _flush(self, values: Array, margin: float) -> None:
        """Set to 0 what is less than `margin` times the smallest normal number, in place.

        What is below that number itself, subnormal, takes a CPU a hundred times as long to
        multiply; the margin is room for what is yet to be multiplied with the values.
        """
        below = margin * np.finfo(values.dtype).tiny

        def work(part: slice) -> None:
            for block in blocks(len(values[part]), values[0].size):
                v = values[part][block]
                size = self._scratch("size", v.shape, v.dtype)
                flush_block(v, below, size, self._scratch("small", v.shape, np.dtype(bool)))

        self._sweep(work, len(values), values.size)

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
        if isinstance(rows, slice):
            images, rows = images[rows], None
        numbers = rows if views is None else rows // len(views)
        plain = scaling == UNSCALED and images.dtype == out.dtype and rows is not None

        def work(part: slice) -> None:
            if plain:
                # Indices are in range; "raise" would have NumPy buffer the output.
                np.take(images, numbers[part], axis=0, out=out[part], mode="clip")
                return
            for block in blocks(len(out[part]), out.shape[1]):
                x = out[part][block]
                if rows is None:
                    gathered = images[part][block]
                else:
                    gathered = self._scratch("gathered", x.shape, images.dtype)
                    np.take(images, numbers[part][block], axis=0, out=gathered, mode="clip")
                if views is not None:
                    ways = views[rows[part][block] % len(views)]
                    gathered = np.take_along_axis(gathered, ways, axis=1)
                np.subtract(gathered, scaling.mean, out=x, dtype=x.dtype, casting="unsafe")
                if scaling.length is None:
                    x *= 1 / scaling.deviation
                    continue
                # x / deviation * length / sqrt(|x / deviation|^2 + 1), one factor a row
                factor = self._scratch("factor", x.shape[:1], x.dtype)
                np.vecdot(x, x, out=factor)
                factor += scaling.deviation**2
                np.sqrt(factor, out=factor)
                np.divide(scaling.length, factor, out=factor)
                x *= factor[:, None]

        self._sweep(work, len(out), out.size)
        self._leave_out(drop, out)

    def _room_for_kept(self, x: Array) -> Array:
        return self._scratch("kept", x.shape, x.dtype)

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
        addend = self._scratch("addend", label_weights.shape, label_weights.dtype)
        np.multiply(label_weights, label_scale, out=addend)
        addend += bias
        for block in blocks(len(labels), labels.shape[1] * len(bias)):
            z = out.values[block]
            if scale is None:
                np.take(addend, labels[block], axis=0, out=z, mode="clip")
            else:
                z *= scale[block, :, None]
                taken = self._scratch("taken", z.shape, z.dtype)
                np.take(addend, labels[block], axis=0, out=taken, mode="clip")
                z += taken
            z += shared[block, None, :]
            self._finish_block(block, activation, out)
        self._finish_scale(out)

    def activate(self, scale: Array, bias: Array, activation: Activation, out: Activity) -> None:
        for block in blocks(len(scale), scale.shape[1] * len(bias)):
            z = out.values[block]
            z *= scale[block, :, None]
            z += bias
            self._finish_block(block, activation, out)
        self._finish_scale(out)

    def _finish_block(self, block: slice, activation: Activation, out: Activity) -> None:
        z = out.values[block]
        if out.slope is not None:
            out.slope[block] = activation.slope(z)
        if activation.name == "relu":
            # A row of zeros, not the number 0: NumPy's maximum with a number is 3 times slower.
            np.maximum(z, self._scratch("zeros", z.shape[2:], z.dtype), out=z)
        else:
            z[...] = activation.value(z)
        if out.kept is not None:
            z *= out.kept[block, None, :]
        np.vecdot(z, z, out=out.goodness[block])

    @staticmethod
    def _finish_scale(out: Activity) -> None:
        np.sqrt(out.goodness, out=out.scale)
        np.add(out.scale, EPSILON, out=out.scale)
        np.reciprocal(out.scale, out=out.scale)

    # --- objective --------------------------------------------------------------------------

    def evaluate(
        self,
        objective: LayerObjective,
        goodness: Array,
        out_coefficients: Array,
        out_totals: Array,
        sample_weight: Array | None = None,
    ) -> None:
        super().evaluate(objective, goodness, out_coefficients, out_totals, sample_weight)
        self._flush_coefficients(out_coefficients)

    def _flush_coefficients(self, coefficients: Array) -> None:
        """Set to 0, in place, those (L, N, R) that move no weight: of rows far on the right side.

        With more than a pair of rows an image, whatever is lost in a sum with the layer's greatest
        one, too: `lean` then leaves out many rows. A pair's label may have no other row in a batch.
        """
        size = self._scratch("size", coefficients.shape, coefficients.dtype)
        small = self._scratch("small", coefficients.shape, np.dtype(bool))
        about = np.finfo(coefficients.dtype)
        below = np.array(NEGLIGIBLE * about.tiny, size.dtype)
        if size.shape[2] > 2:
            greatest = np.abs(coefficients, out=size).max(axis=(1, 2), keepdims=True)
            below = np.maximum(below, ROUNDINGS * about.eps * greatest)
        flush_block(coefficients, below, size, small)

    def cross_entropy(
        self,
        logits: Array,
        bias: Array,
        labels: Array,
        out_totals: Array,
        out_d_bias: Array,
        sample_weight: Array | None = None,
    ) -> None:
        super().cross_entropy(logits, bias, labels, out_totals, out_d_bias, sample_weight)
        self._flush(logits, NEGLIGIBLE)

    # --- gradients --------------------------------------------------------------------------

    def delta(
        self, coefficients: Array, scale: Array, activity: Activity, out_d_bias: Array
    ) -> None:
        twice = self._twice(coefficients)
        factor = self._scratch("factors", scale.shape, scale.dtype)
        np.multiply(twice, scale, out=factor)
        term = self._scratch("term", out_d_bias.shape, out_d_bias.dtype)
        out_d_bias[...] = 0
        for block in blocks(len(scale), activity.values[0].size):
            a, delta = activity.values[block], activity.delta[block]
            if activity.slope is not None:
                a = np.multiply(a, activity.slope[block], out=delta)
            # db sums 2 c a phi', not the delta, which is scaled: one product reads and sums
            np.matmul(twice[block].reshape(-1), rows_of(a), out=term)
            out_d_bias += term
            np.multiply(a, factor[block, :, None], out=delta)

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
        if coefficients is None:
            values = activity.delta
            factor = self._scratch("ones", labels.shape, values.dtype)
            factor[...] = 1
        else:
            values, factor = activity.values, self._twice(coefficients)
            if activity.slope is not None:
                values = np.multiply(values, activity.slope, out=activity.delta)
        self._reduce(factor, values, labels, label_scale, out_sum, out_d_label_weights, out_d_bias)
        if scale is not None:
            factor *= scale
            np.multiply(values, factor[:, :, None], out=activity.delta)

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
        """The sums of `delta_labelled`, of d_z = factor * values, without forming d_z.

        Sums over rows are products with a (K + 1, N R) selection: row k holds the factors of
        the rows with label k, the last row those of all rows. With many classes it would be mostly
        zeros: then d_z is formed, in the order of the labels.
        """
        classes, width = out_d_label_weights.shape
        n, r = labels.shape
        if classes >= MANY_CLASSES:
            for block in blocks(n, r * width):
                np.matmul(factor[block, None, :], values[block], out=out_sum[block, None, :])
            self._sum_ordered(factor, values, labels, out_d_label_weights)
            np.add.reduce(out_d_label_weights, axis=0, out=out_d_bias)
            out_d_label_weights *= label_scale
            return
        selection = self._scratch("selection", (classes + 1, n * r), values.dtype)
        matches = self._scratch("matches", (classes, n * r), np.dtype(bool))
        numbers = np.arange(classes, dtype=labels.dtype)[:, None]  # of another type: a cast copy
        np.equal(labels.reshape(-1), numbers, out=matches)
        np.multiply(matches, factor.reshape(-1), out=selection[:classes])
        selection[classes] = factor.reshape(-1)
        term = self._scratch("terms", (classes + 1, width), values.dtype)
        total = self._scratch("total", term.shape, term.dtype)
        total[...] = 0
        for block in blocks(n, r * width):
            v = values[block]
            # sum over r of factor[n, r] * values[n, r]: n products (1, R) (R, H)
            np.matmul(factor[block, None, :], v, out=out_sum[block, None, :])
            columns = slice(block.start * r, block.stop * r)
            np.matmul(selection[:, columns], rows_of(v), out=term)
            total += term
        np.multiply(total[:classes], label_scale, out=out_d_label_weights)
        out_d_bias[...] = total[classes]

    def _sum_ordered(self, factor: Array, values: Array, labels: Array, out: Array) -> None:
        """Sum factor * values (N, R, H) over the rows of each label, into `out` (K, H)."""
        flat = labels.reshape(-1)
        order = np.argsort(flat, kind="stable")
        starts = np.flatnonzero(np.diff(flat[order], prepend=-1))  # of each label's rows
        d_z = self._scratch("ordered", (len(flat), values.shape[2]), values.dtype)
        np.take(rows_of(values), order, axis=0, out=d_z, mode="clip")
        d_z *= factor.reshape(-1)[order, None]
        out[...] = 0
        out[flat[order[starts]]] = np.add.reduceat(d_z, starts, axis=0)

    def backpropagate(self, activity: Activity, out_d_bias: Array) -> None:
        term = self._scratch("term", out_d_bias.shape, out_d_bias.dtype)
        out_d_bias[...] = 0
        for block in blocks(len(activity.delta), activity.delta[0].size):
            d_z = activity.delta[block]
            if activity.slope is None:
                slope = self._scratch("positive", d_z.shape, np.dtype(bool))
                np.greater(activity.values[block], 0, out=slope)
            else:
                slope = activity.slope[block]
            np.multiply(d_z, slope, out=d_z)
            if activity.kept is not None:
                d_z *= activity.kept[block, None, :]
            np.add.reduce(d_z, axis=(0, 1), out=term)
            out_d_bias += term

    def lean(
        self, coefficients: Sequence[Array], products: Sequence[Sequence[Product]]
    ) -> list[Product]:
        found: list[Product] = []
        for i, (own, of_layer) in enumerate(zip(coefficients, products, strict=True)):
            if own.shape[1] == 2:  # few are 0: see `_flush_coefficients`
                found += of_layer
                continue
            index = np.flatnonzero(own)
            if not len(index):
                index = np.zeros(1, int)  # one of 0, for who divides the product by its cost
            few = len(index) <= MANY * own.size
            for a, b, out in of_layer:
                if len(b) == own.size:
                    rooms = [
                        self._scratch(("lean", i, side), rows.shape, rows.dtype)
                        for side, rows in {"a": a.T, "b": b}.items()
                    ]
                    if few:
                        a = self._gather(a.T, index, rooms[0]).T
                        b = self._gather(b, index, rooms[1])
                found.append((a, b, out))
        return found

    def _gather(self, rows: Array, index: Array, room: Array) -> Array:
        """Some of the rows, in so much of the room."""

        def work(part: slice) -> None:
            np.take(rows, index[part], axis=0, out=room[part], mode="clip")

        self._sweep(work, len(index), len(index) * rows.shape[1])
        return room[: len(index)]

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
        """See `Backend.adam`.

        With k = sqrt(1 - beta2^t), lr (m / (1 - beta1^t)) / (sqrt(v) / k + epsilon)
        is (lr k / (1 - beta1^t)) m / (sqrt(v) + k epsilon): the corrections are two numbers.
        """
        k = (1 - BETA2**step) ** 0.5
        rate, keep = float(lr) * k / (1 - BETA1**step), 1 - float(lr) * decay
        constants = rate, keep, BETA1, BETA2, k * ADAM_EPSILON

        def work(part: slice) -> None:
            arrays = (weights[part], gradient[part], mean[part], variance[part])
            self._adam(*arrays, *constants)

        self._sweep(work, len(weights), len(weights))
        self._flush_moments(step, mean, variance)

    def _adam(self, w: Array, g: Array, m: Array, v: Array, *constants: float) -> None:
        for block in blocks(len(w), 1):
            t = self._scratch("step", w[block].shape, w.dtype)
            adam_block(w[block], g[block], m[block], v[block], t, *constants)

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
        """See `Backend.sgd`."""
        constants = float(lr), 1 - float(lr) * decay, momentum

        def work(part: slice) -> None:
            self._sgd(weights[part], gradient[part], velocity[part], *constants)

        self._sweep(work, len(weights), len(weights))
        self._flush_moments(step, velocity)

    def _sgd(self, w: Array, g: Array, v: Array, *constants: float) -> None:
        for block in blocks(len(w), 1):
            t = self._scratch("step", w[block].shape, w.dtype)
            sgd_block(w[block], g[block], v[block], t, *constants)

    def _flush_moments(self, step: int, *moments: Array) -> None:
        """Every so many steps: moments of a silent unit's weights decay, and end subnormal."""
        if step % FLUSH_EVERY == 0:
            for moment in moments:
                self._flush(moment, MARGIN)
