"""Objectives by the names of the command line."""

from dataclasses import fields
from typing import Any

from ffnp.objectives.base import Objective
from ffnp.objectives.entropy import RelativeEntropy
from ffnp.objectives.pairwise import Pairwise
from ffnp.objectives.sigmoid import LiteralSigmoidGoodness, SigmoidGoodness
from ffnp.objectives.softmax import SoftmaxOverLabels

OBJECTIVES: dict[str, type[Any]] = {  # dataclasses
    "sigmoid": SigmoidGoodness,
    "entropy": RelativeEntropy,
    "softmax": SoftmaxOverLabels,
    "pairwise": Pairwise,
    "sigmoid-literal": LiteralSigmoidGoodness,
}
LEFT = {  # in 0.2, and where in examples/entropy_readings.py they are now
    "entropy-conditional": "ConditionalEntropy",
    "entropy-unsigned": "UnsignedEntropy",
    "entropy-signed": "SignedEntropy",
    "entropy-difference": "EntropyDifference",
    "entropy-normalised": "NormalisedEntropy",
}


def make_objective(name: str, choices: object) -> Objective:
    """The objective of a name, its fields filled from those of `choices` of the same names."""
    kind, known = OBJECTIVES[name], vars(choices)
    values = {each.name: known[each.name] for each in fields(kind) if each.name in known}
    objective: Objective = kind(**values)
    return objective
