"""The whole path on the stand-in: real MNIST rows trained, evaluated, stopped and resumed."""

import json
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import launch_table
import numpy as np
import pytest
from small_training import StopAfter, make_trainer, small_dataset

from ffnp import Config, gradcheck, load
from ffnp.backends import Backend
from ffnp.backends.cupy_backend import PIECE
from ffnp.errors import InputError, InputWarning, TrainingError
from ffnp.gradcheck.cases import name_of
from ffnp.model import DataDescription, Model
from ffnp.objectives import OBJECTIVES
from ffnp.objectives.collaboration import LayerObjective
from ffnp.runs.experiment import resume, train
from ffnp.runs.folder import Run
from ffnp.scoring.analysis import analyse
from ffnp.scoring.evaluation import scores
from ffnp.training.trainer import Trainer

SMALL = Config(
    limit_train=110, limit_test=60, hidden=(32, 24, 16), epochs=2, batch_size=40, lr=0.003,
    backend="cupy",
)  # fmt: skip
VARIANTS = {
    **{gamma: {"gamma": gamma} for gamma in ("others", "previous", "next")},
    **{objective: {"objective": objective} for objective in OBJECTIVES if objective != "sigmoid"},
    "ff": {"method": "ff"},
    "backprop-label": {"method": "backprop-label"},
    "backprop-label gelu": {"method": "backprop-label", "activation": "gelu"},
    "backprop-pairwise": {"method": "backprop-pairwise"},
    "three labels": {"labels": 3},
    "sgd": {"optimizer": "sgd", "lr": 0.01, "weight_decay": 1.0},
    "layer": {"schedule": "layer", "gamma": "previous"},
    "layer, activities kept": {"schedule": "layer", "gamma": "previous", "labels": 6},
    "sequential": {"update": "sequential"},
    "gelu": {"activation": "gelu"},
    "raw": {"scaling": "raw"},
    "joined": {"joined": "every"},
    "joined, gelu": {
        "joined": "every",
        "hidden_length": 3.0,
        "activation": "gelu",
        "unit_dropout": 0.5,
    },
    "local-heads": {"method": "local-heads", "unit_dropout": 0.3},
    "hardest": {"labels": 4, "negatives": "hardest"},
    "moved": {"shift": 1, "flip": 0.5},
    "dropout": {"pixel_dropout": 0.3, "unit_dropout": 0.5, "weight_decay": 0.3},
    "dropout, layer": {"unit_dropout": 0.5, "schedule": "layer", "gamma": "previous"},
    "dropout, backprop-label": {"method": "backprop-label", "unit_dropout": 0.5},
}


class StrictTrainer(Trainer):
    """Refuses allocation, host copies and waiting in every step but the first of its size."""

    def _step(self, *drawn):
        import strict_cupy

        known = len(self._buffers)
        last = self.position.batch + 1 == self.batches  # smaller than the others
        if known > last:
            with strict_cupy.steady_state():
                super()._step(*drawn)
        else:
            super()._step(*drawn)


@pytest.fixture(scope="module")
def mnist():
    return load("mnist")


def trained(config, mnist, backend, trainer=Trainer, sample_weight=None):
    """Weights before and after a training, by name, and the model."""
    dataset = mnist.limited(config.limit_train, config.limit_test)
    dataset = replace(dataset, train=replace(dataset.train, sample_weight=sample_weight))
    model = Model.create(config, DataDescription.of(dataset, config), backend)
    before = {name: np.copy(tensor) for name, tensor in model.weights().items()}
    for _ in trainer(model, dataset.train).run():
        pass
    return before, model.weights(), model


def trained_alike(config, mnist, got, factor=3, sample_weight=None):
    """Compare weights with the reference's in float64.

    Adam turns the rounding of a gradient near 0 into a step of any size; so the measure is the
    reference's own error in float32, and how far the tensor has moved.
    """
    double = replace(config, dtype="float64")
    before, exact, _ = trained(double, mnist, Backend(), sample_weight=sample_weight)
    _, same, _ = trained(config, mnist, Backend(), sample_weight=sample_weight)
    rounding = {"float32": 1e-5, "float64": 1e-10}[config.dtype]
    for name, want in exact.items():
        noise, moved = (np.linalg.norm(w - want) for w in (same[name], before[name]))
        assert np.linalg.norm(got[name] - want) <= factor * noise + rounding * moved, name
        assert got[name].dtype == config.dtype


TOTALLING = ("evaluate", "cross_entropy", "examine")
DOUBLE = ("others", "backprop-label", "layer, activities kept", "sgd")


@pytest.mark.parametrize(
    ("variant", "dtype"),
    [*product(VARIANTS, ["float32"]), *product(DOUBLE, ["float64"])],
)
def test_training_agrees_with_the_reference(backend, cupy, mnist, variant, dtype):
    config = replace(SMALL, epochs=1, dtype=dtype, **VARIANTS[variant])
    _, got, _ = trained(config, mnist, backend, StrictTrainer)
    trained_alike(config, mnist, got)
    other = {"float32": "float64", "float64": "float32"}[dtype]
    for operation in cupy.DEVICE.operations:
        totals = dtype == "float32" and operation.name in TOTALLING
        assert operation.dtypes.count(np.dtype(other)) == totals, operation


@pytest.mark.parametrize("variant", ["previous", "softmax", "backprop-label", "local-heads"])
def test_training_with_sample_weight_agrees_with_the_reference(backend, mnist, variant):
    config, weight = replace(SMALL, epochs=1, **VARIANTS[variant]), np.arange(110) % 3
    _, got, _ = trained(config, mnist, backend, StrictTrainer, weight)
    trained_alike(config, mnist, got, sample_weight=weight)
    _, plain, _ = trained(config, mnist, backend)
    assert any((got[name] != plain[name]).any() for name in plain)


@dataclass(frozen=True)
class Louder:
    """Without a kernel: the true label's goodness, less the others', both squared."""

    def __call__(self, goodness, gamma):
        heard = goodness + gamma
        signs = np.where(np.arange(heard.shape[1]) == 0, -1, 1).astype(heard.dtype)
        return float((signs * heard**2).sum() / len(heard)), 2 * signs * heard / len(heard)


def test_an_objective_without_a_kernel_is_evaluated_on_the_host(backend):
    host, random = Backend(), np.random.default_rng(0)
    objective = LayerObjective(Louder(), "previous")
    goodness = random.uniform(0, 9, (3, 5, 2)).astype(np.float32)
    totals = random.uniform(0, 9, 4)  # of batches before
    found = [np.empty_like(goodness), totals.copy()]
    host.evaluate(objective, goodness, *found)
    device = [backend.to_device(array) for array in (goodness, np.empty_like(goodness), totals)]
    backend.evaluate(objective, *device)
    for got, want in zip(device[1:], found, strict=True):
        np.testing.assert_array_equal(backend.to_host(got), want)


def test_operations_of_a_step_of_the_papers_network(backend, cupy):
    operations = launch_table.operations_of_a_step(backend)
    assert [operation.name for operation in operations] == [
        "standardise_uint8",
        "matmul", "activate_labelled",
        "matmul", "activate",
        "matmul", "activate",
        "evaluate",
        "delta_labelled", "delta", "delta",
        "matmul", "matmul", "matmul",
        "adam",
    ]  # fmt: skip


def test_the_table_in_the_documentation_is_the_one_counted(backend, cupy):
    path = Path(__file__).parents[2] / "docs" / "gpu.md"
    assert launch_table.table(launch_table.operations_of_a_step(backend)) in path.read_text()


def test_operations_of_a_step_of_every_objective_and_recipe(backend, cupy):
    found = launch_table.operations_of_trainings(backend)
    counts = {name: len(operations) for name, operations in found.items()}
    assert {counts[f"objective {name}"] for name in OBJECTIVES} == {15}
    assert max(counts[f"recipe {name}"] for name in ("best", "backprop")) <= 22
    path = Path(__file__).parents[2] / "docs" / "gpu.md"
    assert launch_table.trainings_table(found) in path.read_text()


def test_the_guard_of_a_training_waits_once(backend, cupy, monkeypatch):
    copied, asnumpy = [], cupy.asnumpy
    trainer = make_trainer(Config(hidden=(9, 8), batch_size=10), small_dataset(), backend)
    next(trainer.run())
    cupy.DEVICE.operations.clear()
    monkeypatch.setattr(cupy, "asnumpy", lambda a: copied.append(a.nbytes) or asnumpy(a))
    trainer.check()
    assert [operation.name for operation in cupy.DEVICE.operations] == ["examine"]
    assert len(copied) == 1 and copied[0] <= 256


def test_large_arrays_are_uploaded_in_pieces(backend, cupy):
    """CuPy would copy what it uploads whole to memory that is never paged out, and keep that."""
    array = np.arange(3 * PIECE // 2, dtype=np.uint8).reshape(-1, 48)
    device = backend.to_device(array)
    sizes = [size for _, size in cupy.DEVICE.uploads]
    assert max(sizes) <= PIECE and sum(sizes) == array.nbytes
    np.testing.assert_array_equal(backend.to_host(device), array)


def test_images_are_uploaded_once_and_order_and_labels_once_an_epoch(backend, cupy, mnist):
    dataset = mnist.limited(110, 10)
    model = Model.create(SMALL, DataDescription.of(dataset, SMALL), backend)
    cupy.DEVICE.uploads.clear()
    trainer = StrictTrainer(model, dataset.train)
    for _ in trainer.run():
        pass
    large = [(str(dtype), size) for dtype, size in cupy.DEVICE.uploads if size > 100]
    epoch = [("int64", 110 * 8), ("int32", 110 * 2 * 4)]
    assert [upload for upload in large if upload[0] != "float32"] == [
        ("uint8", 110 * 784), *epoch, *epoch,
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["collab", "backprop-label", "backprop-pairwise"])
def test_scores_and_analysis_agree(backend, mnist, method):
    dataset, config = mnist.limited(50, 30), replace(SMALL, method=method)
    data = DataDescription.of(dataset, config)
    got, expected = (Model.create(config, data, each) for each in (backend, Backend()))
    for have, want in zip(*(scores(m, dataset.test.images) for m in (got, expected)), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-4)
    if method == "collab":
        have, want = (analyse(model, dataset.test) for model in (got, expected))
        np.testing.assert_allclose(have.entropy_all.total, want.entropy_all.total, rtol=1e-4)


@pytest.mark.parametrize("case", gradcheck.cases()[::25], ids=lambda case: "-".join(name_of(case)))
def test_gradients_match_finite_differences(backend, case):
    failed = [result for result in gradcheck.check(case, backend) if not result.passed]
    assert failed == []


def test_images_that_do_not_fit_the_gpu_are_refused_in_one_line(backend, cupy):
    cupy.DEVICE.room = 10**6 - 1
    with pytest.raises(InputError, match="no room for 1 MB more: use fewer rows"):
        backend.to_device(np.zeros(10**6, np.uint8))


# --- the commands, and runs that change their backend ----------------------------------------


def test_commands(cupy, ffnp, tmp_path):
    def printed_by(*arguments):
        status, out, err = ffnp(*arguments)
        assert status == 0, err
        return out

    small = "--limit-train 200 --limit-test 20 --hidden 32,32 --epochs 3 --batch-size 10".split()
    small += ["--lr", 0.002, "--theta", 5]
    runs = {name: tmp_path / name for name in ("cupy", "reference")}
    printed = {
        name: json.loads(printed_by("train", *small, "--backend", name, "--out", run, "--json"))
        for name, run in runs.items()
    }
    assert printed["cupy"]["backend"] == "cupy"
    assert printed["cupy"]["test_error"] == printed["reference"]["test_error"]
    assert printed["cupy"]["test_error"]["all"] < 50
    for name in runs:  # each run evaluated and used by the other backend
        other = {"cupy": "reference", "reference": "cupy"}[name]
        found = json.loads(printed_by("evaluate", runs[name], "--backend", other, "--json"))
        assert found["test_error"] == printed[name]["test_error"]
    images = tmp_path / "images.npy"
    np.save(images, load("mnist").test.images[:5])
    predicted = {
        name: json.loads(printed_by("predict", runs["cupy"], images, "--backend", name, "--json"))
        for name in runs
    }
    for have, want in zip(*(found["predictions"] for found in predicted.values()), strict=True):
        assert have["label"] == want["label"]
        np.testing.assert_allclose(have["goodness"], want["goodness"], rtol=1e-3, atol=1e-3)
    assert "cupy: available" in printed_by("info")


@pytest.mark.parametrize(("first", "second"), [("cupy", "reference"), ("reference", "cupy")])
def test_a_run_is_resumed_on_the_other_backend(cupy, mnist, tmp_path, first, second):
    config = replace(SMALL, backend=first)
    with pytest.raises(TrainingError, match="--resume"):
        train(config, tmp_path / "run", StopAfter(4))
    with pytest.warns(InputWarning, match=f"trained on {first} .* goes on on {second}"):
        resume(tmp_path / "run", backend=second)
    trained_alike(config, mnist, Run(tmp_path / "run").model(Backend()).weights())


def test_a_resumed_run_ends_with_the_same_bits(cupy, tmp_path):
    train(SMALL, tmp_path / "whole")
    with pytest.raises(TrainingError, match="--resume"):
        train(SMALL, tmp_path / "run", StopAfter(4))
    resume(tmp_path / "run")
    model = "model.safetensors"
    assert (tmp_path / "run" / model).read_bytes() == (tmp_path / "whole" / model).read_bytes()
