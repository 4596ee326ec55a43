"""Ten optimiser steps of every method against an independent script, tensor by tensor."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from ffnp.backends.selection import make_backend
from ffnp.config import Config
from ffnp.model import DataDescription, Model
from ffnp.objectives.registry import LEFT
from ffnp.scaling import Scaling
from ffnp.training.schedules import make_schedule
from ffnp.training.sources import Pixels

FOLDER = Path(__file__).parents[1] / "golden"
GOLDEN = dict(np.load(FOLDER / "golden.npz"))
STEPS, IMAGES, PIXELS = GOLDEN["x"].shape
CLASSES = GOLDEN["labels"].shape[2]
TIGHT = 1e-10


def config(objective="sigmoid", gamma="none", **settings):
    method = {"method": "ff"} if gamma == "none" else {"method": "collab", "gamma": gamma}
    settings = {"labels": 2, "objective": objective} | method | settings
    return Config(
        hidden=(5, 4, 3), theta=2.0, alpha=0.5, label_scale=3.0, dtype="float64", **settings
    )


# By the names that make_golden.py gives them.
CASES = {
    "sigmoid none": config(),
    "sigmoid others": config(gamma="others"),
    "sigmoid previous": config(gamma="previous"),
    "sigmoid next": config(gamma="next"),
    "sigmoid next three rows tanh": config(gamma="next", labels=3, activation="tanh"),
    "sigmoid others sequential": config(gamma="others", update="sequential"),
    "sigmoid previous sequential": config(gamma="previous", update="sequential"),
    "sigmoid none layer": config(schedule="layer"),
    "sigmoid previous layer": config(gamma="previous", schedule="layer"),
    "sigmoid-literal others": config("sigmoid-literal", "others", labels=3),
    "softmax none": config("softmax", labels="all"),
    "softmax previous": config("softmax", "previous", labels=3),
    "pairwise others": config("pairwise", "others", labels=3),
    "entropy none": config("entropy"),
    "entropy others": config("entropy", "others", labels=3, activation="tanh"),
    "entropy-conditional others": config("own", "others", labels=3, activation="tanh"),
    "entropy-unsigned others": config("own", "others"),
    "entropy-signed none": config("own"),
    "entropy-difference others": config("own", "others", labels=3),
    "entropy-normalised none": config("own", labels=3),
    "backprop-label": config(method="backprop-label", labels=None),
    "backprop-pairwise": config(method="backprop-pairwise", labels=3, activation="tanh"),
}

EXAMPLE = runpy.run_path(str(FOLDER.parents[1] / "examples" / "entropy_readings.py"))
OWN = {name: EXAMPLE[kind]() for name, kind in LEFT.items()}


def tensors(name):
    """The golden tensors of one name."""
    prefix = name + "/"
    return {key.removeprefix(prefix): GOLDEN[key] for key in GOLDEN if key.startswith(prefix)}


def train(name, backend):
    """Weights after the golden steps of a case, and the method and its batch."""
    case, own = CASES[name], OWN.get(name.split()[0])
    data = DataDescription((PIXELS,), CLASSES, False, Scaling(0.0, 1.0, None))
    model = Model.create(case, data, backend, own)
    method = model.method
    method.parameters.load(
        tensors("initial-label" if case.method == "backprop-label" else "initial")
    )
    schedule = make_schedule(case, method)
    batch = method.training_batch(IMAGES)
    for phase in range(schedule.phases):
        totals = np.zeros(schedule.losses(phase) + 1)
        for step in range(STEPS):
            images = Pixels(method, GOLDEN["x"][step], data.scaling)
            schedule.step(taken(batch, method, step), images, totals, phase, lr=0.01)
    return model.weights(), method, batch


def taken(batch, method, step):
    """The batch, to be filled with the images of a golden step."""
    labels = np.ascontiguousarray(GOLDEN["labels"][step, :, : method.rows])
    batch.take(labels, np.arange(len(labels)))
    return batch


@pytest.mark.parametrize("backend", ["numpy", "reference"])
@pytest.mark.parametrize("name", CASES)
def test_ten_steps(name, backend):
    weights, method, batch = train(name, make_backend(backend))
    expected = tensors(name)
    goodness = expected.pop("goodness", None)
    assert set(weights) == set(expected)
    for key, tensor in expected.items():
        np.testing.assert_allclose(weights[key], tensor, rtol=0, atol=TIGHT, err_msg=key)
    if goodness is not None:
        batch.x[...] = GOLDEN["x"][0]
        method.forward(taken(batch, method, 0))
        np.testing.assert_allclose(batch.goodness, goodness, rtol=TIGHT, atol=TIGHT)


def test_every_golden_tensor_is_reproduced():
    names = {key.split("/")[0] for key in GOLDEN}
    assert names == {*CASES, "x", "labels", "initial", "initial-label"}


def test_the_file_is_what_the_script_writes():
    made = runpy.run_path(str(FOLDER / "make_golden.py"))["make"]()
    assert list(made) == list(GOLDEN)
    for key, tensor in made.items():
        np.testing.assert_allclose(GOLDEN[key], tensor, rtol=0, atol=1e-12, err_msg=key)
