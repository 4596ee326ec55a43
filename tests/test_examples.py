"""The examples run, and show what they say."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from ffnp import gradcheck
from ffnp.backends import Backend

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_step_by_hand_is_the_librarys(capsys):
    assert example("one_step")["main"]() < 1e-14
    _, *layers, why, last = capsys.readouterr().out.splitlines()
    first, second = (np.array(line.split()[2:], float) for line in layers)
    assert first[1] - first[0] > first[3] - first[2] > 0  # true rows rise more than wrong ones
    assert second[1] > second[0]
    assert "theta is 20" in why
    assert last.startswith("largest difference of a weight")


def test_cooperation_prints_every_layer_and_the_vote(capsys):
    errors = example("cooperation")["main"](images=200, epochs=1)
    assert len(errors) == 3
    assert all(len(row) == 4 for row in errors.values())
    lines = capsys.readouterr().out.splitlines()
    assert [len(line) for line in lines] == [len(lines[0])] * 4


def test_own_objective_has_the_right_gradient_and_learns(capsys):
    assert example("own_objective")["main"](images=2000, epochs=2) < 30
    lines = capsys.readouterr().out.splitlines()
    assert float(lines[0].rpartition(" ")[2]) < 1e-6
    assert lines[2].startswith("epoch 2: wrong pairs")


def test_a_wrong_slope_would_be_noticed():
    module = example("own_objective")

    class Wrong(module["Hinge"]):
        def __call__(self, goodness, gamma):
            value, coefficient = super().__call__(goodness, gamma)
            return value, -coefficient

    assert module["worst_error"](Wrong()) > 1e-3


@pytest.mark.parametrize("name", ["cooperation", "own_objective", "entropy_readings"])
def test_ctrl_c_ends_an_example_with_a_line(name, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("ffnp.train", interrupted)
    monkeypatch.setattr("sys.argv", [f"{name}.py"])
    with pytest.raises(SystemExit, match="Interrupted"):
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


READINGS = {
    "ConditionalEntropy": (), "UnsignedEntropy": (), "SignedEntropy": (9.0,),
    "EntropyDifference": (), "NormalisedEntropy": (),
}  # fmt: skip


@pytest.mark.parametrize("name", READINGS)
def test_a_reading_of_the_entropy_has_the_right_gradient(name):
    objective = example("entropy_readings")[name](*READINGS[name])
    for case in gradcheck.cases_of("own")[2::6]:  # tanh
        found = list(gradcheck.check(case, Backend(), objective))
        assert [each for each in found if not each.passed] == []


def test_a_reading_of_the_entropy_does_not_learn(capsys):
    assert example("entropy_readings")["main"](images=2000, epochs=2) > 50
    assert "nothing is learned" in capsys.readouterr().out


def test_every_example_is_tested():
    tested = {"one_step", "cooperation", "own_objective", "entropy_readings"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested
