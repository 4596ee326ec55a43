"""The names and arguments that docs/stability.md promises are there."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ffnp

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "stability.md").read_text(encoding="utf-8")
PYTHON = (DOCS / "python.md").read_text(encoding="utf-8")
PROMISED = dict(re.findall(r"^\| `ffnp\.(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
FUNCTIONS = sorted(set(PROMISED) - {"Config"})
OF_MODULES = set(re.findall(r"`(ffnp\.(?:\w+\.)+\w+)`", PAGE)) - {"ffnp.errors.GoneError"}


def test_the_promised_names_are_all():
    assert sorted(PROMISED) == ffnp.__all__


def test_what_ffnp_hands_on_is_promised():
    source = Path(inspect.getfile(ffnp)).read_text(encoding="utf-8")
    handed_on = re.findall(r"^    from ffnp\.(\S+) import (\w+) as \2$", source, re.MULTILINE)
    assert {name: home for home, name in handed_on} == ffnp.HOMES
    assert set(ffnp.__all__) <= set(dir(ffnp))


def test_modules_are_there_when_they_are_asked_for_and_no_other_name():
    code = "import ffnp; print(ffnp.data.Split, hasattr(ffnp, 'dada'), hasattr(ffnp, '_data'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "<class 'ffnp.data.dataset.Split'> False False\n"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_promised_arguments_keep_their_order(name):
    promised = re.findall(r"`(\w+)`", PROMISED[name])
    parameters = inspect.signature(getattr(ffnp, name)).parameters
    assert [each for each in parameters if each in promised] == promised


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_beside_the_promised_have_defaults(name):
    parameters = inspect.signature(getattr(ffnp, name)).parameters.values()
    given = [each for each in parameters if each.kind is not each.VAR_KEYWORD]
    needed = {each.name for each in given if each.default is each.empty}
    assert needed <= set(re.findall(r"`(\w+)`", PROMISED[name]))


def test_names_of_modules_that_are_promised_are_those_of_the_page_on_python():
    text = re.sub(r"from (ffnp[\w.]*) import (\w+)", r"\1.\2", PYTHON)
    text = re.sub(r"(?<![\w./])gradcheck\.", "ffnp.gradcheck.", text)
    used = set(re.findall(r"\bffnp\.(?:\w+\.)+\w+", text))
    assert used == OF_MODULES


@pytest.mark.parametrize("name", sorted(OF_MODULES))
def test_names_of_modules_that_are_promised_are_there(name):
    module, _, name = name.rpartition(".")
    assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_arguments_that_a_page_uses_are_promised(page):
    calls = re.findall(r"\bffnp\.(\w+)\(([^()]*)", page.read_text(encoding="utf-8"))
    used = {(f, name) for f, given in calls for name in re.findall(r"(\w+)=", given)}
    promised = {(f, name) for f in FUNCTIONS for name in re.findall(r"`(\w+)`", PROMISED[f])}
    assert {each for each in used if each[0] in FUNCTIONS} <= promised
