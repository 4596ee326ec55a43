"""Runs that an earlier version stored are used as they were (make_stored.py made them)."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import ffnp

FOLDER = Path(__file__).parent / "0.1"
EXPECTED = np.load(FOLDER / "expected.npz")
RUNS = sorted({name.partition(" ")[0] for name in EXPECTED.files})
ROWS = FOLDER / "rows.npz"


@pytest.fixture
def test_rows():
    return ffnp.load(ROWS).test


@pytest.fixture
def own_copy(tmp_path):
    """A folder of the stored runs that may be written to."""
    return shutil.copytree(FOLDER, tmp_path / "stored")


@pytest.mark.parametrize("name", RUNS)
def test_scores_of_an_earlier_version(name, test_rows):
    with pytest.warns(ffnp.errors.InputWarning, match="stored by ffnp 0.1, which kept nothing"):
        model = ffnp.load_model(FOLDER / name, backend="numpy")
    scores = np.concatenate(list(ffnp.scores(model, test_rows.images)), axis=1)
    np.testing.assert_allclose(scores, EXPECTED[f"{name} scores"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", RUNS)
def test_errors_of_an_earlier_version(name, ffnp):
    status, out, _ = ffnp("evaluate", FOLDER / name, "--dataset", ROWS, "--json")
    assert status == 0
    errors = json.loads(out)["test_error"]["layers"]
    np.testing.assert_allclose(errors, EXPECTED[f"{name} errors"])


@pytest.mark.filterwarnings("ignore::ffnp.errors.InputWarning")  # of its images and its data
def test_a_stopped_run_of_an_earlier_version_goes_on(own_copy, test_rows):
    result = ffnp.resume(own_copy / "stopped", backend="numpy", dataset=ffnp.load(ROWS))
    scores = np.concatenate(list(ffnp.scores(result.model, test_rows.images)), axis=1)
    np.testing.assert_allclose(scores, EXPECTED["others scores"], rtol=1e-4, atol=1e-5)


def test_records_of_an_earlier_version_are_drawn(own_copy, tmp_path, ffnp):
    drawing = tmp_path / "run.svg"
    status, _, err = ffnp("plot", own_copy / "pairwise", "--dataset", ROWS, "-o", drawing)
    assert status == 0, err
