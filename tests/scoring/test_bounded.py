"""Memory beyond the input: work goes by bytes, and claims are checked first."""

import tracemalloc
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from small_training import make_trainer, small_dataset

from ffnp import Config, evaluate, from_arrays
from ffnp.backends import Backend
from ffnp.data import Split
from ffnp.errors import InputError
from ffnp.runs.folder import Run
from ffnp.runs.storage import write_tensors
from ffnp.scaling import fit_scaling
from ffnp.scoring import sweep


@contextmanager
def at_most(bytes):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < bytes
    finally:
        tracemalloc.stop()


def trained(images, classes, hidden=(6, 5)):
    data = from_arrays(images, np.arange(len(images)) % classes, images[:9], np.arange(9) % classes)
    return make_trainer(Config(hidden=hidden, batch_size=4), data).model, data


def test_images_of_many_pixels_or_labels_are_scored_few_at_once(monkeypatch):
    model, _ = trained(np.random.default_rng(0).random((9, 4), np.float32), 9)
    sizes = [block.stop - block.start for block, _ in sweep.blocks(model.method, 450)]
    assert sizes == [200, 200, 50]
    monkeypatch.setattr(sweep, "NUMBERS", 7 * (4 * 4 + 9 * (6 + 5 + 1)))
    sizes = [block.stop - block.start for block, _ in sweep.blocks(model.method, 20)]
    assert sizes == [7, 7, 6]
    monkeypatch.setattr(sweep, "NUMBERS", 1)
    assert [block.stop for block, _ in sweep.blocks(model.method, 3)] == [1, 2, 3]


def test_candidates_let_more_images_be_scored_at_once(monkeypatch):
    model, data = trained(np.random.default_rng(0).random((9, 4), np.float32), 9)
    monkeypatch.setattr(sweep, "NUMBERS", 7 * (4 * 4 + 9 + 2 * (6 + 5 + 1)))
    sizes = [block.stop - block.start for block, _ in sweep.blocks(model.method, 20, 2)]
    assert sizes == [7, 7, 6]


def test_a_small_block_is_even_among_threads(monkeypatch):
    model, _ = trained(np.random.default_rng(0).random((9, 4), np.float32), 9)
    monkeypatch.setattr(sweep, "NUMBERS", 7 * (4 * 4 + 9 * (6 + 5 + 1)))
    monkeypatch.setattr(Backend, "threads", 3)
    assert sweep.together(model.method) == 6
    monkeypatch.setattr(Backend, "threads", 8)
    assert sweep.together(model.method) == 7


def test_the_usual_sizes_are_scored_as_ever():
    model, _ = trained(np.random.default_rng(0).random((20, 3072), np.float32), 10, (1000,) * 3)
    assert next(sweep.blocks(model.method, 1000))[0] == slice(0, 200)


def test_errors_do_not_depend_on_the_blocks(monkeypatch):
    model, data = trained(np.random.default_rng(0).random((50, 40), np.float32), 5)
    expected = evaluate(model, data.train).confusion
    monkeypatch.setattr(sweep, "NUMBERS", 2000)
    np.testing.assert_array_equal(evaluate(model, data.train).confusion, expected)


def test_the_statistics_of_large_images_take_little_memory():
    images = np.random.default_rng(0).integers(0, 256, (64, 1 << 20)).astype(np.uint8)
    with at_most(170 << 20):  # as float64 they take 512 MB
        fit_scaling("standard", images, 1.0)
    with at_most(40 << 20):
        assert len(Split(images, np.arange(64)).sample()) == 4


CLAIMS = {
    "a wide layer": {"hidden": [200_000, 5]},
    "many layers": {"hidden": [6] * 100},
    "many classes": {"classes": 5_000_000},
    "many pixels": {"shape": [1 << 20, 1 << 20]},
    "more pixels than can be counted": {"shape": [1 << 40, 1 << 40]},
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
@pytest.mark.parametrize(
    "changes",
    [{}, {"joined": "every"}, {"method": "local-heads"}, {"method": "backprop-label"}],
    ids=lambda changes: " ".join(changes.values()) or "collab",
)
def test_what_a_model_claims_is_compared_with_its_file_first(tmp_path, claim, changes):
    config = replace(Config(hidden=(6, 5), batch_size=10), **changes)
    model = make_trainer(config, small_dataset()).model
    values = {"config": model.config.to_dict(), "data": model.data.to_dict()}
    for name, value in claim.items():
        values["config" if name == "hidden" else "data"][name] = value
    write_tensors(tmp_path / "model.safetensors", model.weights(), values)
    refused = "model.safetensors is damaged: it (holds .* weights of|does not describe its model)"
    with pytest.raises(InputError, match=refused):
        with at_most(4 << 20):
            Run(tmp_path).model(Backend())


@pytest.mark.parametrize(
    "changes",
    [
        {"joined": "every"},
        *({"method": name} for name in ("collab", "local-heads", "backprop-label")),
        {"method": "backprop-pairwise"},
    ],
    ids=lambda changes: " ".join(changes.values()),
)
def test_what_is_true_is_no_claim(tmp_path, changes):
    config = replace(Config(hidden=(6, 5, 9), batch_size=10), **changes)
    model = make_trainer(config, small_dataset()).model
    values = {"config": model.config.to_dict(), "data": model.data.to_dict()}
    write_tensors(tmp_path / "model.safetensors", model.weights(), values)
    assert Run(tmp_path).model(Backend()).weights().keys() == model.weights().keys()
