"""Other views of the training images: what each is, and how often it comes."""

from dataclasses import replace

import numpy as np
import pytest
from small_training import make_trainer, small_dataset

from ffnp import Config, train
from ffnp.errors import InputError
from ffnp.training.views import Views

SHAPE = (3, 5, 4)
IMAGE = np.arange(np.prod(SHAPE)).reshape(SHAPE)
CONFIG = Config(hidden=(6, 5), epochs=2, batch_size=20, backend="numpy")


def looked_at(views, way):
    return IMAGE.ravel()[views.table[way]].reshape(SHAPE)


def test_there_is_one_view_without_moves_and_its_mirror_image():
    views = Views(SHAPE, 0, 0.5)
    assert len(views.table) == 2
    np.testing.assert_array_equal(looked_at(views, 0), IMAGE)
    np.testing.assert_array_equal(looked_at(views, 1), IMAGE[:, :, ::-1])


def test_an_image_is_moved_each_way_and_its_border_is_drawn_out():
    views = Views(SHAPE, 2, 0.0)
    padded = np.pad(IMAGE, [(0, 0), (2, 2), (2, 2)], mode="edge")
    expected = [
        padded[:, 2 - down :, 2 - right :][:, :5, :4] for down in range(-2, 3)
        for right in range(-2, 3)
    ]  # fmt: skip
    for way, image in enumerate(expected):
        np.testing.assert_array_equal(looked_at(views, 2 * way), image)
        np.testing.assert_array_equal(looked_at(views, 2 * way + 1), image[:, :, ::-1])
    assert len(views.table) == 2 * len(expected)


@pytest.mark.parametrize("flip", [0.0, 0.25, 1.0])
def test_moves_are_as_likely_and_a_share_is_mirrored(flip):
    views, images = Views((4, 4), 1, flip), np.arange(90_000)
    index = views.index(images, 0, 0)
    np.testing.assert_array_equal(index // 18, images)
    move, mirrored = np.divmod(index % 18, 2)
    assert np.abs(np.bincount(move, minlength=9) / 10_000 - 1).max() < 0.05
    assert abs(mirrored.mean() - flip) < 0.01


def test_every_epoch_has_views_of_its_own():
    views, images = Views((4, 4), 1, 0.5), np.arange(100)
    first = views.index(images, 0, 0)
    np.testing.assert_array_equal(first, views.index(images, 0, 0))
    assert (first != views.index(images, 0, 1)).any() and (first != views.index(images, 1, 0)).any()


def test_a_training_takes_the_views_and_an_evaluation_the_images():
    dataset = small_dataset()
    mirrored = train(replace(CONFIG, flip=1.0), dataset=dataset)
    images = dataset.train.images.reshape(-1, *dataset.shape)[..., ::-1]
    flat = np.ascontiguousarray(images).reshape(len(images), -1)
    other = replace(dataset, train=replace(dataset.train, images=flat))
    plain = train(CONFIG, dataset=other)
    for name, tensor in mirrored.model.weights().items():
        np.testing.assert_array_equal(tensor, plain.model.weights()[name])
    assert mirrored.test.to_dict() == plain.test.to_dict()


@pytest.mark.parametrize("shape", [(12,), (4, 3, 2), (2, 3, 4, 5)])
def test_images_without_height_and_width_are_refused(shape):
    with pytest.raises(InputError, match=r"shift and flip take images of shape \(height, width\)"):
        Views(shape, 1, 0.0)


def test_images_are_not_moved_out_of_sight():
    with pytest.raises(InputError, match="images of 5 x 4 pixels out of sight: choose a smaller"):
        Views(SHAPE, 4, 0.0)


def test_frozen_layers_have_no_views():
    with pytest.raises(InputError, match="shift and flip belong to schedule network"):
        replace(CONFIG, schedule="layer", method="ff", flip=0.5)


def test_a_trainer_says_what_its_images_lack():
    splits = {
        name: replace(getattr(small_dataset(), name), shape=(16,)) for name in ("train", "test")
    }
    flat = replace(small_dataset(), **splits)
    with pytest.raises(InputError, match="give images in that shape"):
        make_trainer(replace(CONFIG, shift=1), flat)
