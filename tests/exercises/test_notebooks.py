"""The exercises of the notebooks: their solutions pass; the site's build runs the whole."""

import re
from pathlib import Path

import numpy as np
import pytest

from ffnp import exercises
from ffnp.exercises.checking import Exercise

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs/notebooks").glob("*.py"))
NAMES = {name for name, each in vars(exercises).items() if isinstance(each, Exercise)}


def checking_cells(path):
    """Cells that check an answer: those to fill in, and the solutions."""
    cells = re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = [cell for cell in cells if re.search(r"^exercises\.", cell, re.MULTILINE)]
    codes = [(cell.startswith(' tags=["solution"]'), cell.partition("\n")[2]) for cell in found]
    return [code for solved, code in codes if not solved], [c for solved, c in codes if solved]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_solutions_pass_and_what_is_left_open_does_not(path, capsys):
    asked, solved = checking_cells(path)
    names = {"np": np, "exercises": exercises}
    for code in asked:
        exec(code, names)
    left = capsys.readouterr().out.splitlines()
    for code in solved:
        exec(code, names)
    assert 3 <= len(asked) == len(solved) <= 5
    assert left == ["Not yet: it gives nothing: end it with `return` and the answer"] * len(asked)
    assert capsys.readouterr().out == "Right.\n" * len(asked)


def test_every_exercise_is_asked_once():
    asked = [
        name
        for path in NOTEBOOKS
        for code in checking_cells(path)[0]
        for name in re.findall(r"^exercises\.(\w+)\(", code, re.MULTILINE)
    ]
    assert len(NOTEBOOKS) == 5
    assert sorted(asked) == sorted(NAMES)
