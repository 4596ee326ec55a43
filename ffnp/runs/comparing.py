"""Runs grouped over their seeds: means, deviations, and differences with their intervals.

Intervals are Student's. Where two groups have the same seeds, which give them the same order of
images and the same wrong labels, they are of the differences of pairs; else Welch's (B. L. Welch,
Biometrika 34, 1947).
"""

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance
from typing import Any

import numpy as np

from ffnp.config import Config
from ffnp.errors import InputError, InputWarning, expect
from ffnp.runs.listing import Entry, described, differing

LEVEL = 0.95  # of intervals
LISTED = "give some of ffnp.runs.listing.list_runs(folder)"


@dataclass(frozen=True)
class Difference:
    """Of two groups' mean errors.

    Attributes
    ----------
    mean : float
        Ours minus the first's, in percentage points: negative is better.
    interval : (float, float) or None
        That holds the true one with `LEVEL`; None where a group has too few runs.
    paired : bool
        Whether it is of pairs of one seed each.
    """

    mean: float
    interval: tuple[float, float] | None
    paired: bool


@dataclass(frozen=True)
class Group:
    """Runs of one configuration, but for the seed.

    Attributes
    ----------
    title : str
        In what it differs from the other groups.
    runs : list of Entry
    difference : Difference or None
        From the first group; None of that.
    """

    title: str
    runs: list[Entry]
    difference: Difference | None

    @property
    def errors(self) -> list[float]:
        """Error of each run's vote, in %."""
        return _errors(self.runs)

    @property
    def mean(self) -> float:
        """Mean error."""
        return fmean(self.errors)

    @property
    def deviation(self) -> float | None:
        """Standard deviation (n - 1) of the errors; None of one run."""
        return stdev(self.errors) if len(self.runs) > 1 else None

    @property
    def seconds(self) -> float | None:
        """Mean time of training."""
        known = [each.seconds for each in self.runs if each.seconds is not None]
        return fmean(known) if known else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        errors = [each.test_error or {} for each in self.runs]
        difference = self.difference and {
            "mean": self.difference.mean,
            "interval": self.difference.interval,
            "paired": self.difference.paired,
        }
        return {
            "title": self.title,
            "runs": [str(each.run.folder) for each in self.runs],
            "seeds": [each.config.seed for each in self.runs],
            "evaluated": self.runs[0].config.evaluated,
            "errors": self.errors,
            "mean": self.mean,
            "deviation": self.deviation,
            "difference": difference,
            "layers": np.mean([each["layers"] for each in errors], axis=0).tolist(),
            "groups": np.mean([each["groups"] for each in errors], axis=0).tolist(),
            "train_seconds": self.seconds,
            "config": self.runs[0].config.to_dict(),
        }


def compare(runs: Sequence[Entry]) -> list[Group]:
    """Group runs that differ by their seeds alone, in the order given.

    Raises
    ------
    InputError
        There is no run, or one has no errors.

    Warns
    -----
    InputWarning
        A group has two runs of one seed: they count as two, and are not independent.
    """
    expect("the runs", runs, Iterable, LISTED)
    runs = list(runs)
    for each in runs:
        expect("a run", each, Entry, LISTED)
    if not runs:
        raise InputError("there is no run to compare: give the folders of some")
    if missing := next((each for each in runs if each.test_error is None), None):
        raise InputError(f"{missing.name} has no errors to compare")
    alike: dict[Any, list[Entry]] = {}
    for each in runs:
        alike.setdefault(_without_seed(each.config), []).append(each)
    grouped = list(alike.values())
    names = differing([group[0].config for group in grouped], ["seed"])
    first = grouped[0]
    found = []
    for group in grouped:
        title = described(group[0].config, names) or group[0].config.method
        found.append(Group(title, group, None if group is first else difference(group, first)))
        seeds = [each.config.seed for each in group]
        if twice := [seed for seed in seeds if seeds.count(seed) > 1]:
            text = f"{title} has several runs of seed {twice[0]}: they are not independent"
            warnings.warn(text, InputWarning, stacklevel=2)
    return found


def _without_seed(config: Config) -> Any:
    choices = config.choices()
    return tuple((name, value) for name, value in choices.items() if name != "seed")


def _errors(runs: Sequence[Entry]) -> list[float]:
    return [each.test_error["all"] for each in runs if each.test_error]


def difference(mine: Sequence[Entry], first: Sequence[Entry]) -> Difference:
    """The difference of two groups' mean errors."""
    ours = {each.config.seed: error for each, error in zip(mine, _errors(mine), strict=True)}
    theirs = {each.config.seed: error for each, error in zip(first, _errors(first), strict=True)}
    if ours.keys() == theirs.keys() and len(ours) == len(mine) == len(first):
        pairs = [ours[seed] - theirs[seed] for seed in ours]
        return Difference(fmean(pairs), interval(pairs), True)
    return Difference(
        fmean(_errors(mine)) - fmean(_errors(first)), welch(_errors(mine), _errors(first)), False
    )


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's interval of a mean; None of one value."""
    if len(values) < 2:
        return None
    return _around(fmean(values), variance(values) / len(values), len(values) - 1)


def welch(a: Sequence[float], b: Sequence[float]) -> tuple[float, float] | None:
    """Welch's interval of the mean of `a` minus that of `b`; None if one has one value."""
    if min(len(a), len(b)) < 2:
        return None
    squares = [variance(each) / len(each) for each in (a, b)]
    total = sum(squares)
    parts = sum(s * s / (len(each) - 1) for s, each in zip(squares, (a, b), strict=True))
    return _around(fmean(a) - fmean(b), total, total * total / parts if parts else 1)


def _around(mean: float, square: float, freedom: float) -> tuple[float, float]:
    half = student(freedom) * math.sqrt(square)
    return mean - half, mean + half


def student(freedom: float) -> float:
    """The t beyond which Student's distribution, of so many degrees of freedom, has 1 - LEVEL.

    With t = sqrt(freedom) tan(u) its density is cos(u) ** (freedom - 1), but for a factor.
    """
    freedom = min(freedom, 1000.0)  # beyond, it is the normal one to a part in 500
    nodes, weights = np.polynomial.legendre.leggauss(100)

    def area(u: float) -> float:
        return float(u / 2 * (weights * np.cos(u / 2 * (nodes + 1)) ** (freedom - 1)).sum())

    low, high, whole = 0.0, math.pi / 2, area(math.pi / 2)
    while high - low > 1e-13:
        middle = (low + high) / 2
        low, high = (middle, high) if area(middle) < LEVEL * whole else (low, middle)
    return math.sqrt(freedom) * math.tan(low)
