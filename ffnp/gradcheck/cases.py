"""What is checked, and on how small a network."""

from collections.abc import Iterable
from dataclasses import replace

from ffnp.config import Config
from ffnp.model import DataDescription
from ffnp.objectives import OBJECTIVES
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.objectives.collaboration import GAMMAS
from ffnp.scaling import Scaling

IMAGES, PIXELS, CLASSES, ROWS, HIDDEN = 4, 5, 4, 3, (6, 5, 4)
DATA = DataDescription((PIXELS,), CLASSES, False, Scaling(0.0, 1.0, None))


TINY = Config(hidden=HIDDEN, theta=4.0, alpha=0.5, label_scale=2.0)


def cases() -> list[Config]:
    """Every objective x gamma x activation; baselines and parts of recipes x activation."""
    layered = [case for objective in OBJECTIVES for case in cases_of(objective)]
    baselines = [
        replace(TINY, method="backprop-label"),
        replace(TINY, method="backprop-pairwise", labels=ROWS),
        replace(TINY, method="local-heads"),
    ]
    softmax = replace(TINY, objective="softmax", labels=ROWS)
    parts = [
        replace(softmax, unit_dropout=0.5),
        replace(softmax, joined="every", hidden_length=3.0),
        replace(softmax, gamma="previous", gamma_scale=0.5),
        replace(baselines[0], unit_dropout=0.5),
        replace(baselines[2], unit_dropout=0.5),
    ]
    return layered + _with_activations(baselines + parts)


def cases_of(objective: str) -> list[Config]:
    """One objective x gamma x activation; `own` for the one that `check` is given."""
    ff, collab = (replace(TINY, method=method, labels=ROWS) for method in ("ff", "collab"))
    return _with_activations(
        replace(ff if gamma == "none" else replace(collab, gamma=gamma), objective=objective)
        for gamma in GAMMAS
    )


def _with_activations(methods: Iterable[Config]) -> list[Config]:
    return [replace(each, activation=name) for each in methods for name in ACTIVATIONS]


def name_of(case: Config) -> tuple[str, str]:
    """The objective or baseline of a case, with parts of its recipe, and its gamma."""
    parts = " dropout" * bool(case.unit_dropout) + " joined" * (case.joined == "every")
    parts += " scaled" * (case.gamma_scale != 1)
    if case.is_baseline:
        return case.method + parts, "none"
    return case.objective + parts, case.gamma if case.method == "collab" else "none"
