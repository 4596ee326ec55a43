"""What frozen layers give, kept and not computed again (SPEC section 6, item 4)."""

from dataclasses import replace

import numpy as np
import pytest

from ffnp.backends import Backend
from ffnp.backends.selection import make_backend
from ffnp.config import Config
from ffnp.data import load
from ffnp.model import DataDescription, Model
from ffnp.scaling import Scaling
from ffnp.scoring import sweep
from ffnp.training import sources
from ffnp.training.sources import Frozen, Pixels, Shared, make_source
from ffnp.training.trainer import Trainer

CONFIG = Config(
    hidden=(12, 11, 10), schedule="layer", gamma="previous", epochs=6, batch_size=50,
    limit_train=120, dtype="float64",
)  # fmt: skip
SCALING = Scaling(33.3, 78.6, 10.0)


@pytest.fixture(autouse=True)
def keep_few_images_block_by_block_too(monkeypatch):
    monkeypatch.setattr(sources, "BLOCK", 50)
    monkeypatch.setattr(sweep, "BLOCK", 50)


@pytest.fixture(scope="module")
def rows():
    return load("mnist").limited(120, 10)


def model_of(config, rows, backend="reference"):
    return Model.create(config, DataDescription.of(rows, config), make_backend(backend))


def trained(config, rows, backend, watch=lambda trainer: None):
    model = model_of(config, rows, backend)
    trainer = Trainer(model, rows.train)
    for _ in trainer.run():
        watch(trainer)
    return model.weights(), trainer


@pytest.mark.parametrize("backend", ["reference", "numpy", "numba"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": "ff"},
        {"labels": 3},
        {"objective": "softmax"},
        {"activation": "gelu"},
        {"hidden": (12, 12, 12, 10)},
        {"epochs": 5, "labels": 2},  # only x W_x is kept
    ],
)
def test_weights_are_those_of_computing_again(rows, backend, options):
    config = replace(CONFIG, **options)
    kept, _ = trained(config, rows, backend)
    again, _ = trained(replace(config, cache_mb=0), rows, backend)
    for name, tensor in again.items():
        np.testing.assert_allclose(kept[name], tensor, rtol=0, atol=1e-9, err_msg=name)


def test_losses_hear_of_the_frozen_layers(rows):
    """Gamma `previous` needs the goodness of every frozen layer."""
    found = []
    for cache in (CONFIG.cache_mb, 0):
        numbers = []

        def watch(trainer, numbers=numbers):
            losses, error = trainer.losses()
            numbers.extend([*losses, error])

        trained(replace(CONFIG, cache_mb=cache), rows, "numpy", watch)
        found.append(numbers)
    np.testing.assert_allclose(*found, rtol=1e-9)


@pytest.mark.parametrize(
    ("hidden", "again"),
    [
        ((12, 11, 11, 10), (2, 1, 1)),  # the third layer in the second's tables
        ((12, 11, 9, 10), (3, 2, 1)),  # tables of other rows are made anew, from the images
    ],
)
def test_frozen_layers_are_computed_once(rows, monkeypatch, hidden, again):
    products = []
    taken = Backend.multiply

    def multiply(self, made):
        products.extend(b.shape for _, b, _ in made)
        taken(self, made)

    monkeypatch.setattr(Backend, "multiply", multiply)
    trained(replace(CONFIG, hidden=hidden), rows, "reference")
    batches = CONFIG.epochs * 3
    blocks = 3  # of 120 images
    for shape, times in zip([(784, 12), hidden[:2], hidden[1:3]], again, strict=True):
        assert products.count(shape) == batches + times * blocks


@pytest.mark.parametrize(
    ("options", "kinds"),  # with 0 to 2 frozen layers
    [
        ({}, (Pixels, Shared, Frozen)),
        ({"cache_mb": 0}, (Pixels, Pixels, Pixels)),
        ({"cache_mb": 1, "hidden": (1000, 1000, 10)}, (Pixels, Shared, Shared)),
        ({"epochs": 5}, (Pixels, Shared, Shared)),  # 5 epochs of 2 rows, or 10 labels once
        ({"epochs": 5, "labels": 3}, (Pixels, Shared, Frozen)),
    ],
)
def test_kept_where_it_fits_and_saves_work(rows, options, kinds):
    config = replace(CONFIG, **options)
    method, images = model_of(config, rows).method, rows.train.images
    for frozen, kind in enumerate(kinds):
        source = make_source(method, images, SCALING, frozen, config.epochs, 1e6 * config.cache_mb)
        assert type(source) is kind


@pytest.mark.parametrize("advanced", [False, True])
def test_size_is_that_of_the_tables(rows, advanced):
    config = replace(CONFIG, hidden=(12, 11, 11, 10))
    method, images = model_of(config, rows).method, rows.train.images
    source = Frozen(method, images, SCALING, 2 if advanced else 3)
    assert not advanced or source.advance(3)
    tables = [source._values, source._scale, *source._goodness]
    assert Frozen.size(method, 120, 3) == sum(table.nbytes for table in tables)
    assert Shared.size(method, 120) == Shared(method, images, SCALING)._table.nbytes


@pytest.mark.parametrize("hidden", [(12, 11, 11, 10), (12, 11, 9, 10)])
@pytest.mark.parametrize("batches", [20, 25, 40, 58])
def test_resumed_in_a_later_phase_to_the_same_bits(rows, batches, hidden):
    config = replace(CONFIG, dtype="float32", hidden=hidden)
    states = []
    weights, _ = trained(
        config, rows, "numpy",
        lambda trainer: states.append([{k: v.copy() for k, v in trainer.state()[0].items()},
                                       trainer.state()[1]]),
    )  # fmt: skip
    model = model_of(config, rows, "numpy")
    trainer = Trainer(model, rows.train)
    trainer.load_state(*states[batches - 1])
    for _ in trainer.run():
        pass
    for name, tensor in model.weights().items():
        assert tensor.tobytes() == weights[name].tobytes(), name
