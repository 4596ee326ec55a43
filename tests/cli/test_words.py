"""What is shown is called what it is: pairs, errors, and who voted."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from small_run import SMALL

from ffnp import load
from ffnp.scoring.evaluation import Evaluation
from ffnp_cli.progress import Bars
from ffnp_cli.report import error_table


def evaluation(*groups):
    return Evaluation(groups[-1], [50.0] * len(groups), list(groups), np.eye(5, dtype=np.int64))


@pytest.mark.parametrize(
    "groups, layers, last",
    [
        ([3.0, 2.0], None, "test error 2.00% of 5 images, by the vote of all"),
        ([3.0], None, "test error 3.00% of 5 images"),  # a baseline: it has one output
        ([3.0], [2], "test error 3.00% of 5 images, by layer 2 alone"),
        ([3.0, 2.0], [1, 3], "test error 2.00% of 5 images, by the vote of layers 1 and 3"),
        ([3.0, 2.0, 1.0], [3, 1, 2], "of 5 images, by the vote of layers 3, 1 and 2"),
    ],
)
def test_a_table_says_who_voted(groups, layers, last):
    lines = error_table(evaluation(*groups), "test", layers).splitlines()
    assert lines[-1].endswith(last)
    names = [line.split()[0] for line in lines[1:-1]]
    wanted = layers or list(range(1, len(groups) + 1))
    assert names == ([] if len(groups) == 1 else list(map(str, wanted)))


def test_a_table_says_on_which_labels_they_voted():
    found = evaluation(3.0, 2.0)
    among = ", on the 3 labels that layer 1 finds best"
    assert error_table(found, "test", None, 3).endswith(f"by the vote of all{among}")
    assert error_table(evaluation(3.0), "test", [2], 3).endswith(f"by layer 2 alone{among}")
    assert error_table(found, "test", None, 1).endswith("on the label that layer 1 finds best")


@pytest.mark.parametrize("method", ["backprop-label", "backprop-pairwise", "local-heads", "ff"])
def test_the_whole_networks_output_is_no_layer(ffnp, tmp_path, method):
    run, digit = tmp_path / "run", tmp_path / "digit.npy"
    assert ffnp("train", *SMALL, "--method", method, "--out", run)[0] == 0
    np.save(digit, load("mnist").test.images[:1])
    voter = "the output" if method.startswith("backprop") else "layer 1 alone"
    assert ffnp("evaluate", run, "--layers", 1)[1].endswith(f", by {voter}\n")
    line = ffnp("predict", run, digit, "--layers", 1)[1].splitlines()[2]
    assert line.startswith("  output " if voter == "the output" else "  layer 1 ")


def test_evaluate_names_the_voters(ffnp, run_folder):
    assert (
        "by the vote of layers 2 and 1\n" in ffnp("evaluate", run_folder[0], "--layers", "2,1")[1]
    )
    assert "by layer 2 alone\n" in ffnp("evaluate", run_folder[0], "--layers", "2")[1]
    assert "by the vote of all\n" in ffnp("evaluate", run_folder[0])[1]
    assert "all, on the 3 lab" in ffnp("evaluate", run_folder[0], "--candidates", 3)[1]


@pytest.mark.parametrize(
    "rows, name", [(2, "pairs"), (1, "running error"), (10, "of 10 labels"), (3, "of 3 labels")]
)
def test_the_bars_name_what_they_show(rows, name, monkeypatch):
    trainer = SimpleNamespace(
        phases=1, epochs=2, epochs_done=0, batches=2, position=SimpleNamespace(batch=0),
        model=SimpleNamespace(
            method=SimpleNamespace(rows=rows), config=SimpleNamespace(evaluated="validation")
        ),
        totals_on_host=True, losses=lambda: ([0.5, 0.7], 4.5),
    )  # fmt: skip
    shown = []
    monkeypatch.setattr("tqdm.tqdm.set_postfix_str", lambda bar, text, **_: shown.append(text))
    monkeypatch.setattr("tqdm.tqdm.update", lambda bar, n=1: True)
    bars = Bars()
    bars.start(trainer)
    bars.batch(trainer)
    record = {"losses": [0.5, 0.7], "pair_error": 4.5}
    bars.epoch(record)
    bars.epoch(record | {"test_error": {"all": 21.0}, "train_error": {"all": 19.0}})
    bars.close()
    start = f"loss 0.6000, {name} 4.50%"
    errors = "error 19.00% of training rows, 21.00% of validation rows"
    assert shown == [start, start, f"{start}, {errors}"]


def test_analyse_and_evaluate_say_which_rows_they_saw(ffnp, tmp_path):
    small = "--limit-train 300 --hidden 8 --epochs 1 --batch-size 100 --validation 50".split()
    assert ffnp("train", *small, "--out", tmp_path / "run")[0] == 0
    assert "functional entropy of 50 validation images" in ffnp("analyse", tmp_path / "run")[1]
    for command in ("analyse", "evaluate"):
        found = json.loads(ffnp(command, tmp_path / "run", "--json")[1])
        assert found["evaluated"] == "validation"


def test_metrics_tell_pairs_from_errors(ffnp, tmp_path):
    small = "--limit-train 300 --limit-test 50 --hidden 8 --epochs 2 --batch-size 100".split()
    ffnp("train", *small, "--evaluate-every", 2, "--out", tmp_path / "run")
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    first, second = map(json.loads, lines)
    assert set(first) == {"phase", "epoch", "losses", "pair_error", "seconds"}
    assert set(second) - set(first) == {"test_error", "train_error"}
    assert (
        second["train_error"].keys() == second["test_error"].keys() == {"all", "layers", "groups"}
    )
