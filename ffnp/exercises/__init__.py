"""Exercises that check themselves: each takes an answer, a function, and says what is wrong.

    from ffnp import exercises

    exercises.coefficient(mine)  # prints one line

The notebooks in docs/notebooks ask the questions. One file for each notebook.
"""

from ffnp.exercises.collaboration import gamma_others as gamma_others
from ffnp.exercises.collaboration import gamma_previous as gamma_previous
from ffnp.exercises.collaboration import mended_and_spoiled as mended_and_spoiled
from ffnp.exercises.entropy import decomposition as decomposition
from ffnp.exercises.entropy import entropy as entropy
from ffnp.exercises.entropy import relative as relative
from ffnp.exercises.first_network import goodness as goodness
from ffnp.exercises.first_network import joined as joined
from ffnp.exercises.first_network import negatives as negatives
from ffnp.exercises.first_network import normalised as normalised
from ffnp.exercises.first_network import vote as vote
from ffnp.exercises.gradients import coefficient as coefficient
from ffnp.exercises.gradients import delta as delta
from ffnp.exercises.gradients import difference as difference
from ffnp.exercises.gradients import weights_gradient as weights_gradient
from ffnp.exercises.own_objective import by_image as by_image
from ffnp.exercises.own_objective import hinge as hinge
from ffnp.exercises.own_objective import objective as objective
