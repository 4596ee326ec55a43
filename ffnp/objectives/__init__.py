"""Local objectives: `(goodness, gamma) -> (value, coefficient)`, one file each."""

from ffnp.objectives.base import Objective as Objective
from ffnp.objectives.sigmoid import SigmoidGoodness as SigmoidGoodness
