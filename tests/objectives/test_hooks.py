"""A gamma and an activation of one's own, in Python and as FILE.py:NAME."""

import json
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from small_training import StopAfter, make_trainer, same_bits, small_dataset

import ffnp as library
from ffnp import gradcheck
from ffnp.backends import Backend
from ffnp.backends.selection import make_backend, unavailable
from ffnp.errors import InputError, TrainingError
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.objectives.collaboration import LayerObjective, gamma_of_layers
from ffnp.objectives.own import Own
from ffnp.objectives.sigmoid import SigmoidGoodness
from ffnp.runs.folder import Run
from ffnp_cli.commands import COMMANDS

DATA = small_dataset()
SMALL = library.Config(hidden=(7, 6), epochs=2, batch_size=20, backend="reference")
FILE = """
import numpy as np

def below(goodness):
    return np.cumsum(goodness, axis=0) - goodness

class Swish:
    value = staticmethod(lambda z: z / (1 + np.exp(-z)))

    @staticmethod
    def slope(z):
        s = 1 / (1 + np.exp(-z))
        return s * (1 + z * (1 - s))

hard = (lambda z: np.clip(z, -1, 1), lambda z: (np.abs(z) < 1).astype(z.dtype))
wrong = (np.tanh, lambda z: 1 - np.tanh(z))
flat = lambda goodness: goodness[0]
texts = lambda goodness: goodness.astype(str)
whole = (lambda z: z - z.mean(), np.ones_like)
sums = (lambda z: z.sum(), np.ones_like)
overwriting = (lambda z: np.tanh(z, out=z), np.ones_like)
failing = lambda goodness: 1 / 0
"""
TANH = (np.tanh, lambda z: 1 - np.tanh(z) ** 2)


def below(goodness):
    return np.cumsum(goodness, axis=0) - goodness


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(FILE)
    return path


@pytest.fixture
def table(tmp_path):
    """The data as a file, for commands."""
    train, test = DATA.train, DATA.test
    np.savez(
        tmp_path / "x.npz", x_train=train.images, y_train=train.labels, x_test=test.images,
        y_test=test.labels,
    )  # fmt: skip
    return ["--dataset", tmp_path / "x.npz", "--hidden", "7,6", "--epochs", 2, "--batch-size", 20,
            "--backend", "reference"]  # fmt: skip


@pytest.mark.parametrize("backend", ["reference", "numpy", "numba"])
def test_what_is_ones_own_is_trained_on_every_backend(backend):
    """As ffnp's of the same formula, which a backend may compute in another way."""
    if reason := unavailable(backend):
        pytest.skip(reason)
    config = replace(SMALL, backend=backend, gamma="previous", activation="tanh")
    named = library.train(config, dataset=DATA)
    own = library.train(config, dataset=DATA, gamma=below, activation=TANH)
    assert (own.model.config.gamma, own.model.config.activation) == ("own", "own")
    for name, weights in named.model.weights().items():
        np.testing.assert_allclose(own.model.weights()[name], weights, rtol=1e-4, atol=1e-5)


def test_a_gamma_of_ones_own_is_scaled_and_a_constant():
    goodness = np.random.default_rng(0).random((3, 5, 2))
    own = LayerObjective(SigmoidGoodness(1.0), below, 0.5).of_layers(goodness)
    named = LayerObjective(SigmoidGoodness(1.0), "previous", 0.5).of_layers(goodness)
    for mine, theirs in zip(own, named, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_gamma_of_ones_own_has_the_type_of_the_goodness():
    goodness = np.ones((3, 5, 2), np.float32)
    heard = []

    def objective(goodness, gamma):
        heard.append(gamma.dtype)
        return SigmoidGoodness(1.0)(goodness, gamma)

    LayerObjective(objective, lambda goodness: below(goodness).astype(np.float64)).of_layers(
        goodness
    )
    assert set(heard) == {np.dtype(np.float32)}


def test_a_batch_is_divided_only_where_the_gamma_says_so():
    def alone(goodness):
        return below(goodness)

    alone.by_image = True
    objective = SigmoidGoodness(1.0)
    assert LayerObjective(objective, alone).by_image
    assert not LayerObjective(objective, below).by_image


def test_a_gamma_cannot_change_the_goodness():
    def greedy(goodness):
        goodness *= 0
        return goodness

    goodness = np.ones((3, 5, 2))
    LayerObjective(SigmoidGoodness(1.0), greedy).of_layers(goodness)
    assert (goodness == 1).all()


def test_its_run_is_stored_resumed_and_read(tmp_path):
    own = {"gamma": below, "activation": TANH}
    whole = library.train(SMALL, dataset=DATA, **own)
    with pytest.raises(TrainingError, match="stopped"):
        library.train(SMALL, tmp_path / "run", StopAfter(3), dataset=DATA, **own)
    for given in ({}, {"gamma": below}, {"activation": TANH}):
        with pytest.raises(InputError, match="one that Python is given|one of your own"):
            library.resume(tmp_path / "run", dataset=DATA, **given)
    assert same_bits(whole.model, library.resume(tmp_path / "run", dataset=DATA, **own).model)
    with pytest.raises(InputError, match="the activation is one of your own, without which"):
        library.load_model(tmp_path / "run")
    model = library.load_model(tmp_path / "run", "reference", activation=TANH)
    assert library.evaluate(model, DATA.test).to_dict() == whole.test.to_dict()
    batch = model.method.training_batch(4)
    with pytest.raises(InputError, match="the gamma 'own' is one that Python is given"):
        model.method.evaluate(batch, np.zeros(3))


def test_what_is_advised_of_a_run_with_its_own_activation_is_true(ffnp, tmp_path):
    run = tmp_path / "run"
    library.train(SMALL, run, dataset=DATA, activation=TANH)
    status, out, err = ffnp("page", run, "-o", tmp_path / "x.html")
    assert (status, out) == (2, "")
    assert err.startswith(f"Error: {run} has an activation of your own, which a page cannot compu")
    status, _, err = ffnp("plot", run, "-o", tmp_path / "x.svg")
    assert (status, err.count("\n")) == (0, 1)
    assert err.startswith("Note: errors of layers are not drawn: the activation is one of your own")
    _, advised = err.split("--activation FILE.py:NAME of ")
    having = {n for n in COMMANDS if "--activation FILE.py" in ffnp(n, "--help")[1]}
    assert set(re.findall(r"\w+", advised)) - {"ffnp", "or"} == having


def test_a_model_with_an_activation_of_ones_own_is_copied(tmp_path):
    import copy

    model = library.train(SMALL, dataset=DATA, activation=TANH).model
    twin = copy.deepcopy(model)
    images = DATA.test.images
    np.testing.assert_array_equal(library.predict(twin, images), library.predict(model, images))


def test_one_belongs_to_its_configuration(tmp_path):
    library.train(SMALL, tmp_path / "run", dataset=DATA)
    for name, given in (("gamma", below), ("activation", TANH)):
        with pytest.raises(InputError, match=f"this run's {name} is .*: leave out your own"):
            library.resume(tmp_path / "run", dataset=DATA, **{name: given})
    with pytest.raises(InputError, match="this run's activation is relu: leave out your own"):
        library.load_model(tmp_path / "run", activation=TANH)


BAD = {
    "a text": ({"gamma": "others"}, "the gamma is of type str: it must be called with .goodness."),
    "one function": ({"activation": np.tanh}, "the activation is of type ufunc: give a pair"),
    "a number": ({"activation": 3}, "the activation is of type int: give a pair of functions"),
    "two numbers": ({"activation": (1, 2)}, "give a pair of functions"),
    "half a pair": ({"activation": (np.tanh, 2)}, "give a pair of functions"),
    "transposed": ({"activation": (np.transpose, np.cos)}, r"value gave shape \(4, 3\) for z of"),
    "a sum": ({"activation": (np.sum, np.cos)}, r"value gave shape \(\) for z of shape \(3, 4\)"),
    "not finite": ({"activation": (np.log, np.cos)}, "value gave .* numbers that are not finite"),
    "not elementwise": (
        {"activation": (np.tanh, lambda z: z - z.mean())}, "slope of a number depends on the others"
    ),
    "hardly elementwise": (
        {"activation": (lambda z: np.tanh(z) + z.mean() / 1000, np.cos)}, "depends on the others"
    ),
    "one layer": ({"gamma": lambda g: g[0]}, r"the gamma gave .* of shape \(20, 2\) for goodness"),
}  # fmt: skip


@pytest.mark.parametrize("given, message", BAD.values(), ids=BAD)
def test_what_cannot_be_ones_own_is_one_line(given, message):
    with pytest.raises(InputError, match=message):
        library.train(SMALL, dataset=DATA, **given)


def test_an_activation_may_round_a_number_in_another_way_beside_others():
    def relu(z):
        alone = len(z) == 1
        return np.maximum(z, 0) * (1 + 2e-5 * alone) + 5e-7 * alone

    assert library.train(SMALL, dataset=DATA, activation=(relu, np.sign)).model.activation


# --- checked ------------------------------------------------------------------------------------


def failed(own, cases=None):
    backend = make_backend("reference")
    chosen = gradcheck.cases_with(own) if cases is None else cases
    return [e for case in chosen for e in gradcheck.check(case, backend, own) if not e.passed]


def few(own):
    """Its cases with the sigmoid objective and one activation."""
    every = gradcheck.cases_with(own)
    return [e for e in every if e.objective == "sigmoid" and e.activation in ("own", "gelu")]


def test_their_cases_are_what_they_go_with():
    activation = gradcheck.cases_with(Own(activation=TANH))
    assert {case.activation for case in activation} == {"own"}
    assert len(activation) == len(gradcheck.cases()) / len(ACTIVATIONS)
    gamma = gradcheck.cases_with(Own(gamma=below))
    assert {(case.method, case.gamma) for case in gamma} == {("collab", "own")}
    assert {case.activation for case in gamma} == set(ACTIVATIONS)
    both = gradcheck.cases_with(Own(SigmoidGoodness(4.0), below, TANH))
    assert [(e.objective, e.gamma, e.activation) for e in both] == [("own", "own", "own")]


def test_right_ones_pass():
    hard = (lambda z: np.clip(z, -1, 1), lambda z: (np.abs(z) < 1).astype(z.dtype))
    for own in (Own(gamma=below), Own(activation=TANH), Own(activation=hard)):
        assert failed(own, few(own)) == []


def test_a_kink_is_kept_away_from_wherever_it_is():
    hard = (lambda z: np.clip(z, -1, 1), lambda z: (np.abs(z) < 1).astype(z.dtype))
    activity = make_trainer(SMALL, DATA).model.method.training_batch(2).activities[0]
    for near, kept_away in ((0.9995, True), (0.9, False)):
        backend = gradcheck.drawing._Clearance()
        z = np.full_like(activity.values, near)
        backend._finish(z, Own(activation=hard).activation, activity)
        assert (backend.nearest == 0) == kept_away


def test_a_wrong_slope_is_found():
    own = Own(activation=(np.tanh, lambda z: 1 - np.tanh(z)))
    cases = few(own)
    assert len(failed(own, cases)) > len(cases)


def test_a_gamma_that_mixes_images_and_says_it_does_not_is_found():
    def mixing(goodness):
        """What a batch's images hear depends on the batch."""
        return np.broadcast_to(goodness.mean(axis=1, keepdims=True), goodness.shape)

    mixing.by_image = True
    own = Own(gamma=mixing)
    with pytest.raises(InputError, match="says by_image, but what an image hears depends on"):
        failed(own, few(own)[:1])
    mixing.by_image = False
    assert failed(own, few(own)[:1]) == []


# --- in a file ----------------------------------------------------------------------------------


def test_the_command_trains_what_python_would(ffnp, file, table, tmp_path):
    own = ["--gamma", f"{file}:below", "--activation", f"{file}:Swish"]
    status, out, err = ffnp("train", *table, *own, "--out", tmp_path / "run", "--json")
    assert (status, err) == (0, "")
    config = json.loads(out)["config"]
    assert (config["gamma"], config["activation"]) == (f"{file}:below", f"{file}:Swish")
    stored = json.loads((tmp_path / "run/config.json").read_text())
    assert {"gamma_sha256", "activation_sha256"} <= set(stored)
    evaluated = ["evaluate", tmp_path / "run", "--backend", "reference"]
    status, _, err = ffnp(*evaluated)
    assert (status, err.count("\n")) == (2, 1)
    assert "the activation is one of your own, without which" in err
    status, out, err = ffnp(*evaluated, "--activation", f"{file}:Swish", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["test_error"] == stored["test_error"]


def test_the_command_resumes_it_unless_its_file_has_changed(ffnp, file, table, tmp_path):
    path = table[1]
    config = replace(SMALL, dataset=str(path), gamma=f"{file}:below", activation=f"{file}:Swish")
    whole = library.train(config)
    with pytest.raises(TrainingError, match="stopped"):
        library.train(config, tmp_path / "run", StopAfter(3))
    file.write_text(FILE + "\n")
    status, _, err = ffnp("train", "--resume", tmp_path / "run")
    assert (status, f"the file of {file}:below has changed since" in err) == (2, True)
    status, _, err = ffnp("evaluate", tmp_path / "run", "--activation", f"{file}:Swish")
    assert (status, f"the file of {file}:Swish has changed since" in err) == (2, True)
    file.write_text(FILE)
    assert ffnp("train", "--resume", tmp_path / "run")[::2] == (0, "")
    swish = {"activation": library.runs.own.import_own(f"{file}:Swish", "activation")}
    model = library.load_model(tmp_path / "run", "reference", **swish)
    assert same_bits(whole.model, model)
    assert Run(tmp_path / "run").config().gamma == f"{file}:below"


@pytest.mark.parametrize(
    "option, name, message",
    [
        ("gamma", "nope", "has no nope: give a name that is defined there"),
        ("gamma", "hard", ":hard is no gamma: it must be called with (goodness)"),
        ("gamma", "flat", "the gamma gave float"),
        ("gamma", "texts", "the gamma gave "),
        ("gamma", "failing", ", line 22: ZeroDivisionError: division by zero"),
        ("activation", "below", "the activation is of type function: give a pair of functions"),
        ("activation", "whole", "the activation's value of a number depends on the others"),
        ("activation", "sums", "the activation's value gave shape () for z of shape (3, 4)"),
        ("activation", "overwriting", ", line 21: ValueError: output array is read-only"),
        ("activation", "own", " has no own: give a name that is defined there"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(ffnp, file, table, option, name, message, tmp_path):
    reference = [f"--{option}", f"{file}:{name}"]
    status, out, err = ffnp("train", *table, *reference, "--out", tmp_path / "run")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize("option", ["gamma", "activation"])
def test_another_name_is_refused_with_those_that_are_known(ffnp, option):
    status, _, err = ffnp("train", f"--{option}", "nope")
    assert (status, err.count("\n")) == (2, 1)
    assert f"'--{option}': 'nope' is not one of " in err and "'FILE.py:NAME'" in err
    with pytest.raises(InputError, match="is unknown: choose .*, or FILE.py:NAME"):
        library.Config(**{option: "nope"})


def test_gradcheck_checks_them_by_their_names(ffnp, file):
    command = ["gradcheck", "--backend", "reference", "--objective", "sigmoid"]
    own = ["--gamma", f"{file}:below", "--activation", f"{file}:Swish"]
    status, out, err = ffnp(*command, *own)
    assert (status, err) == (0, "")
    assert out.splitlines()[2].split()[:2] == ["sigmoid", "below"]
    assert out.splitlines()[-1] == "9 of 9 checks passed on backend reference"
    status, _, err = ffnp(*command, "--gamma", "others", "--activation", f"{file}:wrong")
    assert (status, err.count("\n")) == (1, 1)
    assert "sigmoid, gamma others, wrong, layer" in err


def test_gamma_is_said_twice_alike():
    goodness = np.random.default_rng(0).random((4, 3, 2))
    np.testing.assert_array_equal(gamma_of_layers("previous", goodness), below(goodness))
    case = gradcheck.cases_with(Own(gamma=below))[0]
    for layer in range(4):
        mine = gradcheck.subject.gamma_of(case, goodness, layer, Own(gamma=below))
        np.testing.assert_array_equal(mine, below(goodness)[layer])


def test_ones_own_can_be_pickled_where_its_functions_can():
    made = pickle.loads(pickle.dumps(library.train(SMALL, dataset=DATA, gamma=below).model))
    assert made.config.gamma == "own"
    assert isinstance(made.backend, Backend)
