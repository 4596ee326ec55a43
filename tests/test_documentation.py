"""The code in the documentation runs as it stands, and gives what it says."""

import inspect
import pkgutil
import re
import textwrap
from pathlib import Path

import numpy as np

from ffnp.objectives.collaboration import LayerObjective, gamma_of_layers
from ffnp.objectives.sigmoid import SigmoidGoodness
from ffnp.scoring.analysis import functional_entropy

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


def test_estimator_page_runs(capsys):
    exec(code("docs/estimator.md"), {})
    score, epochs, *_ = capsys.readouterr().out.split()
    assert float(score) > 0.9 and epochs == "10"


def test_one_step_quotes_the_source():
    text = (ROOT / "docs/one-step.md").read_text(encoding="utf-8")
    block = r"^`([\w/]+\.py)`, `([\w.]+)`:\n\n```python\n(.*?)^```$"  # file, name, text
    blocks = re.findall(block, text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == text.count("```python")
    for path, name, block in blocks:
        function = pkgutil.resolve_name(f"{path.removesuffix('.py').replace('/', '.')}:{name}")
        source = inspect.getsource(function)
        assert source in (ROOT / path).read_text(encoding="utf-8")
        indented = [textwrap.indent(block, " " * depth) for depth in (4, 8, 12)]
        assert any(f"\n{each}" in source for each in indented), f"{path}, {name}:\n{block}"
    assert sum(block.count("\n") for *_, block in blocks) < 300


def test_one_step_calculates():
    """The small example: one image, its true label and a wrong one, three layers, theta 7."""
    goodness = np.array([[[4.0, 3.0]], [[2.0, 1.0]], [[3.0, 1.0]]])
    gamma = gamma_of_layers("others", goodness)
    coefficients = LayerObjective(SigmoidGoodness(7.0), "others").of_layers(goodness)[1]
    text = (ROOT / "docs/one-step.md").read_text(encoding="utf-8")
    for i in range(3):
        (g, wrong_g), (other, wrong_other) = goodness[i, 0], gamma[i, 0]
        logits = f"{g + other - 7:g}, {wrong_g + wrong_other - 7:g}"
        c = ", ".join(f"{each:.2f}" for each in coefficients[i, 0])
        row = f"| {i + 1} | {g:g}, {wrong_g:g} | {other:g}, {wrong_other:g} | {logits} | {c} |"
        assert row in text


def test_concepts_calculate():
    """The page's example: the table of coefficients, the vote, and functional entropies."""
    text = (ROOT / "docs/concepts.md").read_text(encoding="utf-8")
    votes = re.findall(
        r"^ (?:layer \d|sum) +\[?(\d+)\]? +\[?(\d+)\]? +(\d+) +(\d+)", text, re.MULTILINE
    )
    *layers, total = np.array(votes, float)
    np.testing.assert_array_equal(np.sum(layers, axis=0), total)
    goodness = np.array(layers)[:, None, [1, 3]]  # of "4", true, and of "9"
    plain, heard = (
        LayerObjective(SigmoidGoodness(7.0), kind).of_layers(goodness)[1][:, 0]
        for kind in ("none", "others")
    )
    gamma = gamma_of_layers("others", goodness)[:, 0]
    for i, (g, other, c, alone) in enumerate(zip(goodness[:, 0], gamma, heard, plain, strict=True)):
        cells = [f"{i + 1}", g, other, g + other - 7, c, g - 7, alone]
        row = [each if isinstance(each, str) else _pair(each) for each in cells]
        assert f"| {' | '.join(row)} |" in text
    for numbers, shown in re.findall(r"((?:\d  )+\d)   Ent = ([\d.]+)", text):
        ent = functional_entropy(np.array(numbers.split(), float))
        assert f"{ent:.2f}" == f"{float(shown):.2f}"


def _pair(numbers):
    digits = ".2f" if np.any(np.asarray(numbers) % 1) else "g"
    return ", ".join(f"{each:{digits}}" for each in numbers)


def test_every_page_leads_to_the_concepts():
    pages = [p for p in PAGES if p.parent != ROOT and p.name != "concepts.md"]
    missing = [p for p in pages if "concepts.md)" not in p.read_text(encoding="utf-8")]
    assert len(pages) > 20 and missing == []


PLACES = ("ffnp", "cli", "tests", "benchmarks", "examples", "docs")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
SOURCES = sorted(path for place in PLACES for path in (ROOT / place).rglob("*.py"))


def names(pattern, paths):
    """What a pattern finds in files, each with the file."""
    for path in paths:
        for name in sorted(set(re.findall(pattern, path.read_text(encoding="utf-8")))):
            yield path, name


def test_every_path_that_is_named_is_there():
    path = rf"(?<![\w/.-])((?:{'|'.join(PLACES)})/[\w./-]*\w)"
    missing = [pair for pair in names(path, PAGES + SOURCES) if not (ROOT / pair[1]).exists()]
    assert missing == []


def test_every_page_that_is_linked_is_there():
    links = names(r"\]\((?!https?:|#)([^)#\s]+)", PAGES)
    assert [(page, link) for page, link in links if not (page.parent / link).exists()] == []


def test_every_module_that_is_named_is_there():
    missing = []
    for page, name in names(r"(?<![\w./])ffnp(?:\.[a-zA-Z]\w*)+", PAGES):
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            missing.append((page, name))
    assert missing == []
