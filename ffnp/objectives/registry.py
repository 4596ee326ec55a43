"""Objectives by the names of the command line."""

from collections.abc import Callable

from ffnp.objectives.base import Objective
from ffnp.objectives.entropy import RelativeEntropy
from ffnp.objectives.entropy_readings import (
    ConditionalEntropy,
    EntropyDifference,
    NormalisedEntropy,
    SignedEntropy,
    UnsignedEntropy,
)
from ffnp.objectives.pairwise import Pairwise
from ffnp.objectives.sigmoid import LiteralSigmoidGoodness, SigmoidGoodness
from ffnp.objectives.softmax import SoftmaxOverLabels

# From (theta, alpha); most need neither.
OBJECTIVES: dict[str, Callable[[float, float], Objective]] = {
    "sigmoid": lambda theta, alpha: SigmoidGoodness(theta),
    "entropy": lambda theta, alpha: RelativeEntropy(),
    "softmax": lambda theta, alpha: SoftmaxOverLabels(),
    "pairwise": lambda theta, alpha: Pairwise(alpha),
    "sigmoid-literal": lambda theta, alpha: LiteralSigmoidGoodness(theta),
    "entropy-conditional": lambda theta, alpha: ConditionalEntropy(),
    "entropy-unsigned": lambda theta, alpha: UnsignedEntropy(),
    "entropy-signed": lambda theta, alpha: SignedEntropy(),
    "entropy-difference": lambda theta, alpha: EntropyDifference(),
    "entropy-normalised": lambda theta, alpha: NormalisedEntropy(),
}
