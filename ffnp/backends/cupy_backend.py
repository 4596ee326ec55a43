"""The CuPy backend: the reference's numbers on a GPU, one launch a method, from kernels.cu.

No method allocates, copies to or from the host, or waits for the device, but `to_device` and
`to_host`; the host runs ahead, and the device works through what it was told in order.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ffnp.backends.activity import Activity, Array, Product
from ffnp.backends.cuda_source import (
    ACTIVATION_NUMBERS,
    BLOCK,
    COLUMNS,
    LINES,
    MOST,
    OBJECTIVE_NUMBERS,
    ROW,
    compiler_options,
    kernels_source,
)
from ffnp.backends.launching import Kernels
from ffnp.backends.on_host import on_host
from ffnp.backends.reference import ADAM_EPSILON, BETA1, BETA2, Backend
from ffnp.backends.signs import Signs
from ffnp.errors import InputError
from ffnp.objectives.activations import Activation
from ffnp.objectives.collaboration import LayerObjective
from ffnp.randomness import PHILOX_BYTES, Draw, Drop, dropout_steps
from ffnp.scaling import Scaling

WARP = 32
SHARES = 64  # blocks that examine the weights
PIECE = 1 << 24  # bytes that are uploaded at a time
STANDARDISE = {np.dtype(kind): f"standardise_{kind}" for kind in ("uint8", "float32", "float64")}
NO_DROP = Drop(Draw((0, 0), 0, 0), 0, 0.0, 1.0)
# The parameters of all these objectives; 0 is passed for those that an objective has not.
PARAMETERS = {"theta": 0.0, "alpha": 0.0, "power": 0.0}


class CupyBackend(Backend):
    """CuPy arrays, and the kernels of kernels.cu.

    Every method makes `device` the current one of the calling thread, and leaves it so: CuPy makes
    arrays on the current device, and starts kernels there. So a model works from any thread, and
    beside one on another device.

    Parameters
    ----------
    device : int
        Which GPU.
    """

    name = "cupy"

    def __init__(self, device: int = 0) -> None:
        import cupy

        self._cupy, self._runtime, self._device = cupy, cupy.cuda.runtime, device
        self._compiled: dict[np.dtype[Any], Kernels] = {}
        self._found: Array = None  # by the blocks that examine the weights

    def _use_device(self) -> None:
        if self._runtime.getDevice() != self._device:
            self._runtime.setDevice(self._device)

    def _kernels(self, dtype: Any) -> Kernels:
        self._use_device()
        if dtype not in self._compiled:
            source = kernels_source()
            module = self._cupy.RawModule(code=source, options=compiler_options(dtype))
            self._compiled[dtype] = Kernels(module, source, dtype)
        return self._compiled[dtype]

    # --- arrays -----------------------------------------------------------------------------

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """`InputError` if the GPU has no room for it."""
        self._use_device()
        with _room_for(int(np.prod(shape)) * np.dtype(dtype).itemsize):
            return self._cupy.empty(shape, dtype)

    def to_device(self, array: Array) -> Array:
        """`InputError` if the GPU has no room for it.

        In pieces, from where they are: `cupy.asarray` would copy all of it to host memory that is
        never paged out, and keep that for the next.
        """
        array = np.ascontiguousarray(array)
        out = self.empty(array.shape, array.dtype)
        if array.nbytes <= PIECE:
            out.set(array)
            return out
        rows = max(1, PIECE * len(array) // array.nbytes)
        for start in range(0, len(array), rows):
            out[start : start + rows].set(array[start : start + rows])
        return out

    def to_host(self, array: Array) -> Any:
        """A copy, after all that was launched before."""
        self._use_device()
        return self._cupy.asnumpy(array)

    def multiply(self, products: Sequence[Product]) -> None:
        self._use_device()
        for a, b, out in products:
            self._cupy.dot(a, b, out=out)  # `matmul` comes to it, too, later

    # --- forward, objective --------------------------------------------------------------------

    def standardise(
        self,
        images: Array,
        rows: Array,
        scaling: Scaling,
        out: Array,
        drop: Drop | None = None,
        views: Array | None = None,
    ) -> None:
        """An array of `rows` is int64, on the device, none negative."""
        if isinstance(rows, slice):
            images, rows = images[rows], None
            if len(images) != len(out):
                raise TypeError(f"standardise: {len(images)} images for {len(out)} rows")
        draw, first, rate, value = drop or NO_DROP
        if draw.site:
            raise TypeError(f"standardise: a draw of layer {draw.site}")
        self._kernels(out.dtype).launch(
            STANDARDISE[images.dtype], (len(out),), (ROW,),
            images=images, rows=rows, views=views, ways=1 if views is None else len(views),
            mean=scaling.mean, deviation=scaling.deviation,
            length=scaling.length or 0, key1=draw.key[0], key2=draw.key[1], step=draw.step,
            first=first, steps=dropout_steps(rate) if drop else 0, value=value, out=out,
        )  # fmt: skip

    def draw_kept(self, draw: Draw, first: int, rate: float, value: float, out: Array) -> None:
        if out.ndim == 2:
            out = out[None]
        blocks = out.shape[0] * out.shape[1] * -(-out.shape[2] // PHILOX_BYTES)
        self._kernels(out.dtype).launch(
            "draw_kept", (-(-blocks // BLOCK),), (BLOCK,),
            key1=draw.key[0], key2=draw.key[1], step=draw.step, site=draw.site, first=first,
            steps=dropout_steps(rate), value=value, out=out,
        )  # fmt: skip

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
        if activation.name not in ACTIVATION_NUMBERS:
            arrays = (shared, label_weights, labels)
            arrays = tuple(map(self.to_host, arrays))
            with on_host(self, out) as host:
                Backend().activate_labelled(
                    *arrays, label_scale, self.to_host(bias), activation, host,
                    None if scale is None else self.to_host(scale),
                )  # fmt: skip
            return
        self._kernels(out.values.dtype).launch(
            "activate_labelled", (labels.size,), (ROW,),
            shared=shared, label_weights=label_weights, labels=labels, label_scale=label_scale,
            bias=bias, scale_before=scale, activation=ACTIVATION_NUMBERS[activation.name],
            kept=out.kept, values=out.values, slope=out.slope, goodness=out.goodness,
            scale=out.scale,
        )  # fmt: skip

    def activate(self, scale: Array, bias: Array, activation: Activation, out: Activity) -> None:
        if activation.name not in ACTIVATION_NUMBERS:
            with on_host(self, out) as host:
                Backend().activate(self.to_host(scale), self.to_host(bias), activation, host)
            return
        self._kernels(out.values.dtype).launch(
            "activate", (scale.size,), (ROW,),
            scale_before=scale, bias=bias, activation=ACTIVATION_NUMBERS[activation.name],
            kept=out.kept, values=out.values, slope=out.slope, goodness=out.goodness,
            scale=out.scale,
        )  # fmt: skip

    def best_labels(self, goodness: Array, kept: int, out_labels: Array) -> None:
        self._kernels(goodness.dtype).launch(
            "best_labels", (len(goodness),), (ROW,), goodness=goodness, kept=kept, labels=out_labels
        )

    def evaluate(
        self,
        objective: LayerObjective,
        goodness: Array,
        out_coefficients: Array,
        out_totals: Array,
        sample_weight: Array | None = None,
    ) -> None:
        """An objective or a gamma without a kernel is evaluated on the host."""
        number = OBJECTIVE_NUMBERS.get(type(objective.objective))
        if number is None or not isinstance(objective.gamma, str):
            totals = self.to_host(out_totals)
            coefficients = np.empty(goodness.shape, goodness.dtype)
            weight = None if sample_weight is None else self.to_host(sample_weight)
            Backend().evaluate(objective, self.to_host(goodness), coefficients, totals, weight)
            out_coefficients[...] = self.to_device(coefficients)
            out_totals[...] = self.to_device(totals)
            return
        self._kernels(goodness.dtype).launch(
            "evaluate", (1,), _threads(goodness.shape[1]),
            objective=number, **PARAMETERS | vars(objective.objective),
            below=objective.gamma in ("others", "previous"),
            above=objective.gamma in ("others", "next"), gamma_scale=objective.gamma_scale,
            gain=objective.gain, goodness=goodness, sample_weight=sample_weight,
            coefficients=out_coefficients,
            totals=out_totals,
        )  # fmt: skip

    # --- gradients --------------------------------------------------------------------------

    def delta(
        self, coefficients: Array, scale: Array, activity: Activity, out_d_bias: Array
    ) -> None:
        self._kernels(out_d_bias.dtype).launch(
            "delta", (_tiles(out_d_bias),), (COLUMNS, LINES),
            coefficients=coefficients, scale=scale, values=activity.values, slope=activity.slope,
            delta=activity.delta, d_bias=out_d_bias,
        )  # fmt: skip

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
        """A delta made from coefficients is stored only with `scale`."""
        stored = coefficients is None or scale is not None
        self._kernels(out_d_bias.dtype).launch(
            "delta_labelled",
            (_tiles(out_d_bias), len(out_d_label_weights) + 1), (COLUMNS, LINES),
            coefficients=coefficients, values=activity.values, slope=activity.slope,
            scale=scale, delta=activity.delta if stored else None,
            labels=labels, label_scale=label_scale, sum=out_sum,
            d_label_weights=out_d_label_weights, d_bias=out_d_bias,
        )  # fmt: skip

    def backpropagate(self, activity: Activity, out_d_bias: Array) -> None:
        self._kernels(out_d_bias.dtype).launch(
            "backpropagate", (_tiles(out_d_bias),), (COLUMNS, LINES),
            values=activity.values, slope=activity.slope, kept=activity.kept,
            delta=activity.delta, d_bias=out_d_bias,
        )  # fmt: skip

    def cross_entropy(
        self,
        logits: Array,
        bias: Array,
        labels: Array,
        out_totals: Array,
        out_d_bias: Array,
        sample_weight: Array | None = None,
    ) -> None:
        self._kernels(logits.dtype).launch(
            "cross_entropy", (1,), _threads(len(logits)),
            logits=logits, bias=bias, labels=labels, sample_weight=sample_weight,
            totals=out_totals, d_bias=out_d_bias,
        )  # fmt: skip

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
        """The bias corrections are made in float64, on the host."""
        self._kernels(weights.dtype).launch(
            "adam", (-(-weights.size // BLOCK),), (BLOCK,),
            weights=weights, gradient=gradient, mean=mean, variance=variance,
            rate=lr / (1 - BETA1**step), keep=1 - lr * decay, correction=(1 - BETA2**step) ** 0.5,
            beta1=BETA1, rest1=1 - BETA1, beta2=BETA2, rest2=1 - BETA2, epsilon=ADAM_EPSILON,
        )  # fmt: skip

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
        self._kernels(weights.dtype).launch(
            "sgd", (-(-weights.size // BLOCK),), (BLOCK,),
            weights=weights, gradient=gradient, velocity=velocity, lr=lr, keep=1 - lr * decay,
            momentum=momentum,
        )  # fmt: skip

    # --- the guard --------------------------------------------------------------------------

    def examine(self, totals: Array, weights: Array, gradient: Array, goodness: Array) -> Signs:
        if self._found is None:
            self._found = self.empty((SHARES,), np.dtype(np.int32))
        self._kernels(weights.dtype).launch(
            "examine", (SHARES,), (BLOCK,),
            totals=totals, weights=weights, gradient=gradient, goodness=goodness,
            found=self._found,
        )  # fmt: skip
        return Signs(int(np.bitwise_or.reduce(self.to_host(self._found))))


@contextmanager
def _room_for(size: int) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise InputError(
            f"the GPU has no room for {size / 1e6:.0f} MB more: use fewer rows (limit_train), "
            "smaller batches or layers, or the numpy or numba backend"
        ) from error


def _tiles(columns: Array) -> int:
    return -(-len(columns) // COLUMNS)


def _threads(images: int) -> tuple[int]:
    """Of a block that goes through all images alone."""
    return (min(MOST, -(-images // WARP) * WARP),)
