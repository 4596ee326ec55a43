"""What a shell completes, and -h."""

import pytest
from click.shell_completion import ShellComplete
from small_training import small_dataset

from ffnp import Config, train
from ffnp_cli.commands import cli

SMALL = Config(hidden=(5,), epochs=1, batch_size=20, backend="numpy")


def completed(*words):
    """Kinds and texts of what the last of some words may become."""
    *before, last = words
    found = ShellComplete(cli, {**cli.context_settings}, "ffnp", "_FFNP_COMPLETE").get_completions(
        before, last
    )
    return [(each.type, each.value) for each in found]


def test_commands_and_choices_are_completed():
    assert ("plain", "compare") in completed("comp")
    assert completed("train", "--method", "backprop") == [
        ("plain", "backprop-label"), ("plain", "backprop-pairwise"),
    ]  # fmt: skip
    assert ("plain", "previous") in completed("train", "--gamma", "p")


@pytest.mark.parametrize("command", ["train", "evaluate", "analyse", "plot"])
def test_data_sets_are_completed_beside_files(command):
    assert completed(command, "--dataset", "fash") == [("file", "fash"), ("plain", "fashion-mnist")]


def test_names_of_data_sets_are_completed_alone():
    assert completed("data", "fetch", "c") == completed("data", "verify", "c")
    assert completed("data", "fetch", "c") == [("plain", "cifar10")]


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate"], ["predict"], ["analyse"], ["plot"], ["page"], ["compare"], ["weights"],
        ["train", "--resume"], ["compare", "runs/a-1"],
    ],
    ids="-".join,
)  # fmt: skip
def test_runs_are_completed_the_newest_first(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert completed(*words, "a") == [("dir", "a")]
    for name in ("a-1", "a-2", "b-1"):
        train(SMALL, tmp_path / "runs" / name, dataset=small_dataset())
    runs = [("plain", f"runs/a-{i}") for i in (2, 1)]
    assert completed(*words, "a") == [("dir", "a"), *runs]
    assert completed(*words, "runs/a") == [("dir", "runs/a"), *runs]


@pytest.mark.parametrize("words", [[], ["train"], ["data"], ["data", "list"], ["weights"]])
def test_h_is_help(ffnp, words):
    assert ffnp(*words, "-h") == ffnp(*words, "--help")
    assert ffnp(*words, "-h")[0] == 0
