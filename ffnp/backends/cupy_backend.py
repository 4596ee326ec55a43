"""The CuPy backend: the reference's numbers on a GPU, one launch a method, from kernels.cu.

No method allocates, copies to or from the host, or waits for the device, but `to_device` and
`to_host`; the host runs ahead, and the device works through what it was told in order.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import numpy as np

from ffnp.activations import ACTIVATIONS, GELU_CUBIC, GELU_SCALE, LEAK, Activation
from ffnp.backends.activity import Activity, Array
from ffnp.backends.base import EPSILON, Backend
from ffnp.backends.launching import Kernels
from ffnp.collaboration import LayerObjective
from ffnp.data.scaling import Scaling
from ffnp.errors import InputError
from ffnp.objectives import entropy, entropy_readings, pairwise, sigmoid, softmax

ROW = 128  # threads that share a row
TILE = 32  # columns, and rows at a time, of the blocks that sum over rows
BLOCK = 256  # threads of every other block
NUMBERS = {name: i for i, name in enumerate(ACTIVATIONS)}  # the activations', in kernels.cu
EVALUATE: dict[type, str] = {  # kernels whose last arguments are the objective's fields
    sigmoid.SigmoidGoodness: "evaluate_sigmoid",
    sigmoid.LiteralSigmoidGoodness: "evaluate_sigmoid_literal",
    softmax.SoftmaxOverLabels: "evaluate_softmax",
    pairwise.Pairwise: "evaluate_pairwise",
    entropy.RelativeEntropy: "evaluate_entropy",
    entropy_readings.ConditionalEntropy: "evaluate_entropy_conditional",
    entropy_readings.UnsignedEntropy: "evaluate_entropy_unsigned",
    entropy_readings.SignedEntropy: "evaluate_entropy_signed",
    entropy_readings.EntropyDifference: "evaluate_entropy_difference",
    entropy_readings.NormalisedEntropy: "evaluate_entropy_normalised",
}


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
        "ENTROPY_EPSILON": entropy_readings.EPSILON,
        "KAPPA": entropy_readings.KAPPA,
        "LEAK": LEAK,
        "GELU_SCALE": GELU_SCALE,
        "GELU_CUBIC": GELU_CUBIC,
    } | {name.upper(): number for name, number in NUMBERS.items()}
    return tuple(f"-D{name}={value}" for name, value in constants.items())


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
        self._kernels: dict[np.dtype[Any], Kernels] = {}
        cupy.cuda.Device(device).use()

    def _launch(
        self, dtype: Any, name: str, grid: tuple[int, ...], block: tuple[int, ...], *arguments: Any
    ) -> None:
        if dtype not in self._kernels:
            source = kernels_source()
            module = self._cupy.RawModule(code=source, options=compiler_options(dtype))
            self._kernels[dtype] = Kernels(module, source, dtype)
        self._kernels[dtype].launch(name, grid, block, *arguments)

    # --- arrays -----------------------------------------------------------------------------

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """See `Backend.empty`; `InputError` if the GPU has no room for it."""
        with _room_for(int(np.prod(shape)) * np.dtype(dtype).itemsize):
            return self._cupy.empty(shape, dtype)

    def to_device(self, array: Array) -> Array:
        """See `Backend.to_device`; `InputError` if the GPU has no room for it."""
        with _room_for(array.nbytes):
            return self._cupy.asarray(np.ascontiguousarray(array))

    def to_host(self, array: Array) -> Any:
        """See `Backend.to_host`: a copy, after all that was launched before."""
        return self._cupy.asnumpy(array)

    def flush(self, values: Array, margin: float) -> None:
        """See `Backend.flush`: nothing, a GPU is as fast on subnormal numbers."""

    # --- forward, objective --------------------------------------------------------------------

    def standardise(self, images: Array, rows: Array, scaling: Scaling, out: Array) -> None:
        """See `Backend.standardise`; an array of `rows` is int64, on the device, none negative."""
        if isinstance(rows, slice):
            images, rows = images[rows], None
            if len(images) != len(out):
                raise TypeError(f"standardise: {len(images)} images for {len(out)} rows")
        self._launch(
            out.dtype, f"standardise_{images.dtype}", (len(out),), (ROW,),
            images, rows, scaling.mean, scaling.deviation, scaling.length or 0, out,
        )  # fmt: skip

    def gather(self, table: Array, rows: Array, out: Array) -> None:
        """See `Backend.gather`: images that are scaled by nothing."""
        self._launch(
            out.dtype, f"standardise_{table.dtype}", (len(out),), (ROW,),
            table, rows, 0, 1, 0, out,
        )  # fmt: skip

    def matmul(self, a: Array, b: Array, out: Array) -> None:
        """See `Backend.matmul`."""
        self._cupy.matmul(a, b, out=out)

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
        """See `Backend.activate_labelled`."""
        self._launch(
            product.dtype, "activate_labelled", (labels.size,), (ROW,),
            product, label_weights, labels, label_scale, bias, NUMBERS[activation.name],
            out.values, out.slope, out.goodness, out.scale,
        )  # fmt: skip

    def activate(self, scale: Array, bias: Array, activation: Activation, out: Activity) -> None:
        """See `Backend.activate`."""
        self._launch(
            scale.dtype, "activate", (scale.size,), (ROW,),
            scale, bias, NUMBERS[activation.name],
            out.values, out.slope, out.goodness, out.scale,
        )  # fmt: skip

    def evaluate(
        self,
        objective: LayerObjective,
        goodness: Array,
        out_coefficients: Array,
        out_totals: Array,
    ) -> None:
        """See `Backend.evaluate`; an objective without a kernel is evaluated on the host."""
        kernel = EVALUATE.get(type(objective.objective))
        if kernel is None:
            totals = self.to_host(out_totals)
            coefficients = np.empty(goodness.shape, goodness.dtype)
            Backend().evaluate(objective, self.to_host(goodness), coefficients, totals)
            out_coefficients[...] = self.to_device(coefficients)
            out_totals[...] = self.to_device(totals)
            return
        self._launch(
            goodness.dtype, kernel, (1,), (BLOCK,),
            goodness,
            objective.gamma in ("others", "previous"),
            objective.gamma in ("others", "next"),
            out_coefficients, out_totals,
            *(0 if value is None else value for value in vars(objective.objective).values()),
        )  # fmt: skip

    # --- gradients --------------------------------------------------------------------------

    def delta(
        self, coefficients: Array, scale: Array, activity: Activity, out_d_bias: Array
    ) -> None:
        """See `Backend.delta`."""
        self._launch(
            scale.dtype, "delta", (_tiles(out_d_bias),), (TILE, TILE),
            coefficients, scale, activity.values, activity.slope, activity.delta, out_d_bias,
        )  # fmt: skip

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
        """See `Backend.delta_labelled`; the delta is made on the way and not stored."""
        self._launch(
            out_sum.dtype, "reduce_labelled",
            (_tiles(out_d_bias), len(out_d_label_weights) + 1), (TILE, TILE),
            coefficients, activity.values, activity.slope,
            labels, label_scale, out_sum, out_d_label_weights, out_d_bias,
        )  # fmt: skip

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
        self._launch(
            out_sum.dtype, "reduce_labelled",
            (_tiles(out_d_bias), len(out_d_label_weights) + 1), (TILE, TILE),
            None, d_z, None, labels, label_scale, out_sum, out_d_label_weights, out_d_bias,
        )  # fmt: skip

    def backpropagate(self, activity: Activity, out_d_bias: Array) -> None:
        """See `Backend.backpropagate`."""
        self._launch(
            out_d_bias.dtype, "backpropagate", (_tiles(out_d_bias),), (TILE, TILE),
            activity.values, activity.slope, activity.delta, out_d_bias,
        )  # fmt: skip

    def cross_entropy(
        self, logits: Array, bias: Array, labels: Array, out_totals: Array, out_d_bias: Array
    ) -> None:
        """See `Backend.cross_entropy`."""
        self._launch(
            logits.dtype, "cross_entropy", (1,), (BLOCK,),
            logits, bias, labels, out_totals, out_d_bias,
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
        beta1: float,
        beta2: float,
        epsilon: float,
    ) -> None:
        """See `Backend.adam`; the bias corrections are made in float64, on the host."""
        self._launch(
            weights.dtype, "adam", (-(-weights.size // BLOCK),), (BLOCK,),
            weights, gradient, mean, variance,
            lr / (1 - beta1**step), (1 - beta2**step) ** 0.5,
            beta1, 1 - beta1, beta2, 1 - beta2, epsilon,
        )  # fmt: skip

    def sgd(
        self, weights: Array, gradient: Array, velocity: Array, lr: float, momentum: float
    ) -> None:
        """See `Backend.sgd`."""
        self._launch(
            weights.dtype, "sgd", (-(-weights.size // BLOCK),), (BLOCK,),
            weights, gradient, velocity, lr, momentum,
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
