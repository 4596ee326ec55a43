"""The search of docs/search.md runs, with three trials."""

import os
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs/search.md"


def test_the_search_finds_something(capsys):
    try:
        import optuna
    except ImportError:
        if os.environ.get("FFNP_REQUIRE_EXTRAS") == "1":
            raise
        pytest.skip("no Optuna: pip install 'ffnp[search]'")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    (text,) = re.findall(
        r"```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert "n_trials=20" in text and "limit_train=6000, validation=1000, epochs=5" in text
    small = text.replace("n_trials=20", "n_trials=3").replace("(200, 200)", "(20, 20)")
    small = small.replace("limit_train=6000, validation=1000", "limit_train=600, validation=100")
    names = {}
    exec(small.replace("epochs=5", "epochs=2, limit_test=100"), names)
    assert len(names["study"].trials) == 3
    assert capsys.readouterr().out.startswith(str(names["study"].best_value))
