"""What is published: one version, extras with their names of before, every package and file."""

import re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
EXTRAS = {name: text.split() for name, text in SETUP["options.extras_require"].items()}
OF_DEVELOPERS = {"browser", "cuda-check", "docs", "test"}
OLD_NAMES = {"cuda12": "gpu"}
NEEDS_A_GPU = {"gpu"}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_changes_of_this_version_are_told():
    heading = r"^## \[(\d[\w.]*)\] - \d{4}-\d\d-\d\d$"
    assert re.findall(heading, read("CHANGES.md"), re.MULTILINE)[0] == SETUP["metadata"]["version"]


def test_no_change_is_told_twice():
    changes = re.split(r"\n(?=- |\n)", read("CHANGES.md"))
    told = [each for each in changes if each.startswith("- ")]
    assert sorted(told) == sorted(set(told))


def test_the_citation_is_of_this_version():
    assert f"\nversion: {SETUP['metadata']['version']}\n" in read("CITATION.cff")


def test_extras_keep_their_names_of_before():
    assert {old: EXTRAS[old] for old in OLD_NAMES} == {
        old: [f"ffnp[{new}]"] for old, new in OLD_NAMES.items()
    }


def test_all_is_every_extra_of_a_user():
    users = set(EXTRAS) - OF_DEVELOPERS - set(OLD_NAMES) - NEEDS_A_GPU - {"all"}
    assert EXTRAS["all"] == [f"ffnp[{name}]" for name in sorted(users)]


def test_every_package_is_listed():
    listed = set(SETUP["options"]["packages"].split())
    there = {
        ".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("ffnp/**/__init__.py")
    }
    assert {name for name in listed if name.partition(".")[0] == "ffnp"} == there


def test_every_file_of_a_package_is_listed():
    listed = {
        path
        for package, patterns in SETUP["options.package_data"].items()
        for pattern in patterns.split()
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    there = {path for path in ROOT.glob("ffnp/**/*.*") if "__pycache__" not in path.parts}
    assert {path for path in there if path.suffix != ".py"} <= listed
