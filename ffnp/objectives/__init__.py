"""Local objectives: `(goodness, gamma) -> (value, coefficient)`, one file each."""

from ffnp.objectives.base import Objective as Objective
from ffnp.objectives.entropy import RelativeEntropy as RelativeEntropy
from ffnp.objectives.pairwise import Pairwise as Pairwise
from ffnp.objectives.registry import OBJECTIVES as OBJECTIVES
from ffnp.objectives.registry import make_objective as make_objective
from ffnp.objectives.sigmoid import SigmoidGoodness as SigmoidGoodness
from ffnp.objectives.softmax import SoftmaxOverLabels as SoftmaxOverLabels
