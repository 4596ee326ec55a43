"""Schedules, resuming and guards, on a few real MNIST rows."""

from dataclasses import replace

import numpy as np
import pytest
from small_training import StopAfter, make_trainer, same_bits

from ffnp import Config, load, train
from ffnp.backends import Backend
from ffnp.errors import InputError, TrainingError
from ffnp.model import DataDescription, Model
from ffnp.objectives.collaboration import gamma_of_layers
from ffnp.runs.experiment import resume
from ffnp.runs.storage import read_tensors
from ffnp.training.schedules import learning_rate
from ffnp.training.trainer import Trainer

SMALL = Config(
    limit_train=450, limit_test=200, hidden=(30, 20, 10), epochs=2, batch_size=100, theta=5.0
)
SCHEDULES = {
    "simultaneous": {},
    "sequential": {"update": "sequential"},
    "layer": {"schedule": "layer", "gamma": "previous"},
    "layer-ff": {"schedule": "layer", "method": "ff"},
    "sgd": {"optimizer": "sgd", "lr": 0.01, "weight_decay": 1.0},
    "softmax": {"objective": "softmax", "theta": 20.0, "method": "ff"},
    "backprop-label": {"method": "backprop-label", "theta": 20.0},
    "joined": {"joined": "every", "hidden_length": 3.0, "unit_dropout": 0.5},
    "local-heads": {"method": "local-heads", "theta": 20.0, "unit_dropout": 0.3},
    "hardest": {"labels": 4, "negatives": "hardest", "unit_dropout": 0.5},
    "moved": {"shift": 1, "flip": 0.5},
    "dropout": {"pixel_dropout": 0.3, "unit_dropout": 0.5, "weight_decay": 0.3},
    "dropout, layer": {"unit_dropout": 0.5, "schedule": "layer", "gamma": "previous"},
    "backprop-pairwise": {"method": "backprop-pairwise", "theta": 20.0},
    "float64": {"dtype": "float64", "lr_schedule": "linear", "evaluate_every": 1},
}


@pytest.fixture(scope="module")
def mnist():
    return load("mnist").limited(450, 200)


def weights(model):
    return {name: tensor.copy() for name, tensor in model.weights().items()}


def test_a_few_epochs_learn_mnist():
    config = Config(limit_train=2000, limit_test=500, hidden=(100, 100), epochs=6, batch_size=50)
    result = train(config)
    assert result.test.all < 20
    assert result.test.groups[0] == result.test.layers[0]
    assert result.test.confusion.sum() == 500
    assert 100 - 100 * np.trace(result.test.confusion) / 500 == pytest.approx(result.test.all)


# Of 5 batches an epoch: within one, at its end, in the last; in the second layer's turn.
STOPS = dict.fromkeys(SCHEDULES, (7,)) | {"simultaneous": (3, 5, 9), "layer": (3, 10, 17)}


@pytest.mark.parametrize("name", SCHEDULES)
def test_stopped_and_resumed_ends_with_the_same_bits(name, tmp_path):
    config = replace(SMALL, **SCHEDULES[name])
    whole = train(config, tmp_path / "whole")
    for batches in STOPS[name]:
        folder = tmp_path / f"stopped{batches}"
        with pytest.raises(TrainingError, match="--resume"):
            train(config, folder, StopAfter(batches))
        resumed = resume(folder)
        for file in ("model.safetensors", "config.json"):
            assert (folder / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
        strip = [{k: v for k, v in r.items() if k != "seconds"} for r in resumed.metrics]
        assert strip == [{k: v for k, v in r.items() if k != "seconds"} for r in whole.metrics]


@pytest.mark.parametrize("backend", ["reference", "numpy"])
def test_same_seed_gives_same_bits(backend):
    assert same_bits(*(train(replace(SMALL, backend=backend)).model for _ in range(2)))


def test_other_seed_gives_other_weights():
    first, second = (train(replace(SMALL, seed=seed)).model.weights() for seed in (0, 1))
    assert all((first[name] != second[name]).any() for name in first)


def test_layer_schedule_leaves_other_layers_alone(mnist):
    trainer = make_trainer(replace(SMALL, schedule="layer", gamma="previous"), mnist)
    before = weights(trainer.model)
    for position in trainer.run():
        after = weights(trainer.model)
        changed = {name[:6] for name in after if (after[name] != before[name]).any()}
        assert changed == {f"layer{position.phase + 1}"}
        before = after


def test_sequential_update_is_the_plain_loop(mnist):
    """Update a layer by SGD from the joined input, recompute, then the next."""
    config = replace(SMALL, update="sequential", optimizer="sgd", momentum=0.0, lr=0.1,
                     dtype="float64", hidden=(6, 5))  # fmt: skip
    trainer = make_trainer(config, mnist)
    model = trainer.model
    expected = weights(model)
    next(trainer.run())
    batch = trainer._buffers[100]
    onehot = config.label_scale * np.eye(10)[batch.labels]
    x = np.concatenate([np.repeat(batch.x[:, None], 2, axis=1), onehot], axis=2)
    for layer in (1, 2):
        inputs, h, goodness = [], x, []
        for i in (1, 2):
            inputs.append(h)
            a = np.maximum(h @ expected[f"layer{i}.weights"] + expected[f"layer{i}.bias"], 0)
            goodness.append((a * a).sum(axis=2))
            h = a / (np.sqrt(goodness[-1])[..., None] + 1e-8)
            if i == layer:
                own = a
        gamma = gamma_of_layers("others", np.stack(goodness))[layer - 1]
        logit = goodness[layer - 1] + gamma - config.theta
        p = 1 / (1 + np.exp(-logit))
        c = np.stack([p[:, 0] - 1, p[:, 1]], axis=1) / 100
        delta = 2 * c[..., None] * own
        expected[f"layer{layer}.weights"] -= 0.1 * np.einsum(
            "nri,nro->io", inputs[layer - 1], delta
        )
        expected[f"layer{layer}.bias"] -= 0.1 * delta.sum(axis=(0, 1))
    for name, tensor in model.weights().items():
        np.testing.assert_allclose(tensor, expected[name], rtol=1e-9, atol=1e-12)


def test_linear_schedule_falls_to_zero_over_the_second_half():
    rates = [learning_rate("linear", 0.5, t) for t in (0, 0.25, 0.5, 0.75, 1)]
    assert rates == [0.5, 0.5, 0.5, 0.25, 0]
    assert learning_rate("constant", 0.5, 0.9) == 0.5


def test_validation_rows_come_from_the_training_set():
    result = train(replace(SMALL, limit_train=300, limit_test=None, validation=700))
    assert result.test.confusion.sum() == 700
    last = load("mnist").train.labels[-700:]
    assert (result.test.confusion.sum(axis=1) == np.bincount(last, minlength=10)).all()


def test_exploding_training_stops_and_keeps_the_last_finite_state(tmp_path):
    config = replace(SMALL, optimizer="sgd", lr=1e30)
    with pytest.raises(TrainingError, match="in epoch 1, batch .*learning rate"):
        train(config, tmp_path / "run", checkpoint_seconds=0)
    tensors, _ = read_tensors(tmp_path / "run" / "state.safetensors")
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


def test_a_state_taken_in_memory_is_not_changed_by_going_on(mnist):
    trainer = make_trainer(SMALL, mnist)
    run = trainer.run()
    next(run)
    tensors, _ = trainer.state()
    before = {name: tensor.copy() for name, tensor in tensors.items()}
    next(run)
    for name, tensor in tensors.items():
        assert tensor.tobytes() == before[name].tobytes(), name


def test_nan_among_mapped_pixels_stops_training(mnist):
    images = mnist.train.images.astype(np.float32)
    split = replace(mnist.train, images=images)
    split.images[40, 3] = np.nan  # as a mapped file may have it, which is not searched
    config = replace(SMALL, scaling="raw")
    data = replace(DataDescription.of(mnist, config), integer=False)
    model = Model.create(config, data, Backend())
    with pytest.raises(TrainingError, match="loss of layer 1 is nan in epoch 1"):
        list(Trainer(model, split).run())


def test_a_dead_network_is_reported():
    config = replace(SMALL, theta=-1000.0, lr=0.1, epochs=20)  # every row is far above theta
    with pytest.raises(TrainingError, match="has died in epoch"):
        train(config)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"batch_size": 451}, "more than the 450 training images"),
        ({"labels": 11}, "choose 2..10"),
        ({"validation": 60000}, "hold out fewer"),
        ({"data_dir": "nowhere", "dataset": "nothing"}, "unknown data set"),
    ],
)
def test_what_does_not_fit_the_data_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        train(replace(SMALL, **options))
