"""What is a user's own in the place of ffnp's: an objective, a gamma, an activation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ffnp.errors import InputError
from ffnp.objectives.activations import ACTIVATIONS, Activation
from ffnp.objectives.base import Array, Objective
from ffnp.objectives.collaboration import GAMMAS
from ffnp.objectives.registry import OBJECTIVES

OWN = "own"  # what a configuration calls what Python is given
Gamma = Callable[[Array], Array]
KNOWN: Mapping[str, Any] = {"objective": OBJECTIVES, "gamma": GAMMAS, "activation": ACTIVATIONS}
# What each is called with, and what it is if it is not called.
WANTED = {
    "objective": "it must be called with (goodness, gamma)",
    "gamma": "it must be called with (goodness)",
    "activation": "give a pair of functions (value, slope), or an object with both",
}


@dataclass(frozen=True)
class Own:
    """What is the user's own; None where the configuration names one of ffnp's.

    Attributes
    ----------
    objective : Objective or None
    gamma : callable or None
        `gamma(goodness)`: what each layer hears of the others, (L, N, R), from (L, N, R) goodness:
        a constant, of which no gradient is taken. An attribute `by_image = True` says that an
        image's is of its own rows alone; a batch may then be evaluated in parts, side by side.
    activation : Activation or None
        phi(z) and phi'(z), elementwise; from a pair of functions, too, or an object with `value`
        and `slope`.
    """

    objective: Objective | None = None
    gamma: Gamma | None = None
    activation: Activation | None = None

    def __post_init__(self) -> None:
        for name in ("objective", "gamma"):
            given = getattr(self, name)
            if given is not None and not callable(given):
                kind = type(given).__name__
                raise InputError(f"the {name} is of type {kind}: {WANTED[name]}")
        if self.activation is not None:
            object.__setattr__(self, "activation", as_activation(self.activation))

    @property
    def given(self) -> list[str]:
        """Names of those that are given."""
        return [each.name for each in fields(self) if getattr(self, each.name) is not None]

    def check(self, config: Any) -> None:
        """`InputError` if one is given where the configuration names one of ffnp's.

        Or if its activation is not given, without which nothing can be computed.
        """
        for name in self.given:
            known = getattr(config, name)
            if known in KNOWN[name]:
                raise InputError(f"this run's {name} is {known}: leave out your own")
        if config.activation not in ACTIVATIONS and self.activation is None:
            raise not_given("activation")


def as_own(given: Any) -> Own:
    """What was given as an objective alone, or as all of them, as all of them."""
    return given if isinstance(given, Own) else Own(objective=given)


def not_given(name: str) -> InputError:
    """The error of one that is missing."""
    text = (
        f"the {name} 'own' is one that Python is given: ffnp.train(config, {name}=...), or "
        f"ffnp.resume(folder, {name}=...)"
    )
    if name == "activation":
        text = (
            "the activation is one of your own, without which this model computes nothing: "
            "ffnp.load_model(folder, activation=...), or --activation FILE.py:NAME of "
            "`ffnp evaluate`, `predict`, `analyse` or `weights`"
        )
    return InputError(text)


def as_activation(given: Any) -> Activation:
    """An activation of one's own, which is tried once; `InputError` if it is none."""
    if isinstance(given, tuple | list) and len(given) == 2:
        value, slope = given
    else:
        value, slope = getattr(given, "value", None), getattr(given, "slope", None)
    if not (callable(value) and callable(slope)):
        raise InputError(
            f"the activation is of type {type(given).__name__}: {WANTED['activation']}"
        )
    made = Activation(OWN, _guarded(value), _guarded(slope))
    z = np.linspace(-3, 3, 12, dtype=np.float32).reshape(3, 4)
    for name, function in (("value", made.value), ("slope", made.slope)):
        with np.errstate(all="ignore"):
            whole, parts = function(z), [function(row[None]) for row in z]
        shapes = [np.shape(whole), *map(np.shape, parts)]
        if shapes != [z.shape, *[(1, 4)] * 3] or not np.isfinite(np.asarray(whole)).all():
            raise InputError(
                f"the activation's {name} gave shape {shapes[0]} for z of shape {z.shape}, or "
                "numbers that are not finite: return one number for each, e.g. np.tanh(z)"
            )
        if not np.allclose(whole, np.concatenate(parts), rtol=1e-4, atol=1e-6):
            raise InputError(
                f"the activation's {name} of a number depends on the others: it must be elementwise"
            )
    return made


def _guarded(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """The function of a z that it cannot change, since it is needed again."""

    def of_constant(z: Array) -> Array:
        seen = z.view()
        seen.flags.writeable = False
        return function(seen)

    return of_constant
