"""Runs side by side: lists, frames, and comparisons over seeds."""

import csv
import io
import json
import shutil
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from small_training import StopAfter, small_dataset

from ffnp import Config, runs_frame, train
from ffnp.errors import InputError, InputWarning, TrainingError
from ffnp.runs.comparing import compare, interval, student, welch
from ffnp.runs.folder import Run
from ffnp.runs.listing import Entry, list_runs

SMALL = Config(hidden=(6, 5), epochs=2, batch_size=20, backend="numpy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two seeds of two methods, one of another rate, and one that was stopped."""
    folder, data = tmp_path_factory.mktemp("all") / "runs", small_dataset()
    for seed in (0, 1):
        for method in ("collab", "ff"):
            config = replace(SMALL, method=method, seed=seed)
            train(config, folder / f"{method}-{seed}", dataset=data)
    train(replace(SMALL, lr=0.01, backend="reference"), folder / "deep/er/fast", dataset=data)
    with pytest.raises(TrainingError):
        train(replace(SMALL, seed=7), folder / "stopped", StopAfter(3), dataset=data)
    return folder


def entry(seed, error, **choices):
    errors = {"all": error, "layers": [error], "groups": [error]}
    config = replace(SMALL, seed=seed, **choices)
    return Entry(f"{seed}", Run("x"), config, True, 2, 1.0, 5.0, errors)


def test_a_list_says_what_differs_and_what_is_not_finished(ffnp, folder):
    status, out, err = ffnp("runs", folder)
    assert (status, err) == (0, "")
    head, *lines = out.splitlines()
    assert head.split() == "run data method epochs error % seconds what differs".split()
    names = ["collab-0", "collab-1", "deep/er/fast", "ff-0", "ff-1", "stopped"]
    assert [line.split()[0] for line in lines] == names
    found = {line.split()[0]: line.rpartition("  ")[2] for line in lines}
    assert found["ff-1"] == "lr 0.001, seed 1"
    assert found["deep/er/fast"] == "lr 0.01, seed 0"
    assert lines[-1].split()[2:7] == ["collab", "1", "of", "2", "-"]


def test_a_list_in_json_holds_errors_and_configurations(ffnp, folder):
    runs = json.loads(ffnp("runs", folder, "--json")[1])["runs"]
    by_name = {each["name"]: each for each in runs}
    kept = json.loads((folder / "ff-0/config.json").read_text())["test_error"]
    assert by_name["ff-0"]["test_error"] == kept
    assert by_name["ff-0"]["config"]["method"] == "ff"
    assert by_name["stopped"]["test_error"] is None
    assert (by_name["stopped"]["epochs_done"], by_name["stopped"]["finished"]) == (1, False)


def test_a_damaged_run_is_named_and_left_out(ffnp, folder, tmp_path):
    shutil.copytree(folder / "ff-0", tmp_path / "good")
    shutil.copytree(folder / "ff-1", tmp_path / "bad")
    values = json.loads((tmp_path / "bad/config.json").read_text())
    for lie in ({"test_error": 5}, {"config": {}}):
        (tmp_path / "bad/config.json").write_text(json.dumps(values | lie))
        status, out, err = ffnp("runs", tmp_path)
        assert (status, err.count("\n")) == (0, 1)
        assert err.startswith(f"Note: {tmp_path / 'bad/config.json'} ")
        assert [line.split()[0] for line in out.splitlines()[1:]] == ["good"]


def test_where_there_are_no_runs(ffnp, tmp_path):
    assert ffnp("runs", tmp_path)[:2] == (0, f"no run in {tmp_path}\n")
    status, _, err = ffnp("runs", tmp_path / "nothing")
    assert status == 2
    assert err == f"Error: {tmp_path / 'nothing'}: no such folder: give one that holds runs\n"


def test_a_frame_has_a_row_a_run(folder):
    frame = runs_frame(folder)
    assert list(frame.index) == [each.name for each in list_runs(folder)]
    errors = json.loads((folder / "ff-0/config.json").read_text())["test_error"]
    row = frame.loc["ff-0"]
    assert (row.error, row.error_layer2, row.error_group1) == (
        errors["all"], errors["layers"][1], errors["groups"][0],
    )  # fmt: skip
    assert frame.loc["deep/er/fast"].lr == 0.01
    assert frame.error.isna().to_list() == [False] * 5 + [True]


def test_a_frame_of_nothing_has_no_rows(tmp_path):
    assert len(runs_frame(tmp_path)) == 0


def test_seeds_are_grouped_and_compared_with_the_first(ffnp, folder):
    runs = [folder / name for name in ("ff-0", "ff-1", "collab-0", "collab-1", "deep")]
    groups = json.loads(ffnp("compare", *runs, "--json")[1])["groups"]
    assert [each["seeds"] for each in groups] == [[0, 1], [0, 1], [0]]
    assert [each["title"] for each in groups] == [
        "method ff, lr 0.001", "method collab, lr 0.001", "method collab, lr 0.01",
    ]  # fmt: skip
    first, second, third = groups
    assert first["difference"] is None
    pairs = [b - a for a, b in zip(first["errors"], second["errors"], strict=True)]
    assert second["difference"]["paired"]
    assert second["difference"]["mean"] == pytest.approx(sum(pairs) / 2)
    assert second["difference"]["interval"] == pytest.approx(interval(pairs))
    assert third["difference"]["interval"] is third["deviation"] is None


def test_a_table_and_csv_say_the_same(ffnp, folder):
    runs = [folder / name for name in ("ff-0", "ff-1", "collab-0", "collab-1")]
    lines = ffnp("compare", *runs)[1].splitlines()
    rows = list(csv.DictReader(io.StringIO(ffnp("compare", *runs, "--csv")[1])))
    assert [row["configuration"] for row in rows] == ["method ff", "method collab"]
    low, high = (float(rows[1][end]) for end in ("low", "high"))
    assert lines[2].split()[2:7] == [
        "2", f"{float(rows[1]['mean']):.2f}", f"{float(rows[1]['deviation']):.2f}",
        f"{float(rows[1]['difference']):+.2f}", f"{low:+.2f}..{high:+.2f}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["stopped"], "is not finished: `ffnp train --resume "),
        (["nothing"], "nothing: no such folder: give one that holds runs"),
        (["ff-0", "--json", "--csv"], "--csv and --json exclude each other: leave out one"),
    ],
)
def test_what_cannot_be_compared_is_one_line(ffnp, folder, arguments, message):
    status, out, err = ffnp("compare", folder / arguments[0], *arguments[1:])
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_errors_that_were_not_kept_are_measured(ffnp, run_folder, tmp_path):
    shutil.copytree(run_folder[0], tmp_path / "run")
    path = tmp_path / "run/config.json"
    values = json.loads(path.read_text())
    kept = values.pop("test_error")
    path.write_text(json.dumps(values))
    assert "`ffnp compare` measures it" in ffnp("runs", tmp_path)[1]
    (group,) = json.loads(ffnp("compare", tmp_path, "--json")[1])["groups"]
    assert group["errors"] == [kept["all"]]


def test_two_runs_of_one_seed_are_noted():
    with pytest.warns(InputWarning, match="ff has several runs of seed 0: they are not indep"):
        compare([entry(0, 2.0, method="ff"), entry(0, 3.0, method="ff")])


def test_equal_seeds_make_pairs_in_any_order():
    """5.0 - 2.0 and 5.5 - 3.0."""
    mine = [entry(1, 5.5, lr=1.0), entry(0, 5.0, lr=1.0)]
    found = compare([entry(0, 2.0), entry(1, 3.0), *mine])[1].difference
    assert (found.paired, found.mean) == (True, 2.75)
    assert found.interval == pytest.approx((2.75 - 12.7062 * 0.25, 2.75 + 12.7062 * 0.25), rel=1e-5)


def test_other_seeds_make_no_pairs():
    groups = compare([entry(0, 2.0), entry(1, 3.0), entry(2, 5.0, lr=1.0), entry(3, 4.5, lr=1.0)])
    assert not groups[1].difference.paired
    assert groups[1].difference.interval == pytest.approx(welch([5.0, 4.5], [2.0, 3.0]))


def test_what_decides_no_result_makes_no_group():
    free = entry(1, 3.0, backend="numba", evaluate_every=1, data_dir="x", momentum=0.1)
    assert len(compare([entry(0, 2.0), free])) == 1  # momentum is sgd's
    assert len(compare([entry(0, 2.0), entry(1, 3.0, limit_train=5)])) == 2


def test_nothing_is_compared_with_nothing():
    with pytest.raises(InputError, match="no run to compare"):
        compare([])


# Of printed tables: 97.5% of Student's distribution.
def test_a_run_without_errors_is_named():
    mine = replace(entry(0, 2.0), test_error=None)
    with pytest.raises(InputError, match="0 has no errors to compare"):
        compare([entry(1, 3.0), mine])


def test_one_pair_has_no_interval():
    found = compare([entry(0, 2.0), entry(0, 5.0, lr=1.0)])[1].difference
    assert (found.mean, found.interval, found.paired) == (3.0, None, True)


@pytest.mark.parametrize(
    "freedom, t",
    [(1, 12.7062), (2, 4.30265), (4, 2.77645), (30, 2.04227), (120, 1.97993), (1e6, 1.95996)],
)
def test_student_is_that_of_the_tables(freedom, t):
    assert student(freedom) == pytest.approx(t, rel=2e-3 if freedom > 1000 else 1e-5)


def test_welch_is_as_by_hand():
    """Means 20.6 and 22.1, sums of squares 12.2 and 11.36, n 5 and 8."""
    a, b = [18.5, 19.5, 20.5, 21.5, 23.0], [20.0, 21.0, 21.5, 22.0, 22.5, 22.5, 23.3, 24.0]
    low, high = welch(a, b)
    squares = (12.2 / 4 / 5, 11.36 / 7 / 8)  # variances over n
    freedom = sum(squares) ** 2 / (squares[0] ** 2 / 4 + squares[1] ** 2 / 7)
    assert (low + high) / 2 == pytest.approx(20.6 - 22.1)
    assert (high - low) / 2 == pytest.approx(student(freedom) * sum(squares) ** 0.5, rel=1e-9)


errors = some.lists(some.floats(0, 100), min_size=2, max_size=6)


@settings(max_examples=25)
@given(errors, errors, some.floats(-50, 50))
def test_intervals_are_mirrored_and_move_with_their_values(a, b, shift):
    low, high = welch(a, b)
    assert welch(b, a) == pytest.approx((-high, -low), abs=1e-6)
    moved = welch([each + shift for each in a], b)
    assert moved == pytest.approx((low + shift, high + shift), abs=1e-4)


@pytest.mark.parametrize("given", [3, None, ["runs"]])
def test_a_folder_of_another_type_is_named(given):
    for look in (list_runs, runs_frame):
        with pytest.raises(InputError, match=f"the folder is of type {type(given).__name__}: give"):
            look(given)


@pytest.mark.parametrize("given, what", [(3, "the runs is"), ("runs", "a run is"), ([3], "a run ")])
def test_what_is_compared_are_entries_of_a_list(given, what):
    with pytest.raises(InputError, match=f"{what}.* of type .*list_runs"):
        compare(given)
