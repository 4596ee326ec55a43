"""The code in the documentation runs as it stands, and gives what it says."""

import re
from pathlib import Path

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
