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
from dataclasses import replace

import pytest
from threadpoolctl import threadpool_limits

from ffnp import Config, train
from ffnp.errors import InputError
from ffnp.reproduction import TARGETS, Task, expand, run_tasks
from ffnp.reproduction.experiments import DATASETS, PROTOCOLS, ROWS
from ffnp.reproduction.figures import figure2, figure4
from ffnp.reproduction.running import finished, result_path, run_task
from ffnp.reproduction.tables import cells, comma_separated, markdown

SMALL = Config(
    limit_train=200, limit_test=100, hidden=(12, 10), epochs=2, batch_size=50, backend="numpy"
)
COMMAND = [sys.executable, "-c", "from ffnp_cli.main import main; main()", "reproduce"]
OPTIONS = ["--limit-train", "300", "--limit-test", "100", "--backend", "numpy"]


def tasks(*rows, seeds=1, **options):
    return expand("table1", replace(SMALL, **options), ["mnist"], rows, seeds)


def without_times(result):
    kept = {k: v for k, v in result.items() if k not in ("train_seconds", "metrics")}
    return kept | {"losses": [record["losses"] for record in result["metrics"]]}


@pytest.mark.parametrize("target", TARGETS)
def test_every_run_of_a_target_is_a_valid_configuration_with_a_name_of_its_own(target):
    for protocol in PROTOCOLS.values():
        found = expand(target, Config(**protocol), seeds=3)
        count = len(TARGETS[target].rows) * len(TARGETS[target].datasets) * 3
        assert len({task.name for task in found}) == len(found) == count
        assert {task.config.seed for task in found} == {0, 1, 2}


def test_table1_has_the_papers_seven_rows_and_their_numbers():
    with_paper = [name for name in TARGETS["table1"].rows if ROWS[name].paper]
    assert len(with_paper) == 7
    assert all(set(ROWS[name].paper) == set(DATASETS) for name in with_paper)


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="unknown target 'table9': choose table1"):
        expand("table9", SMALL)
    with pytest.raises(InputError, match="unknown data set 'nope'"):
        expand("table1", SMALL, ["nope"])
    with pytest.raises(InputError, match="unknown method 'nope'"):
        expand("table1", SMALL, rows=["nope"])


def test_a_task_gives_what_train_gives_and_is_not_repeated(tmp_path):
    task = tasks("ff-network")[0]
    found = run_task(task, tmp_path)
    alone = train(task.config)
    assert found["test_error"] == alone.test.to_dict()
    before = result_path(tmp_path, task).stat().st_mtime_ns
    assert run_task(task, tmp_path) == found
    assert result_path(tmp_path, task).stat().st_mtime_ns == before


def test_a_run_that_recorded_every_epoch_serves_the_table_too(tmp_path):
    (recorded,) = expand("figure4", SMALL, rows=["ff-network"], seeds=1)
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
        "--seeds", "1", "--epochs", "12", *OPTIONS,
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
    task = Task(row, replace(SMALL, dataset=dataset, seed=seed, **ROWS[row].options))
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
    chosen = expand("figure4", SMALL, rows=["ff-network", "backprop-label"], seeds=1)
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
def reproduce(monkeypatch, capsys):
    from ffnp_cli.main import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ffnp", "reproduce", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return stopped.value.code, printed.out, printed.err

    return run


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
