"""What stops a training that has gone wrong: one state made by hand for each reason."""

import numpy as np
import pytest
from small_training import make_trainer, small_dataset

from ffnp import Config
from ffnp.errors import InputError, TrainingError

BATCH = 20
SMALL = Config(hidden=(6, 5), epochs=2, batch_size=BATCH, dtype="float64", lr=1e-30)


@pytest.fixture(scope="module")
def dataset():
    return small_dataset()


@pytest.fixture
def make(dataset):
    """A trainer of these options after its first batch, which moves no weight."""

    def after_a_batch(prepare=lambda model: None, **options):
        trainer = make_trainer(Config.from_dict(SMALL.to_dict() | options), dataset)
        prepare(trainer.model)
        next(trainer.run())
        return trainer

    return after_a_batch


def set_wrong(trainer, images):
    """As if so many images of this epoch had been wrong."""
    tensors, values = trainer.state()
    tensors["totals"][-1] = images
    trainer.load_state(tensors, values)


def test_a_healthy_training_goes_on(make):
    make().check()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["layer1.weights", "layer2.bias"])
def test_weights_that_are_not_finite_are_named(make, name, value):
    trainer = make()
    trainer.model.weights()[name].flat[-1] = value
    with pytest.raises(TrainingError, match=f"{name} holds NaN .* in epoch 1, batch 1"):
        trainer.check()


def test_a_loss_that_is_not_finite_is_found_within_the_epoch(dataset, monkeypatch):
    monkeypatch.setattr("ffnp.training.trainer.GUARD_EVERY", 2)
    trainer = make_trainer(SMALL, dataset)
    trainer.model.weights()["layer1.weights"][0, 0] = np.nan
    with pytest.raises(TrainingError, match="loss of layer 1 is nan in epoch 1, batch 2:"):
        list(trainer.run())


def test_silence_is_death(make):
    def silence(model):
        for tensor in model.weights().values():
            tensor[:] = 0

    with pytest.raises(TrainingError, match="every goodness is 0"):
        make(silence).check()


@pytest.mark.parametrize("rows", [2, 3])
def test_blindness_to_the_label_is_death(make, rows):
    def blind(model):
        model.weights()["layer1.weights"][model.data.pixels :] = 0

    with pytest.raises(TrainingError, match="no goodness depends on the label"):
        make(blind, labels=rows).check()


def test_blindness_to_some_labels_is_no_death(make):
    def confuse(model):
        model.weights()["layer1.weights"][model.data.pixels :][:2] = 0

    make(confuse).check()


@pytest.mark.parametrize("rows, at_chance", [(2, 10), (3, 14)])  # of 20: 1/2, and just over 2/3
def test_no_gradient_is_death_where_errors_are_no_better_than_chance(make, rows, at_chance):
    trainer = make(labels=rows)
    trainer.model.method.parameters.flat_gradient[:] = 0
    set_wrong(trainer, at_chance - 1)
    trainer.check()
    set_wrong(trainer, at_chance)
    with pytest.raises(TrainingError, match="no gradient is left, and of [57]0.0% of the"):
        trainer.check()


def test_one_layer_with_a_gradient_is_no_death(make):
    trainer = make(update="sequential")
    trainer.model.method.parameters.flat_gradient[:] = 0
    trainer.schedule.optimizers[1].gradient[-1] = 1e-30
    set_wrong(trainer, BATCH)
    trainer.check()


def test_the_gradient_of_a_layer_that_is_not_in_training_is_none(make):
    trainer = make(method="ff", schedule="layer")
    trainer.model.method.parameters.flat_gradient[:] = 1
    trainer.schedule.optimizers[0].gradient[:] = 0
    set_wrong(trainer, BATCH)
    with pytest.raises(TrainingError, match="layer 1, epoch 1, batch 1: no gradient is left"):
        trainer.check()


@pytest.mark.parametrize("name", ["layer1.bias", "optimizer0.mean", "optimizer0.variance"])
@pytest.mark.parametrize("change", [lambda tensor: tensor[:1], None], ids=["shape", "missing"])
def test_a_state_of_another_model_is_refused(make, name, change):
    trainer = make()
    tensors, values = trainer.state()
    tensor = tensors.pop(name)
    if change is not None:
        tensors[name] = change(tensor)  # NumPy would spread it over the whole
    with pytest.raises(InputError, match=f"tensor '{name}'"):
        trainer.load_state(tensors, values)


@pytest.mark.parametrize(
    "place",
    [{"batch": 99}, {"epoch": 2}, {"phase": 7}, {"batch": -1}, {"phase": "1"}, {"epoch": 1.5}],
)
def test_a_state_from_nowhere_in_the_training_is_refused(make, place):
    trainer = make()
    tensors, values = trainer.state()
    values["position"] |= place
    with pytest.raises(InputError, match=f"{next(iter(place))} .* is not in 0"):
        trainer.load_state(tensors, values)


def test_a_state_of_other_totals_is_refused(make):
    trainer = make()
    tensors, values = trainer.state()
    tensors["totals"] = np.zeros(9)
    with pytest.raises(InputError, match="no fitting tensor .totals. of float64"):
        trainer.load_state(tensors, values)
