"""Tables and figures: the runs behind them, resumed, skipped, spread out, and put together."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from functools import partial

import pytest
from small_run import in_this_process
from threadpoolctl import threadpool_limits

from ffnp import Config, train
from ffnp.errors import InputError
from ffnp.reproduction import TARGETS, Task, expand, run_tasks, spreading
from ffnp.reproduction.experiments import PROTOCOLS, ROWS
from ffnp.reproduction.figures import figure2, figure4
from ffnp.reproduction.running import finished, result_path, run_task, store
from ffnp.reproduction.tables import cells, comma_separated, markdown

SMALL = dict(
    limit_train=200, limit_test=100, hidden=(12, 10), epochs=2, batch_size=50, backend="numpy"
)
COMMAND = [sys.executable, "-c", "from ffnp_cli.main import main; main()", "reproduce"]
OPTIONS = ["--limit-train", "300", "--limit-test", "100", "--backend", "numpy"]


def tasks(*rows, seeds=1, **options):
    return expand("table1", "paper", SMALL | options, ["mnist"], rows, seeds)


def without_times(result):
    kept = {k: v for k, v in result.items() if k not in ("train_seconds", "metrics")}
    return kept | {"losses": [record["losses"] for record in result["metrics"]]}


@pytest.mark.parametrize("target", TARGETS)
def test_every_run_of_a_target_is_a_valid_configuration_with_a_name_of_its_own(target):
    for protocol in PROTOCOLS:
        found = expand(target, protocol, seeds=3)
        count = len(TARGETS[target].rows) * len(TARGETS[target].datasets) * 3
        assert len({task.name for task in found}) == len(found) == count
        assert {task.config.seed for task in found} == {0, 1, 2}
        assert [task.config.idle() for task in found] == [[]] * count


def test_a_row_of_so_many_layers_takes_the_first_width_that_is_given():
    found = expand("depth", given={"hidden": (20, 10)}, datasets=["mnist"], seeds=1)
    widths = {task.row: task.config.hidden for task in found}
    assert widths["best-5"] == widths["ff-5"] == (20,) * 5
    assert (widths["others-2"], widths["others-network"]) == ((20, 20), (20, 10))


def settings(config):
    """What a configuration sets otherwise than the default, but for the data set and the seed."""
    default = Config(dataset=config.dataset, seed=config.seed).to_dict()
    return {name: value for name, value in config.to_dict().items() if value != default[name]}


# Test errors of MNIST, Fashion-MNIST and CIFAR-10, and what a row's training sets; from the paper
# (gamma others is the default).
TABLE1 = {
    "backprop-pairwise": (
        [2.0, 10.7, 45.4], {"method": "backprop-pairwise", "labels": "all", "label_scale": 50.0},
    ),
    "backprop-label": ([1.5, 10.7, 45.9], {"method": "backprop-label"}),
    "ff-layer": ([3.3, 13.2, 54.2], {"method": "ff", "schedule": "layer"}),
    "ff-network": ([3.4, 13.6, 53.7], {"method": "ff"}),
    "previous-layer": ([2.2, 11.6, 53.2], {"gamma": "previous", "schedule": "layer"}),
    "previous-network": ([2.2, 11.6, 51.6], {"gamma": "previous"}),
    "others-network": ([2.1, 12.0, 52.7], {}),
    "softmax-ff": ([], {"method": "ff", "objective": "softmax"}),
}  # fmt: skip
ENTROPY = {  # of Fashion-MNIST alone
    "entropy-layer": ([13.7], {"method": "ff", "schedule": "layer", "objective": "entropy"}),
    "entropy-others": ([12.9], {"objective": "entropy"}),
}


@pytest.mark.parametrize(
    ("target", "datasets", "expected"),
    [
        ("table1", ["mnist", "fashion-mnist", "cifar10"], TABLE1),
        ("entropy", ["fashion-mnist"], ENTROPY),
    ],
)
def test_rows_train_what_the_paper_trained_and_show_its_numbers(target, datasets, expected):
    found = expand(target, seeds=1)
    assert [(task.config.dataset, task.row) for task in found] == [
        (dataset, row) for dataset in datasets for row in expected
    ]
    for task in found:
        errors, options = expected[task.row]
        assert settings(task.config) == options | {"input_length": 3.0}, task.row
        assert ROWS[task.row].paper == dict(zip(datasets, errors, strict=bool(errors))), task.row


def test_runs_of_figure4_record_every_epoch_and_baselines_have_nothing_to_analyse():
    found = {task.row: task.config for task in expand("figure4", seeds=1)}
    recorded = {row: (c.evaluate_every, c.analyse_every) for row, c in found.items()}
    assert recorded == {
        "ff-network": (1, 1), "others-network": (1, 1),
        "backprop-pairwise": (1, 0), "backprop-label": (1, 0),
    }  # fmt: skip


def test_the_papers_protocol_is_that_of_its_experiments():
    config = Config(**PROTOCOLS["paper"])
    assert (config.hidden, config.epochs, config.batch_size) == ((500, 500, 500), 150, 200)
    assert (config.optimizer, config.lr, config.lr_schedule) == ("adam", 0.001, "constant")
    assert settings(config) == {"input_length": 3.0}  # ours
    fast = {"epochs": 40, "lr_schedule": "linear", "input_length": 3.0}
    assert settings(Config(**PROTOCOLS["fast"])) == fast


def test_runs_come_seed_by_seed():
    found = expand("figure2", datasets=["mnist", "cifar10"], seeds=2)
    assert [(task.config.seed, task.config.dataset, task.row) for task in found] == [
        (0, "mnist", "ff-network"), (0, "mnist", "others-network"),
        (0, "cifar10", "ff-network"), (0, "cifar10", "others-network"),
        (1, "mnist", "ff-network"), (1, "mnist", "others-network"),
        (1, "cifar10", "ff-network"), (1, "cifar10", "others-network"),
    ]  # fmt: skip


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="unknown target 'table9': choose table1"):
        expand("table9")
    with pytest.raises(InputError, match="unknown data set 'nope'"):
        expand("table1", datasets=["nope"])
    with pytest.raises(InputError, match="unknown method 'nope'"):
        expand("table1", rows=["nope"])


def test_a_task_gives_what_train_gives_and_is_not_repeated(tmp_path):
    task = tasks("ff-network")[0]
    found = run_task(task, tmp_path)
    alone = train(task.config)
    assert found["test_error"] == alone.test.to_dict()
    before = result_path(tmp_path, task).stat().st_mtime_ns
    assert run_task(task, tmp_path) == found
    assert result_path(tmp_path, task).stat().st_mtime_ns == before


def test_a_run_that_recorded_every_epoch_serves_the_table_too(tmp_path):
    (recorded,) = expand("figure4", "paper", SMALL, ["mnist"], ["ff-network"], seeds=1)
    (plain,) = tasks("ff-network")
    found = run_task(recorded, tmp_path)
    assert run_task(plain, tmp_path) == found
    assert [path.name for path in tmp_path.glob("results/*")] == [f"{recorded.name}.json"]
    assert without_times(run_task(plain, tmp_path / "alone"))["losses"] == [
        record["losses"] for record in found["metrics"]
    ]
    assert finished(tmp_path, Task(plain.row, replace(plain.config, epochs=3))) is None
    assert finished(tmp_path / "alone", recorded) is None


def test_a_result_of_another_configuration_is_refused(tmp_path):
    task = tasks("ff-network")[0]
    run_task(task, tmp_path)
    other = Task(task.row, replace(task.config, epochs=3))
    with pytest.raises(InputError, match="another configuration"):
        run_tasks([other], tmp_path)


# Another value of every setting that may decide a result.
CHANGED = {
    "dataset": "cifar10", "limit_train": 201, "limit_test": 101, "validation": 10, "method": "ff",
    "gamma": "next", "gamma_scale": 0.5, "objective": "softmax", "labels": 3, "theta": 21.0,
    "negatives": "hardest", "alpha": 2.0, "schedule": "layer", "update": "sequential",
    "hidden": (12, 11),
    "activation": "tanh", "scaling": "raw", "input_length": 4.0, "label_scale": 4.0,
    "pixel_dropout": 0.1, "unit_dropout": 0.1, "shift": 1, "flip": 0.5,
    "hidden_length": 2.0, "joined": "every", "optimizer": "sgd", "lr": 0.002, "momentum": 0.8,
    "weight_decay": 0.1, "lr_schedule": "linear", "epochs": 3,
    "batch_size": 51, "seed": 1, "cache_mb": 1, "backend": "numba", "device": 1, "dtype": "float64",
    "label_column": "5", "patience": 2, "keep": "best",
}  # fmt: skip
FREE = {"data_dir": "elsewhere", "evaluate_every": 1, "analyse_every": 1, "snapshot_every": 1}


def keep_result_of_another(out, name, value):
    """A task of the row previous-network, in whose place a result with another setting lies."""
    (task,) = tasks("previous-network")
    errors = {"all": 1.0, "layers": [1.0, 2.0], "groups": [1.0, 1.0]}
    config = replace(task.config, **{name: value}).to_dict()
    result = {"config": config, "test_error": errors, "train_seconds": 2.0, "metrics": []}
    store(out, task, result)
    return task, result


@pytest.mark.parametrize(("name", "value"), CHANGED.items(), ids=CHANGED)
def test_a_result_with_any_other_setting_is_refused(tmp_path, name, value):
    task, _ = keep_result_of_another(tmp_path, name, value)
    with pytest.raises(InputError, match="another configuration"):
        finished(tmp_path, task)


@pytest.mark.parametrize(("name", "value"), FREE.items(), ids=FREE)
def test_a_result_serves_wherever_its_data_lay_and_whatever_it_recorded(tmp_path, name, value):
    task, result = keep_result_of_another(tmp_path, name, value)
    assert finished(tmp_path, task) == json.loads(json.dumps(result))


def test_every_setting_decides_a_result_or_does_not():
    assert {*CHANGED, *FREE} == {field.name for field in fields(Config)}
    assert not CHANGED.keys() & FREE.keys()


def test_an_unfinished_run_of_another_configuration_is_refused(tmp_path):
    task = tasks("ff-network")[0]
    train(replace(task.config, epochs=1), tmp_path / "runs" / task.name)
    with pytest.raises(InputError, match="another configuration"):
        run_task(task, tmp_path)


def test_two_processes_give_the_results_of_one(tmp_path):
    chosen = tasks("ff-network", "backprop-label", seeds=2)
    done = []
    run_tasks(chosen, tmp_path / "two", jobs=2, done=done.append)
    assert sorted(task.name for task in done) == sorted(task.name for task in chosen)
    for task in chosen:
        with threadpool_limits(1, "blas"):  # as each of the two has
            alone = run_task(task, tmp_path / "one")
        assert without_times(finished(tmp_path / "two", task)) == without_times(alone)


def test_a_terminated_reproduction_goes_on_to_the_same_table(tmp_path):
    arguments = [
        *COMMAND, "table1", "--datasets", "mnist", "--methods", "ff-network,backprop-label",
        "--seeds", "1", "--epochs", "12", "--hidden", "12,10", *OPTIONS,
    ]  # fmt: skip
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    out = tmp_path / "stopped"
    with subprocess.Popen(
        [*arguments, "--out", out], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True, env=environment,
    ) as process:  # fmt: skip
        while not list(out.glob("runs/*/metrics.jsonl")):
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    tables = []
    for folder in (out, tmp_path / "whole"):
        done = subprocess.run([*arguments, "--out", folder], capture_output=True, env=environment)
        assert done.returncode == 0, done.stderr.decode()
        tables.append((folder / "table1.md").read_text())
    assert tables[0] == tables[1]


def hand_made(row, dataset, seed, error):
    task = Task(row, Config(**SMALL, dataset=dataset, seed=seed, **ROWS[row].options))
    return task, {"test_error": {"all": error}, "train_seconds": 2.0}


def test_table_shows_mean_deviation_and_difference_from_the_paper():
    table = cells(
        [
            hand_made("ff-network", "mnist", 0, 3.0),
            hand_made("ff-network", "mnist", 1, 4.0),
            hand_made("ff-network", "cifar10", 0, 53.0),
            hand_made("softmax-ff", "mnist", 0, 1.5),
        ]
    )
    text = markdown(table, {"cifar10": "CIFAR-10 (JPEG copy)"})
    assert text.splitlines() == [
        "| test error, % | mnist | CIFAR-10 (JPEG copy) |",
        "|---|---|---|",
        "| FF, network | 3.50 ± 0.71 (paper 3.4, +0.10) | 53.00 (paper 53.7, -0.70) |",
        "| softmax over labels, FF, network (ours) | 1.50 | - |",
    ]
    lines = list(csv.DictReader(io.StringIO(comma_separated(table))))
    assert lines[0] == {
        "row": "ff-network", "dataset": "mnist", "seeds": "2", "mean": "3.500",
        "deviation": "0.707", "paper": "3.400", "difference": "0.100", "seconds": "2.000",
    }  # fmt: skip
    assert lines[2]["paper"] == lines[2]["deviation"] == ""


def test_figures_show_what_was_measured(tmp_path):
    chosen = expand("figure4", "paper", SMALL, ["mnist"], ["ff-network", "backprop-label"], seeds=1)
    results = [(task, run_task(task, tmp_path)) for task in chosen]
    drawn = figure4(results, {"mnist": "MNIST"})
    entropy, curves = drawn.axes[0], drawn.axes[-1]
    recorded = [r["analysis"]["entropy_all"]["total"] for r in results[0][1]["metrics"]]
    assert list(entropy.lines[0].get_ydata()) == recorded
    assert len(curves.lines) == 2
    assert curves.get_title() == "MNIST"
    layers = figure2(results[:1], {}).axes[0]
    assert list(layers.lines[0].get_ydata()) == results[0][1]["test_error"]["layers"]
    assert list(layers.lines[1].get_ydata()) == results[0][1]["test_error"]["groups"]


@pytest.fixture
def reproduce(ffnp, monkeypatch):
    """The command, whose runs are this process's: what is looked at is what it writes."""
    monkeypatch.setattr(spreading, "_processes", in_this_process)
    return partial(ffnp, "reproduce")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_reproduce_writes_json_tables_and_figures(tmp_path, reproduce):
    arguments = ["figure2", "--datasets", "mnist", "--seeds", 1, "--epochs", 1, *OPTIONS]
    status, out, _ = reproduce(*arguments, "--out", tmp_path)
    assert status == 0
    assert "collaborative, gamma others" in out
    before = contents(tmp_path)
    assert set(before) == {f"figure2.{suffix}" for suffix in ("json", "md", "csv", "svg", "png")}
    assert len(json.loads(before["figure2.json"])) == 2
    assert reproduce(*arguments, "--out", tmp_path)[0] == 0
    assert contents(tmp_path) == before


def test_results_alone_give_the_table_again_and_what_is_missing(tmp_path, reproduce):
    arguments = ["table1", "--datasets", "mnist", "--epochs", 1, *OPTIONS]
    wanted = ["--methods", "ff-network,backprop-label", "--out"]
    reproduce(*arguments, "--seeds", 1, *wanted, tmp_path / "whole")
    shutil.copytree(tmp_path / "whole" / "results", tmp_path / "again" / "results")
    status, out, _ = reproduce(*arguments, "--seeds", 1, *wanted, tmp_path / "again", "--no-train")
    assert status == 0
    assert contents(tmp_path / "again") == contents(tmp_path / "whole")
    (tmp_path / "again" / "results" / "mnist-ff-network-0.json").unlink()
    status, out, _ = reproduce(*arguments, "--seeds", 2, *wanted, tmp_path / "again", "--no-train")
    assert status == 0
    assert "3 of 4 runs are missing" in out
    assert "| FF, network | missing |" in out
    assert not (tmp_path / "again" / "runs").exists()
    status, _, err = reproduce(*arguments, *wanted, tmp_path / "empty", "--no-train")
    assert status == 2
    assert "holds no finished run" in err
