"""`ffnp gradcheck`: every gradient against finite differences."""

import math
from dataclasses import replace
from itertools import groupby
from json import dumps
from typing import Any

import click
from tqdm import tqdm

from ffnp.backends.selection import make_backend
from ffnp.config import OWN, Config, is_reference
from ffnp.errors import FFNPError, InputError
from ffnp.gradcheck import CHECKS, Result, cases, cases_with, check, name_of
from ffnp.objectives import OBJECTIVES
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.objectives.collaboration import GAMMAS
from ffnp.objectives.own import Own
from ffnp.runs.own import import_own, naming

from .options import OrFile, backend_option, device_option, json_option
from .plain import Plain


@click.command(cls=Plain)
@click.option("--objective", type=OrFile(OBJECTIVES), help="Check this one alone.  [default: all]")
@click.option("--gamma", type=OrFile(GAMMAS), help="Check this one alone.  [default: all]")
@click.option("--activation", type=OrFile(ACTIVATIONS), help="Check this one.  [default: all]")
@backend_option
@device_option
@json_option
def gradcheck(
    objective: str | None,
    gamma: str | None,
    activation: str | None,
    backend: str,
    device: int,
    json: bool,
) -> None:
    """Check every gradient: objectives x gamma x activations x layers, and all baselines.

    In float64 against central differences, of each parameter and along a random direction; and in
    float32 against float64. Exit status 1 names what failed. FILE.py:NAME is one of your own.

    \b
    Example:
      ffnp gradcheck --backend numpy
      ffnp gradcheck --objective examples/own_objective.py:Hinge
    """
    chosen = make_backend(backend, device)
    names = {"objective": objective, "gamma": gamma, "activation": activation}
    asked = {name: value for name, value in names.items() if value is not None}
    own = Own(**{n: import_own(v, n) for n, v in asked.items() if is_reference(v)})
    subjects = cases_with(own) if own.given else cases()
    for name, value in asked.items():
        wanted = OWN if name in own.given else value
        subjects = [case for case in subjects if _has(case, name) == wanted]
    if not subjects:
        raise InputError("no case has all of these: leave out one")
    shown = {n: v.rpartition(":")[2] for n, v in asked.items() if n in own.given}
    with naming(objective or ""), naming(gamma or ""), naming(activation or ""):
        results = [
            _renamed(result, shown)
            for case in tqdm(subjects, desc="gradcheck", unit="case", leave=False, disable=None)
            for result in check(case, chosen, own)
        ]
    failed = [result for result in results if not result.passed]
    if json:
        worst = [_largest([r for r in results if r.check == name]) for name in CHECKS]
        found = {
            "backend": chosen.name,
            "passed": not failed,
            "largest_errors": dict(zip(CHECKS, map(_plain, worst), strict=True)),
            "results": [_plain(result) for result in results],
        }
        click.echo(dumps(found))
    else:
        click.echo(_table(results))
        passed = len(results) - len(failed)
        click.echo(f"{passed} of {len(results)} checks passed on backend {chosen.name}")
    if failed:
        most = _largest(failed)
        names = dict.fromkeys(f"{each.method} gamma {each.gamma}" for each in failed)
        raise FFNPError(
            f"{len(failed)} of {len(results)} checks failed on backend {chosen.name}, by most "
            f"{_place(most)} ({most.check}: {most.error:.1e}); in {', '.join(names)}"
        )


def _has(case: Config, name: str) -> str | None:
    """A case's objective, gamma or activation; None of a baseline's first two."""
    if name == "gamma":
        return None if case.is_baseline else name_of(case)[1]
    return None if case.is_baseline and name == "objective" else getattr(case, name)


def _renamed(result: Result, names: dict[str, str]) -> Result:
    """A result with one's own by the names in their files."""
    method, gamma, activation = result.method, result.gamma, result.activation
    return replace(
        result,
        method=names.get("objective", method) if method == OWN else method,
        gamma=names.get("gamma", gamma) if gamma == OWN else gamma,
        activation=names.get("activation", activation) if activation == OWN else activation,
    )


def _plain(result: Result) -> dict[str, Any]:
    """For JSON: an error that is not finite is null."""
    error = result.error if math.isfinite(result.error) else None
    return vars(result) | {"error": error, "passed": result.passed}


def _table(results: list[Result]) -> str:
    """The largest errors of each method and gamma, over activations and layers."""
    line = "{:19}  {:8}  {:>10}  {:>9}  {:>8}".format
    lines = ["largest relative error over activations and layers", line("method", "gamma", *CHECKS)]
    for (method, gamma), group in groupby(results, lambda each: (each.method, each.gamma)):
        rows = list(group)
        worst = [_largest([r for r in rows if r.check == name]) for name in CHECKS]
        failed = [row for row in rows if not row.passed]
        verdict = f"FAILED: {_place(_largest(failed))}" if failed else "ok"
        lines.append(f"{line(method, gamma, *(f'{r.error:.1e}' for r in worst))}  {verdict}")
    lines.append(line("tolerance", "", *(f"{tolerance:.0e}" for tolerance in CHECKS.values())))
    return "\n".join(lines)


def _largest(results: list[Result]) -> Result:
    """The result with the largest error; NaN is the largest of all."""
    return max(results, key=lambda each: (math.isnan(each.error), each.error))


def _place(result: Result) -> str:
    return f"{result.method}, gamma {result.gamma}, {result.activation}, layer {result.layer}"
