"""What all exercises do: call an answer, and find the first thing that is wrong with it."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Answer = Callable[..., Any]
TOLERANCE = 1e-6  # relative, of the largest number of the right answer
SEEDS = range(3)  # an answer that is right by chance is not so three times


class Fault(Exception):
    """What is wrong with an answer, in one line."""


class Exercise(ABC):
    """A question; calling it with an answer prints whether that is right, or what is wrong."""

    def __call__(self, answer: Answer) -> None:
        """Check an answer, a function, and print one line."""
        print(self.verdict(answer))

    def verdict(self, answer: Answer) -> str:
        """The line: `Right.`, or `Not yet:` and what is wrong."""
        try:
            if not callable(answer):
                raise Fault("give the function itself, not what it returns")
            self.judge(answer)
        except Fault as fault:
            return f"Not yet: {fault}"
        return "Right."

    @abstractmethod
    def judge(self, answer: Answer) -> None:
        """Raise `Fault` if the answer is wrong."""


@dataclass(frozen=True)
class Compared(Exercise):
    """An exercise whose right answer gives the same numbers, however it is written.

    Attributes
    ----------
    draw : callable
        Keyword arguments of the answer, by a random generator.
    right : callable
        The right answer.
    mistakes : dict
        Wrong answers that people give, by what is then said.
    """

    draw: Callable[[np.random.Generator], dict[str, Any]]
    right: Answer
    mistakes: Mapping[str, Answer] = field(default_factory=dict)

    def judge(self, answer: Answer) -> None:
        """See `Exercise`."""
        cases = [self.draw(np.random.default_rng(seed)) for seed in SEEDS]
        given = [called(answer, case) for case in cases]
        right = [self.right(**case) for case in cases]
        if all(map(_alike, given, right)):
            return
        for says, mistake in self.mistakes.items():
            with np.errstate(all="ignore"):
                wrong = [mistake(**case) for case in cases]
            if all(map(_alike, given, wrong)):
                raise Fault(says)
        for case, mine, wanted in zip(cases, given, right, strict=True):
            check_form(mine, wanted, case)
            check_values(mine, wanted)


def called(answer: Answer, case: dict[str, Any]) -> Any:
    """What an answer gives; `Fault` if it raises, gives nothing, or changes what it is given."""
    mine = copy.deepcopy(case)
    try:
        with np.errstate(all="ignore"):
            found = answer(**mine)
    except Exception as error:
        raise Fault(f"it raises {type(error).__name__}: {error}") from error
    if found is None or found is ...:
        raise Fault("it gives nothing: end it with `return` and the answer")
    for name, before in case.items():
        if isinstance(before, np.ndarray) and not np.array_equal(before, mine[name]):
            raise Fault(f"it changes `{name}`, which it is only given to read: work on a copy")
    return found


def check_form(mine: Any, wanted: Any, case: Mapping[str, Any]) -> None:
    """Raise `Fault` unless an answer has the right one's form: so many numbers, in this shape."""
    if isinstance(wanted, tuple):
        if not isinstance(mine, tuple | list) or len(mine) != len(wanted):
            raise Fault(f"it gives {_shape(mine)}: give {len(wanted)} things, `return a, b`")
        for part, one in zip(mine, wanted, strict=True):
            check_form(part, one, case)
        return
    try:
        numbers = np.asarray(mine, np.float64)
    except (TypeError, ValueError):
        raise Fault(f"it gives {_shape(mine)}, which is no array of numbers") from None
    if numbers.shape != np.shape(wanted):
        shapes = ", ".join(f"{n} {np.shape(a)}" for n, a in case.items() if np.ndim(a))
        raise Fault(f"it gives {_shape(mine)}, where {_shape(wanted)} is asked for, of {shapes}")
    if not np.isfinite(numbers).all():
        raise Fault("a number of it is NaN or infinite: is something divided by 0, or log 0?")


def check_values(mine: Any, wanted: Any) -> None:
    """Raise `Fault` with the first number that differs."""
    if isinstance(wanted, tuple):
        for part, one in zip(mine, wanted, strict=True):
            check_values(part, one)
        return
    if _alike(mine, wanted):
        return
    mine, wanted = np.asarray(mine, np.float64), np.asarray(wanted, np.float64)
    worst = np.unravel_index(np.abs(mine - wanted).argmax(), wanted.shape)
    where = f" at {list(map(int, worst))}" if worst else ""
    raise Fault(f"it gives {mine[worst]:.4g}{where}, where {wanted[worst]:.4g} is right")


def _alike(mine: Any, wanted: Any) -> bool:
    if isinstance(wanted, tuple):
        same = isinstance(mine, tuple | list) and len(mine) == len(wanted)
        return same and all(map(_alike, mine, wanted))
    try:
        mine, wanted = np.asarray(mine, np.float64), np.asarray(wanted, np.float64)
    except (TypeError, ValueError):
        return False
    if mine.shape != wanted.shape:
        return False
    scale = np.abs(wanted).max(initial=0, where=np.isfinite(wanted))
    return np.allclose(mine, wanted, rtol=0, atol=TOLERANCE * scale, equal_nan=True)


def _shape(given: Any) -> str:
    if isinstance(given, Sequence) and not isinstance(given, str):
        return f"{len(given)} things"
    if isinstance(given, np.ndarray) and given.ndim:
        return f"shape {given.shape}"
    return "one number" if np.isscalar(given) or np.ndim(given) == 0 else type(given).__name__
