"""Images to predict: what a file gives the model."""

import numpy as np
import pytest

from ffnp.data.inputs import read_images
from ffnp.errors import InputError


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(tmp_path, suffix, value):
    images = np.ones((3, 4, 5), np.float32)
    images[2, 1, 0] = value
    path = tmp_path / f"x{suffix}"
    (np.save if suffix == ".npy" else np.savez)(path, images)
    with pytest.raises(InputError, match="has a NaN, infinite or too large pixel"):
        read_images(path, (4, 5))


def test_a_colour_picture_is_read_channel_by_channel_as_cifar_is_stored(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 30), dtype=np.uint8)
    image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(tmp_path / "x.png")
    np.testing.assert_array_equal(
        read_images(tmp_path / "x.png", (3, 32, 30)), pixels.reshape(1, -1)
    )


def test_of_several_arrays_one_is_called_x_test(tmp_path):
    images = np.ones((2, 3, 4, 5), np.float32) * [[[[1]]], [[[2]]]]
    np.savez(tmp_path / "x.npz", a=images[0], x_test=images[1])
    np.testing.assert_array_equal(read_images(tmp_path / "x.npz", (4, 5)), np.full((3, 20), 2))
    np.savez(tmp_path / "x.npz", a=images[0], b=images[1])
    with pytest.raises(InputError, match="x.npz holds 2 arrays: keep one, or call it x_test"):
        read_images(tmp_path / "x.npz", (4, 5))
