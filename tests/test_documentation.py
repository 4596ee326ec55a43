"""The code in the documentation runs as it stands, and gives what it says."""

import pkgutil
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def code(page):
    """All Python blocks of a page, joined: each goes on where the one before ended."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))


def test_python_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(code("docs/python.md"), found)
    assert found["result"].test.all < 5  # the bright rows
    assert len(found["results"]) == 4 * 6 * 3 * 3  # gammas, activations, layers, checks
    assert all(each.passed for each in found["results"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"2 \[[\d., ]+\] [\d.]+", last)  # of the watcher


def test_readme_runs(capsys):
    text = code("README.md")
    assert "epochs=5," in text
    exec(text.replace("epochs=5,", "epochs=1, limit_train=500, limit_test=50,"), {})
    assert capsys.readouterr().out.count("\n") == 2


def quoted(page):
    """The blocks of a page that follow "`FILE`, `NAME`:", with their files."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^`([\w/]+\.py)`, `[\w.]+`:\n\n```python\n(.*?)^```$", text, re.S | re.M)


def without_indent(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_one_step_quotes_the_source():
    blocks = quoted("docs/one-step.md")
    assert len(blocks) == (ROOT / "docs/one-step.md").read_text(encoding="utf-8").count("```python")
    for path, block in blocks:
        source = "\n".join(without_indent((ROOT / path).read_text(encoding="utf-8")))
        assert "\n".join(without_indent(block)) in source, f"{path}:\n{block}"
    assert sum(block.count("\n") for _, block in blocks) < 300


ROOMS = "ffnp|cli|tests|benchmarks|examples|docs"
PAGES = sorted(
    str(page.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "examples/*.md")
    for page in ROOT.glob(pattern)
)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(
        re.findall(
            r"\b((?:ffnp|cli|tests|benchmarks|examples|docs)/[\w./-]+\.(?:py|md|cu|svg))", text
        )
    )
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_a_page_names_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    missing = []
    for name in sorted(set(re.findall(r"\bffnp(?:\.\w+)+", text))):
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            missing.append(name)
    assert missing == []
