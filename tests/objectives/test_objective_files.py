"""An objective of one's own in a file, FILE.py:NAME: imported to train and to check, no more."""

import json
import shutil

import pytest
from small_run import SMALL
from small_training import StopAfter, same_bits

import ffnp as library
from ffnp.errors import InputError, TrainingError
from ffnp.objectives import SigmoidGoodness
from ffnp.runs.folder import Run
from ffnp.runs.own import import_own
from ffnp.runs.storage import read_tensors, write_tensors

FILE = """
from ffnp.objectives import SigmoidGoodness

instance, Kind = SigmoidGoodness(7.0), SigmoidGoodness

def function(goodness, gamma):
    return instance(goodness, gamma)

def maker():
    return instance

class Own:
    def __call__(self, goodness, gamma):
        return instance(goodness, gamma)

class Failing:
    def __init__(self):
        raise ValueError("planted")
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(FILE)
    return path


@pytest.fixture
def stopped(file, tmp_path):
    """The folder of a run that was stopped in its second epoch."""
    config = library.Config(
        objective=f"{file}:Own", limit_train=300, limit_test=100, hidden=(9, 5), epochs=2,
        batch_size=100,
    )  # fmt: skip
    with pytest.raises(TrainingError, match="stopped"):
        library.train(config, tmp_path / "run", StopAfter(4))
    return tmp_path / "run"


@pytest.mark.parametrize("name", ["instance", "function", "maker", "Own"])
def test_a_name_is_an_objective_or_makes_one(file, name):
    goodness = 10 * library.load("mnist").test.first(4).images[:, 300:302].astype(float)
    found = import_own(f"{file}:{name}")(goodness, 0.0)
    expected = SigmoidGoodness(7.0)(goodness, 0.0)
    assert found[0] == expected[0]
    assert (found[1] == expected[1]).all()


def test_the_command_trains_what_python_would(ffnp, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = ffnp("train", *SMALL, "--objective", "own.py:Own", "--out", "a", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["config"]["objective"] == f"{file}:Own"
    config, objective = Run(tmp_path / "a").config(), import_own("own.py:Own")
    expected = library.train(config, objective=objective).model
    assert same_bits(library.load_model("a"), expected)


def test_a_finished_run_needs_its_file_no_more(ffnp, file, tmp_path):
    run, objective = tmp_path / "run", f"{file}:Own"
    assert ffnp("train", *SMALL, "--objective", objective, "--out", run)[0] == 0
    file.write_text("raise SystemExit('imported')")
    for command in (["evaluate", run], ["analyse", run], ["plot", run, "-o", tmp_path / "a.svg"]):
        assert ffnp(*command)[::2] == (0, "")
    file.unlink()
    assert ffnp("evaluate", run)[::2] == (0, "")


def test_the_command_resumes_a_run_with_its_file(ffnp, file, stopped):
    whole = library.train(Run(stopped).config())
    status, _, err = ffnp("train", "--resume", stopped)
    assert (status, err) == (0, "")
    assert same_bits(library.load_model(stopped), whole.model)


def test_a_file_that_has_changed_is_not_run(ffnp, file, stopped):
    file.write_text(FILE.replace("7.0", "8.0"))
    status, out, err = ffnp("train", "--resume", stopped)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"the file of {file}:Own has changed since {stopped} was begun: put the old" in err


def test_a_file_that_is_gone_is_named_or_given_in_python(ffnp, file, stopped):
    file.unlink()
    status, out, err = ffnp("train", "--resume", stopped)
    assert (status, out, err) == (2, "", f"Error: {file}: no such file\n")
    assert library.resume(stopped, objective=SigmoidGoodness(7.0)).run is not None


@pytest.mark.parametrize(
    "content, name, message",
    [
        (FILE, "nope", "has no nope: give a name that is defined there"),
        (FILE, "SigmoidGoodness", ":SigmoidGoodness needs arguments"),
        (FILE, "Failing", ", line 18: ValueError: planted"),
        (FILE, "__doc__", ":__doc__ is no objective: it must be called with (goodness, gamma)"),
        ("def f(goodness): ...", "f", ":f is no objective"),
        ("import math\n\nx = math.sqrt(-1)", "x", ", line 3: ValueError: math"),
        ("x = (", "x", ", line 1: SyntaxError: '(' was never closed"),
        ("exit(3)", "x", ", line 1: SystemExit: 3"),
        ("def f(goodness, gamma):\n    return 1 / 0", "f", ", line 2: ZeroDivisionError: "),
        (None, "x", ": no such file"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(ffnp, file, tmp_path, content, name, message):
    file.unlink() if content is None else file.write_text(content)
    for command in (["train", *SMALL, "--out", tmp_path / "run"], ["gradcheck"]):
        status, out, err = ffnp(*command, "--objective", f"{file}:{name}")
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"Error: {file}")
        assert message in err
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_gradcheck_checks_it_alone(ffnp, file):
    status, out, err = ffnp("gradcheck", "--objective", f"{file}:Own", "--backend", "reference")
    assert (status, err) == (0, "")
    lines = [line.split()[:2] for line in out.splitlines()[2:6]]
    assert lines == [["Own", gamma] for gamma in ("none", "others", "previous", "next")]
    assert out.splitlines()[-1] == "216 of 216 checks passed on backend reference"


def test_gradcheck_finds_what_is_wrong_in_it(ffnp, file):
    text = "def wrong(g, gamma):\n    value, c = instance(g, gamma)\n    return value, 2 * c"
    file.write_text(FILE + text)
    status, out, err = ffnp("gradcheck", "--objective", f"{file}:wrong", "--backend", "reference")
    assert (status, err.count("\n")) == (1, 1)
    assert err.startswith("Error: 144 of 216 checks failed")


GONE = "objective 'entropy-signed' left ffnp in 0.2: it is an example now: ffnp train --objective "
GONE += "examples/entropy_readings.py:SignedEntropy"


@pytest.mark.parametrize("where", ["--objective", "--config", "FFNP_TRAIN_OBJECTIVE"])
def test_an_objective_that_left_is_told_of(ffnp, tmp_path, monkeypatch, where):
    (tmp_path / "c.toml").write_text("objective = 'entropy-signed'")
    options = {"--objective": ["--objective", "entropy-signed"]}
    options |= {"--config": ["--config", tmp_path / "c.toml"]}
    if where not in options:
        monkeypatch.setenv(where, "entropy-signed")
    source = {"--config": f" (from {tmp_path / 'c.toml'})", "--objective": ""}
    status, out, err = ffnp("train", *options.get(where, []))
    assert (status, out) == (2, "")
    assert err == f"Error: {GONE}{source.get(where, f' (from {where})')}\n"


def test_a_stored_run_of_one_that_left_is_told_of(ffnp, run_folder, tmp_path):
    old = tmp_path / "run"
    shutil.copytree(run_folder[0], old)
    config, model = old / "config.json", old / "model.safetensors"
    values = json.loads(config.read_text())
    values["config"]["objective"] = "entropy-signed"
    config.write_text(json.dumps(values))
    tensors, stored = read_tensors(model)
    write_tensors(model, tensors, stored | {"config": values["config"]})
    assert ffnp("train", "--resume", old) == (2, "", f"Error: {config}: {GONE}\n")
    assert ffnp("evaluate", old) == (2, "", f"Error: {model}: {GONE}\n")


def test_a_reference_is_one_of_a_file(tmp_path):
    for text in ("own.py", "own.py:", "own.txt:Own", "own.py:a b"):
        with pytest.raises(InputError, match="is unknown: choose sigmoid, .*, or FILE.py:NAME"):
            library.Config(objective=text)
