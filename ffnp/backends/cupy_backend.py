"""The CuPy backend: the reference's numbers on a GPU, one launch a method, from kernels.cu.

No method allocates, copies to or from the host, or waits for the device, but `to_device` and
`to_host`; the host runs ahead, and the device works through what it was told in order.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import numpy as np

from ffnp.backends.activity import Activity, Array, Product
from ffnp.backends.launching import Kernels
from ffnp.backends.reference import ADAM_EPSILON, BETA1, BETA2, EPSILON, Backend
from ffnp.errors import InputError
from ffnp.objectives import entropy, pairwise, sigmoid, softmax
from ffnp.objectives.activations import ACTIVATIONS, GELU_CUBIC, GELU_SCALE, LEAK, Activation
from ffnp.objectives.collaboration import LayerObjective
from ffnp.randomness import PHILOX_BYTES, Draw, dropout_steps
from ffnp.scaling import Scaling

ROW = 128  # threads that share a row
TILE = 32  # columns, and rows at a time, of the blocks that sum over rows
BLOCK = 256  # threads of every other block
# The numbers by which kernels.cu tells activations and objectives apart.
ACTIVATION_NUMBERS = {name: i for i, name in enumerate(ACTIVATIONS)}
OBJECTIVE_NUMBERS: dict[type, int] = {
    sigmoid.SigmoidGoodness: 0,
    sigmoid.LiteralSigmoidGoodness: 1,
    softmax.SoftmaxOverLabels: 2,
    pairwise.Pairwise: 3,
    entropy.RelativeEntropy: 4,
}
# Philox 4x64's multipliers and what its key grows by: those of NumPy's generator.
PHILOX = (0xD2E7470EE14C6C93, 0xCA5A826395121157, 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
# The parameters of all these objectives; 0 is passed for those that an objective has not.
PARAMETERS = {"theta": 0.0, "alpha": 0.0, "power": 0.0}


def kernels_source() -> str:
    """The text of kernels.cu."""
    return files("ffnp.backends").joinpath("kernels.cu").read_text(encoding="utf-8")


def compiler_options(dtype: np.dtype[Any]) -> tuple[str, ...]:
    """The macros that kernels.cu expects."""
    constants = {
        "REAL": "float" if dtype == np.float32 else "double",
        "TILE": TILE,
        "EPSILON": EPSILON,
        "ENTROPY_FLOOR": entropy.FLOOR,
        "LEAK": LEAK,
        "GELU_SCALE": GELU_SCALE,
        "GELU_CUBIC": GELU_CUBIC,
        **{f"PHILOX_{i}": f"{number}ull" for i, number in enumerate(PHILOX, start=1)},
    }
    activations = {name.upper(): number for name, number in ACTIVATION_NUMBERS.items()}
    objectives = {kind.__name__: number for kind, number in OBJECTIVE_NUMBERS.items()}
    macros = constants | activations | objectives
    return tuple(f"-D{name}={value}" for name, value in macros.items())


class CupyBackend(Backend):
    """CuPy arrays, and the kernels of kernels.cu.

    Makes `device` the current one of the calling thread, and of that thread alone.

    Parameters
    ----------
    device : int
        Which GPU.
    """

    name = "cupy"

    def __init__(self, device: int = 0) -> None:
        import cupy

        self._cupy = cupy
        self._compiled: dict[np.dtype[Any], Kernels] = {}
        cupy.cuda.Device(device).use()

    def _kernels(self, dtype: Any) -> Kernels:
        if dtype not in self._compiled:
            source = kernels_source()
            module = self._cupy.RawModule(code=source, options=compiler_options(dtype))
            self._compiled[dtype] = Kernels(module, source, dtype)
        return self._compiled[dtype]

    # --- arrays -----------------------------------------------------------------------------

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """`InputError` if the GPU has no room for it."""
        with _room_for(int(np.prod(shape)) * np.dtype(dtype).itemsize):
            return self._cupy.empty(shape, dtype)

    def to_device(self, array: Array) -> Array:
        """`InputError` if the GPU has no room for it."""
        with _room_for(array.nbytes):
            return self._cupy.asarray(np.ascontiguousarray(array))

    def to_host(self, array: Array) -> Any:
        """A copy, after all that was launched before."""
        return self._cupy.asnumpy(array)

    def multiply(self, products: Sequence[Product]) -> None:
        for a, b, out in products:
            self._cupy.matmul(a, b, out=out)

    # --- forward, objective --------------------------------------------------------------------

    def standardise(self, images: Array, rows: Array, scaling: Scaling, out: Array) -> None:
        """An array of `rows` is int64, on the device, none negative."""
        if isinstance(rows, slice):
            images, rows = images[rows], None
            if len(images) != len(out):
                raise TypeError(f"standardise: {len(images)} images for {len(out)} rows")
        self._kernels(out.dtype).launch(
            f"standardise_{images.dtype}", (len(out),), (ROW,),
            images=images, rows=rows, mean=scaling.mean, deviation=scaling.deviation,
            length=scaling.length or 0, out=out,
        )  # fmt: skip

    def draw_kept(self, draw: Draw, first: int, rate: float, value: float, out: Array) -> None:
        blocks = len(out) * -(-out.shape[1] // PHILOX_BYTES)
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
        self._kernels(out.values.dtype).launch(
            "activate_labelled", (labels.size,), (ROW,),
            shared=shared, label_weights=label_weights, labels=labels, label_scale=label_scale,
            bias=bias, scale_before=scale, activation=ACTIVATION_NUMBERS[activation.name],
            kept=out.kept, values=out.values, slope=out.slope, goodness=out.goodness,
            scale=out.scale,
        )  # fmt: skip

    def activate(self, scale: Array, bias: Array, activation: Activation, out: Activity) -> None:
        self._kernels(out.values.dtype).launch(
            "activate", (scale.size,), (ROW,),
            scale_before=scale, bias=bias, activation=ACTIVATION_NUMBERS[activation.name],
            kept=out.kept, values=out.values, slope=out.slope, goodness=out.goodness,
            scale=out.scale,
        )  # fmt: skip

    def evaluate(
        self,
        objective: LayerObjective,
        goodness: Array,
        out_coefficients: Array,
        out_totals: Array,
        sample_weight: Array | None = None,
    ) -> None:
        """An objective without a kernel is evaluated on the host."""
        number = OBJECTIVE_NUMBERS.get(type(objective.objective))
        if number is None:
            totals = self.to_host(out_totals)
            coefficients = np.empty(goodness.shape, goodness.dtype)
            weight = None if sample_weight is None else self.to_host(sample_weight)
            Backend().evaluate(objective, self.to_host(goodness), coefficients, totals, weight)
            out_coefficients[...] = self.to_device(coefficients)
            out_totals[...] = self.to_device(totals)
            return
        self._kernels(goodness.dtype).launch(
            "evaluate", (1,), (BLOCK,),
            objective=number, **PARAMETERS | vars(objective.objective),
            below=objective.gamma in ("others", "previous"),
            above=objective.gamma in ("others", "next"), gamma_scale=objective.gamma_scale,
            goodness=goodness, sample_weight=sample_weight, coefficients=out_coefficients,
            totals=out_totals,
        )  # fmt: skip

    # --- gradients --------------------------------------------------------------------------

    def delta(
        self, coefficients: Array, scale: Array, activity: Activity, out_d_bias: Array
    ) -> None:
        self._kernels(out_d_bias.dtype).launch(
            "delta", (_tiles(out_d_bias),), (TILE, TILE),
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
            (_tiles(out_d_bias), len(out_d_label_weights) + 1), (TILE, TILE),
            coefficients=coefficients, values=activity.values, slope=activity.slope,
            scale=scale, delta=activity.delta if stored else None,
            labels=labels, label_scale=label_scale, sum=out_sum,
            d_label_weights=out_d_label_weights, d_bias=out_d_bias,
        )  # fmt: skip

    def backpropagate(self, activity: Activity, out_d_bias: Array) -> None:
        self._kernels(out_d_bias.dtype).launch(
            "backpropagate", (_tiles(out_d_bias),), (TILE, TILE),
            values=activity.values, slope=activity.slope, delta=activity.delta, d_bias=out_d_bias,
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
            "cross_entropy", (1,), (BLOCK,),
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
    return -(-len(columns) // TILE)
