"""Runs to make pages of, and a browser to open them."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from small_pages import MNIST, floats, trained


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Folders of runs, by name: together they have every activation, objective and gamma."""
    root = tmp_path_factory.mktemp("page")
    np.savez(root / "greys.npz", **floats(9, 7)._asdict())
    np.savez(root / "colours.npz", **floats(3, 6, 5)._asdict())
    (root / "mine.py").write_text(
        "from ffnp.objectives import SoftmaxOverLabels\nMine = SoftmaxOverLabels()\n"
    )
    small = replace(MNIST, limit_train=None, limit_test=None, batch_size=20)
    greys = replace(small, dataset=str(root / "greys.npz"))
    colours = replace(small, dataset=str(root / "colours.npz"))
    return {
        "others": trained(root / "others", MNIST, snapshot_every=1),
        "softmax": trained(
            root / "softmax", MNIST, method="ff", objective="softmax", joined="every",
            activation="gelu", scaling="raw", hidden=(9, 8, 7),
        ),
        "pairwise": trained(
            root / "pairwise", MNIST, gamma="previous", objective="pairwise", schedule="layer",
            activation="tanh", alpha=0.5,
        ),
        "entropy": trained(
            root / "entropy", greys, gamma="next", objective="entropy", activation="softplus"
        ),
        "literal": trained(
            root / "literal", greys, objective="sigmoid-literal", activation="leaky_relu",
            joined="every", hidden_length=3.0, label_scale=2.0, theta=5.0,
        ),
        "squashed": trained(
            root / "squashed", greys, gamma="previous", gamma_scale=0.5, activation="sigmoid"
        ),
        "colours": trained(root / "colours", colours, objective=f"{root / 'mine.py'}:Mine"),
    }  # fmt: skip


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        _missing("playwright is not installed: pip install '.[browser]'")
    if path is None:
        _missing("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        # of root, as containers run: the page is our own
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def _missing(reason):
    """Skip with a reason; fail where a browser is required."""
    if os.environ.get("FFNP_REQUIRE_BROWSER") == "1":
        pytest.fail(f"FFNP_REQUIRE_BROWSER=1, but {reason}")
    pytest.skip(reason)
