"""The source of the CUDA kernels, and the numbers that it takes from Python."""

from importlib.resources import files
from typing import Any

import numpy as np

from ffnp.backends.reference import EPSILON
from ffnp.backends.signs import Signs
from ffnp.objectives import entropy, pairwise, sigmoid, softmax
from ffnp.objectives.activations import ACTIVATIONS, GELU_CUBIC, GELU_SCALE, LEAK

ROW = 128  # threads that share a row
COLUMNS = 8  # of the blocks that sum over images: with float32, the 32 bytes that memory gives
LINES = 128  # images at a time of these blocks
BLOCK = 256  # threads of a block that goes through flat arrays
MOST = 512  # threads of a block that goes through all images alone: more have too few registers
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


def kernels_source() -> str:
    """The text of kernels.cu."""
    return files("ffnp.backends").joinpath("kernels.cu").read_text(encoding="utf-8")


def compiler_options(dtype: np.dtype[Any]) -> tuple[str, ...]:
    """The macros that kernels.cu expects."""
    constants = {
        "REAL": "float" if dtype == np.float32 else "double",
        "ROW": ROW,
        "COLUMNS": COLUMNS,
        "LINES": LINES,
        "BLOCK": BLOCK,
        "MOST": MOST,
        "LAST_SIGN": max(Signs),
        "EPSILON": EPSILON,
        "ENTROPY_FLOOR": entropy.FLOOR,
        "LEAK": LEAK,
        "GELU_SCALE": GELU_SCALE,
        "GELU_CUBIC": GELU_CUBIC,
        **{f"PHILOX_{i}": f"{number}ull" for i, number in enumerate(PHILOX, start=1)},
    }
    activations = {name.upper(): number for name, number in ACTIVATION_NUMBERS.items()}
    objectives = {kind.__name__: number for kind, number in OBJECTIVE_NUMBERS.items()}
    signs = {sign.name: sign.value for sign in Signs}
    macros = constants | activations | objectives | signs
    return tuple(f"-D{name}={value}" for name, value in macros.items())
