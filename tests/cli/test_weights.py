"""`ffnp weights`: pictures of the first layer's units, of images alone."""

import numpy as np
import pytest
from data_files import small_arrays

from ffnp import Config, from_arrays, train
from ffnp.errors import InputError
from ffnp.plotting import draw_units, drawing, units_figure

SMALL = Config(hidden=(7, 6), epochs=1, batch_size=20, backend="numpy")


def run_on(folder, *shape):
    arrays = small_arrays(*shape, train=50, test=20, classes=4)
    return train(SMALL, folder, dataset=from_arrays(*arrays)).run.folder


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5), (4, 5, 3), (1, 4, 5)], ids=str)
def test_a_picture_is_a_units_weights(shape):
    weights = np.random.default_rng(0).normal(size=(int(np.prod(shape)), 6))
    longest = np.argsort(-np.linalg.norm(weights, axis=0))[:4]
    with drawing():
        _, axes = units_figure(4)
        draw_units(axes, weights, shape)
    for axis, unit in zip(axes, sorted(longest), strict=True):
        assert axis.get_title() == str(unit + 1)
        shown = np.asarray(axis.images[0].get_array())
        found = weights[:, unit].reshape(shape)
        if shape == (3, 4, 5):
            found = np.moveaxis(found, 0, -1)
        found = found.squeeze()
        wanted = found if found.ndim == 2 else 0.5 + 0.5 * found / np.abs(found).max()
        np.testing.assert_allclose(shown, wanted, atol=1e-12)


@pytest.mark.parametrize("shape", [(20,), (2, 4, 5), (2, 2, 2, 3)], ids=str)
def test_what_is_no_picture_is_refused(shape):
    with drawing(), pytest.raises(InputError, match="only pictures' units can be drawn"):
        draw_units(units_figure(2)[1], np.ones((int(np.prod(shape)), 6)), shape)


def test_the_command_draws_a_run(ffnp, tmp_path):
    run = run_on(tmp_path / "run", 4, 5)
    status, out, err = ffnp("weights", run, "-o", tmp_path / "w.svg", "--units", 3)
    assert (status, out, err) == (0, f"{tmp_path / 'w.svg'}\n", "")
    assert (tmp_path / "w.svg").read_text().count("<image") == 3
    status, _, err = ffnp("weights", run, "-o", tmp_path / "w.txt")
    assert (status, err.count("\n")) == (2, 1)


def test_the_command_says_where_there_are_no_pictures(ffnp, tmp_path):
    run = run_on(tmp_path / "run", 20)
    status, out, err = ffnp("weights", run, "-o", tmp_path / "w.svg")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "of shape 20: only pictures' units" in err
    assert not (tmp_path / "w.svg").exists()
