"""Input scaling: statistics of a training set."""

import numpy as np
import pytest
from data_files import small_arrays

from ffnp import Config, from_arrays, scaling
from ffnp.backends import Backend
from ffnp.errors import InputError
from ffnp.model import DataDescription, Model
from ffnp.scaling import fit_scaling
from ffnp.scoring.sweep import sweep


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (50, 7), dtype=np.uint8)


def test_statistics_are_those_of_all_pixels_whatever_the_blocks(images, monkeypatch):
    monkeypatch.setattr(scaling, "BLOCK", 8)  # and a last one of 2
    found = fit_scaling("standard", images, 3.0)
    assert found.mean == pytest.approx(images.mean(), rel=1e-12)
    assert found.deviation == pytest.approx(images.std(), rel=1e-12)
    assert found.length == 3.0


@pytest.mark.parametrize("dtype, divisor", [(np.uint8, 255.0), (np.float32, 1.0)])
def test_raw_pixels_are_divided_by_their_range_alone(images, dtype, divisor):
    found = fit_scaling("raw", images.astype(dtype), 3.0)
    assert (found.mean, found.deviation, found.length) == (0.0, divisor, None)


@pytest.mark.parametrize(
    "factor, message", [(0.0, "nothing to learn"), (1e20, "multiply"), (1e-20, "multiply")]
)
def test_pixels_that_float32_cannot_scale_are_refused(images, factor, message):
    with pytest.raises(InputError, match=message):
        fit_scaling("standard", images.astype(np.float32) * np.float32(factor), 3.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused(images, value):
    images = images.astype(np.float32)
    images[40, 3] = value
    with pytest.raises(InputError, match="a: .* NaN or infinite"):
        fit_scaling("standard", images, 3.0, "a")


@pytest.mark.parametrize("length", [3.0, 25.0])
def test_a_model_sees_images_of_the_length_that_is_configured(length):
    dataset = from_arrays(*small_arrays(20, 20))  # 400 pixels: |x| is far above 1
    config = Config(input_length=length, hidden=(3,))
    model = Model.create(config, DataDescription.of(dataset, config), Backend())
    (batch,) = sweep(model, dataset.test.images)
    np.testing.assert_allclose(np.linalg.norm(batch.x, axis=1), length, rtol=0.01)
