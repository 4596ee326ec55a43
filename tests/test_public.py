"""The names and arguments that docs/stability.md promises are there."""

import inspect
import re
from pathlib import Path

import pytest

import ffnp

PAGE = (Path(__file__).parents[1] / "docs/stability.md").read_text(encoding="utf-8")
PROMISED = dict(re.findall(r"^\| `ffnp\.(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
FUNCTIONS = sorted(set(PROMISED) - {"Config"})


def test_the_promised_names_are_all():
    assert sorted(PROMISED) == ffnp.__all__


def test_what_ffnp_hands_on_is_promised():
    source = Path(inspect.getfile(ffnp)).read_text(encoding="utf-8")
    handed_on = re.findall(r"^from ffnp\S* import (\w+) as \1$", source, re.MULTILINE)
    assert sorted(handed_on) == ffnp.__all__


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
