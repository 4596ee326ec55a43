"""Benchmarks compare results before they time them. Nothing here asserts a time."""

import json
import runpy
import sys
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import ffnp
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


@pytest.mark.parametrize("joined", ["first", "every"])
def test_a_floor_is_the_products_of_the_work(joined):
    """The same operations in a step, in its floor and in `Shapes.flop`; in prediction likewise."""
    small = replace(SMALL, options={"joined": joined})
    found = []
    for make in (Step, products):
        backend = Counting()
        make(backend, small, FLOAT32)()
        found.append(backend.flop)
    assert found == [small.flop] * 2
    found = []
    for make in (Prediction, prediction_products):
        backend = Counting()
        make(backend, small, FLOAT32, images=450)()  # two blocks and a smaller one
        found.append(backend.flop)
    assert found == [small.forward_flop(450, small.classes)] * 2


def test_a_limit_is_the_floor_and_what_is_moved_in_memory(monkeypatch):
    seconds = {"floor": [2.0], "memory": [1.0], "numpy": [4.0]}
    told = partial(against_floor, timer=lambda works, _: {name: seconds[name] for name in works})
    monkeypatch.setattr(measuring, "against_floor", told)
    figures = compare_steps(["numpy"], SMALL, FLOAT32, 1)
    assert figures["numpy"]["limit_ratio"] == 0.75
    assert set(figures) == {"floor", "numpy"}


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


@pytest.fixture
def rivals(pytorch, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import rivals

    return rivals


@pytest.mark.parametrize("style", ["Usual", "OneBatch"])
def test_styles_of_torch_are_compared_first(pytorch, style):
    right = getattr(pytorch, style)
    pytorch.validated(right, SMALL, FLOAT32)

    class Shifted(right):
        def __init__(self, *parts):
            super().__init__(*parts)
            self.theta += 0.01

    with pytest.raises(AssertionError, match="losses of PyTorch"):
        pytorch.validated(Shifted, SMALL, FLOAT32)


TO_ERROR = script("time_to_error")
ERRORS = {"mnist": (5.0, 2.0)}


@pytest.fixture
def to_error(monkeypatch):
    """What benchmarks/time_to_error.py defines, which asks for few errors, without PyTorch."""
    found = TO_ERROR["main"].callback.__globals__
    monkeypatch.setitem(found, "ERRORS", ERRORS)
    monkeypatch.setitem(sys.modules, "rivals", None)  # import fails
    return found


def run_of(contender, epochs, seed, *points, ours=False):
    """A run of MNIST, of which the points are (seconds, error)."""
    return TO_ERROR["Run"](
        "mnist", contender, ours, True, epochs, seed,
        points=[(float(i), *point) for i, point in enumerate(points, 1)],
    )  # fmt: skip


def test_seconds_until_an_error_are_those_when_it_was_first_as_low():
    run = run_of("a", 9, 0, (1.0, 6.0), (2.0, 5.0), (3.0, 5.5), (4.0, 2.0))
    assert [run.until(error) for error in (6.0, 5.0, 2.1, 1.9)] == [1.0, 2.0, 4.0, np.inf]


@pytest.mark.parametrize(
    ("lowest", "cap", "ended"), [(1.0, 9.0, False), (3.0, 9.0, True), (1.0, 2.0, True)]
)
def test_a_run_ends_at_the_lowest_error_or_at_its_cap(lowest, cap, ended):
    assert run_of("a", 9, 0, (1.0, 3.0), (2.0, 4.0)).ended(lowest, cap) == ended


def test_a_run_ends_with_its_epochs():
    assert run_of("a", 2, 0, (1.0, 5.0), (2.0, 4.0)).ended(1.0, 9.0)


def test_a_row_has_the_quickest_plan_by_the_median_of_its_seeds():
    runs = [run_of("a", 10, seed, (seconds, 5.0)) for seed, seconds in enumerate((1.0, 7.0, 8.0))]
    runs += [run_of("a", 20, seed, (seconds, 5.0)) for seed, seconds in enumerate((4.0, 6.0, 9.0))]
    (row,) = TO_ERROR["rows_of"](runs, "mnist")
    assert row.until(5.0) == (6.0, 20)
    assert (row.cell(5.0), row.cell(4.0)) == ("6 @20", "-")


def test_the_others_are_compared_with_our_best_at_each_error():
    ours = [
        run_of("best/numpy", 9, 0, (1.0, 5.0), (8.0, 2.0), ours=True),
        run_of("best/numba", 9, 0, (2.0, 5.0), (4.0, 2.0), ours=True),
    ]
    theirs = [
        run_of("never", 9, 0, (40.0, 9.0)),
        run_of("quick", 9, 0, (0.5, 2.0)),
        run_of("slow", 9, 0, (6.0, 5.0), (12.0, 2.0)),
    ]
    rows = TO_ERROR["rows_of"](ours + theirs, "mnist")
    best = [TO_ERROR["best_of"](rows, error) for error in (5.0, 2.0, 1.0)]
    assert [each and each.name for each in best] == ["best/numpy", "best/numba", None]
    pairs = list(zip(best, (5.0, 2.0, 1.0), strict=True))
    assert {row.name: [TO_ERROR["ratio"](row, *pair) for pair in pairs] for row in rows[2:]} == {
        "never": [">40x", ">10x", "-"],
        "quick": ["0.5x", "0.12x", "-"],
        "slow": ["6x", "3x", "-"],
    }


class Counted:
    """A training of which a turn takes so many seconds."""

    def __init__(self, name, seconds, turns):
        self.run, self._seconds = run_of(name, 9, 0), seconds
        self.turns = turns

    def go_on(self):
        self.turns.append(self.run.contender)
        self.run.points.append((0.0, self.run.seconds + self._seconds, 50.0))


def test_who_has_trained_least_is_the_next():
    turns = []
    trainings = [Counted("quick", 1.0, turns), Counted("slow", 2.5, turns)]
    ended = [run.contender for run in TO_ERROR["in_turn"](trainings, 0.0, 4.0)]
    assert turns == ["quick", "slow", "quick", "quick", "slow", "quick"]
    assert ended == ["slow", "quick"]


class Steady:
    """A learner of 8 batches an epoch, which counts them."""

    batches = 8

    def __init__(self):
        self.trained = []

    def train(self, batches):
        self.trained.append(batches)

    def predict(self, images):
        return np.zeros(len(images), int)


def test_the_error_is_taken_often_at_first(monkeypatch, to_error):
    monkeypatch.setitem(to_error, "SETTLING", 0.0)
    data = ffnp.load("mnist")
    learner = Steady()
    training = to_error["Training"](learner, run_of("steady", 9, 0), data.test)
    for _ in range(10):
        training.go_on()
    assert learner.trained == 8 * [2] + 2 * [8]
    zeros = 100 - 100 * np.mean(data.test.labels == 0)
    assert training.run.points[-1][::2] == (4.0, pytest.approx(zeros))


def test_an_error_is_that_of_evaluate(to_error):
    data = ffnp.load("mnist")
    training = to_error["Recipe"](ffnp.Config(backend="numpy"), data, 400)
    training.train(2)
    few = data.test.first(50)
    error = to_error["error_of"](training.predict(few.images), few.labels)
    assert error == ffnp.evaluate(training.model, few).all


def test_what_is_held_is_not_trained_again(tmp_path, monkeypatch, to_error):
    path = tmp_path / "found.json"
    options = ["--contender", "ff/numpy", "--epochs", "1", "--seeds", "1"]
    options += ["--limit-train", "400", "--limit-test", "50", "--json", str(path)]
    first = CliRunner().invoke(TO_ERROR["main"], options)
    assert first.exit_code == 0, first.output
    assert "after 1 epochs" in first.output and "torch/*: not measured" in first.output
    monkeypatch.setitem(to_error, "warm_up", untimed)
    again = CliRunner().invoke(TO_ERROR["main"], options)
    assert again.exit_code == 0, again.output
    assert again.output.split("seconds to")[1] == first.output.split("seconds to")[1]


def test_who_cannot_be_measured_is_named(capsys, to_error):
    def make(*_):
        raise TypeError("of another version\nand more")

    contender = to_error["Contender"]("library", make, lambda: None, False, False)
    assert to_error["warm_up"](contender, ffnp.load("mnist")) is None
    assert capsys.readouterr().err == "library: not measured: of another version\n"


def test_wrong_results_are_not_timed(to_error):
    def wrong():
        raise AssertionError("scores")

    contender = to_error["Contender"]("wrong", lambda *_: Steady(), wrong, False, False)
    with pytest.raises(AssertionError, match="scores"):
        to_error["warm_up"](contender, ffnp.load("mnist"))


def test_seconds_to_an_error_are_drawn_of_what_was_measured(tmp_path, to_error):
    runs = [run_of("best/numba", 9, 0, (1.0, 5.0), (4.0, 2.0), ours=True)]
    runs += [run_of("fflib", 9, 0, (90.0, 80.0))]
    to_error["write"](tmp_path / "found.json", {}, {run.key: run for run in runs})
    options = ["--from", tmp_path / "found.json", "--figure", tmp_path / "x.svg"]
    done = CliRunner().invoke(TO_ERROR["main"], list(map(str, options)))
    assert done.exit_code == 0, done.output
    assert [line.split() for line in done.output.splitlines() if line.startswith("fflib")] == [
        ["fflib", "-", "-", "80.00", "0.0"],
        ["fflib", ">90x", ">22x"],
    ]
    assert "best/numba" in (tmp_path / "x.svg").read_text()


@pytest.mark.parametrize("name", ["PlainLearner", "BackpropLearner"])
def test_rivals_in_torch_begin_as_the_reference(rivals, monkeypatch, name):
    learner = getattr(rivals, name)

    class Shifted(learner.twin):
        def __init__(self, *parts):
            super().__init__(*parts)
            self.layers[-1][1].data[0] += 0.1

    with rivals.torch.compiler.set_stance("force_eager"):  # compiling takes a minute
        learner.validate(SMALL)
        monkeypatch.setattr(learner, "twin", Shifted)
        with pytest.raises(AssertionError, match="losses of PyTorch"):
            learner.validate(SMALL)


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
    votes = pytorch.Networks.votes
    monkeypatch.setattr(pytorch.Networks, "votes", lambda self, x: 1.001 * votes(self, x))
    with pytest.raises(AssertionError, match="scores of PyTorch"):
        pytorch.prediction({}, SMALL, FLOAT32, 20, 1)


def test_torch_is_timed_beside_a_backend_and_what_fails_is_named(pytorch, monkeypatch):
    class Fails(pytorch.Compiled):
        def __init__(self, *parts):
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


@pytest.mark.parametrize("name", ["PlainLearner", "Hard", "Head"])
def test_rivals_in_torch_draw_wrong_labels(rivals, name):
    images = np.random.default_rng(0).integers(0, 256, (60, 30), np.uint8)
    data = rivals.Images(ffnp.from_arrays(images, np.arange(60) % 3))
    learner = getattr(rivals, name)(data, 60, 0, 1)
    learner.shuffle()
    x, labels = learner.batch()
    assert (labels[:, 0] == data.true[learner.order]).all() and (x == data.x[learner.order]).all()
    assert (labels[:, 0] != labels[:, 1]).all()
    assert len(set(labels[:, 1].tolist())) == 3
