"""Benchmarks compare results before they time them. Nothing here asserts a time."""

import json
import runpy
import sys
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from ffnp.backends.reference import Backend
from ffnp.bench import (
    Prediction,
    Shapes,
    Step,
    against_floor,
    bench,
    close,
    compare_predictions,
    compare_steps,
    interleaved,
    is_busy,
    measuring,
    peak_memory,
    prediction_products,
    products,
    validate,
    validate_prediction,
)
from ffnp.objectives import SigmoidGoodness
from ffnp.objectives.softmax import SoftmaxOverLabels

FLOAT32 = np.dtype(np.float32)
SMALL = Shapes(pixels=30, batch=10, hidden=(20, 12, 8))
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


class OppositeDelta(Backend):
    """A sign: the first layer unlearns."""

    def delta_labelled(self, coefficients, *rest):
        super().delta_labelled(-coefficients, *rest)


class NoBias(Backend):
    """A forward pass without the later layers' bias."""

    def activate(self, scale, bias, activation, out):
        super().activate(scale, 0 * bias, activation, out)


class NoBiasInPrediction(NoBias):
    """Learns rightly, and predicts wrongly."""

    def activate(self, scale, bias, activation, out):
        predicts = scale.shape[1] == SMALL.classes
        (super() if predicts else Backend()).activate(scale, bias, activation, out)


def script(name):
    return runpy.run_path(str(BENCHMARKS / f"{name}.py"))


def test_a_backend_that_learns_wrongly_is_not_timed():
    validate(Backend(), SMALL, FLOAT32)
    with pytest.raises(AssertionError, match="losses of 3 steps"):
        validate(OppositeDelta(), SMALL, FLOAT32)


def test_a_backend_that_predicts_wrongly_is_not_timed():
    validate_prediction(Backend(), SMALL, FLOAT32)
    with pytest.raises(AssertionError, match="scores by backend"):
        validate_prediction(NoBias(), SMALL, FLOAT32)


def untimed(*_):
    raise TypeError("timed")


@pytest.mark.parametrize(
    ("wrong", "what"), [(OppositeDelta, "losses of 3 steps"), (NoBiasInPrediction, "scores by")]
)
def test_bench_compares_both_before_it_times(monkeypatch, wrong, what):
    monkeypatch.setattr(measuring, "in_turn", untimed)
    with pytest.raises(AssertionError, match=what):
        bench(wrong(), SMALL, FLOAT32, 1)


@pytest.mark.parametrize(
    ("compare", "wrong"), [(compare_steps, OppositeDelta), (compare_predictions, NoBias)]
)
def test_a_comparison_compares_every_backend_before_it_times(monkeypatch, compare, wrong):
    monkeypatch.setattr(measuring, "against_floor", untimed)
    monkeypatch.setattr(measuring, "make_backend", lambda name: {"a": Backend, "b": wrong}[name]())
    with pytest.raises(AssertionError, match="by backend|losses of 3 steps"):
        compare(["a", "b"], SMALL, FLOAT32, 1)


def test_a_result_that_differs_by_a_thousandth_is_another():
    expected = np.array([0.0, 10.0])
    close(expected + [0, 1e-4], expected, "rounding")
    with pytest.raises(AssertionError):
        close(expected + [0, 1e-2], expected, "another")


def test_steps_take_one_batch_after_the_other():
    step, taken = Step(Backend(), SMALL, FLOAT32), []
    for _ in range(11):  # ten batches, and the first one again
        step()
        taken.append(step.batch.index.tolist())
    assert sorted(sum(taken[:10], [])) == list(range(100))
    assert taken[10] == taken[0]


@pytest.mark.parametrize(("rows", "kind"), [(2, SigmoidGoodness), (10, SoftmaxOverLabels)])
def test_all_labels_are_trained_by_softmax(rows, kind):
    step = Step(Backend(), Shapes(pixels=30, batch=10, hidden=(20,), rows=rows), FLOAT32)
    assert type(step.method.objective.objective) is kind


class Counting(Backend):
    """Counts the floating-point operations of its products."""

    flop = 0

    def multiply(self, products):
        self.flop += sum(2 * a.size * b.shape[1] for a, b, _ in products)
        super().multiply(products)


def test_a_floor_is_the_products_of_the_work():
    """The same operations in a step, in its floor and in `Shapes.flop`; in prediction likewise."""
    found = []
    for make in (Step, products):
        backend = Counting()
        make(backend, SMALL, FLOAT32)()
        found.append(backend.flop)
    assert found == [SMALL.flop] * 2
    found = []
    for make in (Prediction, prediction_products):
        backend = Counting()
        make(backend, SMALL, FLOAT32, images=450)()  # two blocks and a smaller one
        found.append(backend.flop)
    assert found == [SMALL.forward_flop(450, SMALL.classes)] * 2


# the middle half of the floor's lies a quarter of its median apart
TIMES = {"floor": [0.0, 0.875, 1.0, 1.125, 9.0], "work": [2.0]}


def test_a_ratio_is_of_the_floor():
    figures = against_floor(6e9, list, {"work": dict}, 1, lambda *_: TIMES)
    assert figures["work"] == {
        "seconds": 2.0, "floor_seconds": 1.0, "floor_ratio": 0.5, "gflops": 3.0, "spread": 0.25,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("times", "busy"),
    [
        (TIMES, False),
        ({"floor": [1.0], "work": [1.0, 2.0, 3.0]}, True),
        ({"floor": [1.0, 2.0, 3.0], "work": [2.0]}, True),
        ({"floor": [1.0], "work": [0.9]}, True),
    ],
    ids=["even", "the work's spread", "the floor's spread", "faster than its products"],
)
def test_a_busy_machine_is_told(times, busy):
    figures = against_floor(1e9, list, {"work": dict}, 1, lambda *_: times)
    assert is_busy(figures["work"]) == busy


def test_work_is_counted_as_its_own(monkeypatch):
    monkeypatch.setattr(measuring, "in_turn", lambda works, _: dict.fromkeys(works, [2.0]))
    step, images = SMALL.flop, 200
    prediction = SMALL.forward_flop(images, SMALL.classes)
    found = bench(Backend(), SMALL, FLOAT32, 1)
    counted = {name: figures["gflops"] * 2e9 for name, figures in found.items()}
    assert counted == pytest.approx({"step": step, "prediction": prediction})


class Clock:
    """A clock that runs while somebody sleeps or works."""

    def __init__(self, monkeypatch):
        self.now, self.calls, self.since_sleep = 0.0, [], 0
        for name in ("sleep", "perf_counter"):
            monkeypatch.setattr(measuring.time, name, getattr(self, name))

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.since_sleep = 0

    def work(self, name):
        """Calls of 50 s while it warms up; then of 1 s, 4 s, 9 s and so on."""
        calls = self.since_sleep = self.since_sleep + 1
        self.calls.append(name)
        self.now += 50 if calls <= measuring.WARM_UP else (calls - measuring.WARM_UP) ** 2


def test_functions_have_turns_and_the_median_of_settled_calls_is_their_time(monkeypatch):
    clock = Clock(monkeypatch)
    works = {name: lambda name=name: clock.work(name) for name in "ab"}
    seconds = interleaved(works, 25)
    assert seconds == {"a": 30.5, "b": 30.5}  # of 1, 4, 9 to 100
    turns = [(name, len(list(calls))) for name, calls in groupby(clock.calls)]
    assert turns == 3 * [("a", 12), ("b", 12)]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_profile_adds_up_to_the_step(backend):
    found = script("step")["profile"](backend, "mnist", FLOAT32, 2)
    total = found.pop("step")
    assert {"standardise", "multiply", "activate", "delta", "adam", "run"} < set(found)
    assert min(found.values()) >= 0
    assert sum(found.values()) == pytest.approx(total)


def test_scaling_draws_what_was_measured(tmp_path):
    scaling = script("scaling")
    ratios = {name: {"floor_ratio": 0.9} for name in ("numpy", "numba")}
    axes = {axis: dict.fromkeys(cases, ratios) for axis, cases in scaling["axes"]().items()}
    (tmp_path / "found.json").write_text(json.dumps({"axes": axes}))
    options = ["--no-measure", "--json", tmp_path / "found.json", "--figure", tmp_path / "x.svg"]
    done = CliRunner().invoke(scaling["main"], list(map(str, options)))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "x.svg").read_text().count("numba") == 1


def test_without_torch_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "ffnp.bench.pytorch", None)  # import fails
    done = CliRunner().invoke(script("against_torch")["main"])
    assert done.exit_code == 1
    assert done.output == "Error: PyTorch is not installed: pip install torch\n"


@pytest.fixture
def pytorch():
    pytest.importorskip("torch", reason="PyTorch is needed for comparing with it alone")
    from ffnp.bench import pytorch

    return pytorch


@pytest.mark.parametrize("style", ["Usual", "OneBatch"])
def test_styles_of_torch_are_compared_first(pytorch, style):
    right = getattr(pytorch, style)
    pytorch.validated(right, SMALL, FLOAT32)

    class Shifted(right):
        def __init__(self, step):
            super().__init__(step)
            self.theta += 0.01

    with pytest.raises(AssertionError, match="losses of PyTorch"):
        pytorch.validated(Shifted, SMALL, FLOAT32)


@pytest.mark.parametrize(("system", "megabytes"), [("linux", 3.0), ("darwin", 3 / 1024)])
def test_peak_memory_is_in_megabytes(monkeypatch, system, megabytes):
    """Linux counts kilobytes, macOS bytes."""
    resource = pytest.importorskip("resource", reason="Windows does not count")
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(resource, "getrusage", lambda _: SimpleNamespace(ru_maxrss=3072))
    assert peak_memory() == megabytes


def test_a_system_that_counts_no_memory_is_measured_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)  # import fails
    assert peak_memory() is None


def test_what_torch_predicts_is_compared_first(pytorch, monkeypatch):
    votes = pytorch.Passes.votes
    monkeypatch.setattr(pytorch.Passes, "votes", lambda self, x: 1.001 * votes(self, x))
    with pytest.raises(AssertionError, match="scores of PyTorch"):
        pytorch.prediction({}, SMALL, FLOAT32, 20, 1)


def test_torch_is_timed_beside_a_backend_and_what_fails_is_named(pytorch, monkeypatch):
    class Fails(pytorch.Compiled):
        def __init__(self, step):
            raise RuntimeError("no compiler\nof C++")

    monkeypatch.setitem(pytorch.STYLES, "compiled", Fails)
    monkeypatch.setattr(
        pytorch,
        "interleaved",
        lambda works, _: {name: 2.0 if name == "ours" else 3.0 for name in works},
    )
    figures, failures = pytorch.compare(Backend(), SMALL, FLOAT32, 1)
    slower = {"seconds": 3.0, "times_faster": 1.5}
    assert failures == {"compiled": "no compiler"}
    assert figures == {
        "step": {"usual": slower, "one batch": slower}, "prediction": {pytorch.PASSES: slower},
    }  # fmt: skip


@pytest.mark.parametrize("compared", ["steps", "predictions"])
def test_backends_are_compared_with_their_own_products(compared):
    counted = {"steps": SMALL.flop, "predictions": SMALL.forward_flop(20, SMALL.classes)}
    images = {"images": 20} if compared == "predictions" else {}
    compare = {"steps": compare_steps, "predictions": compare_predictions}[compared]
    found = compare(["reference", "numpy"], SMALL, FLOAT32, 1, **images)
    for name in ("reference", "numpy"):
        flop = found[name]["gflops"] * found[name]["seconds"] * 1e9
        assert flop == pytest.approx(counted[compared])
