"""Names and values that no command may stumble over."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from small_run import SMALL

from ffnp.config import Config
from ffnp.errors import InputError
from ffnp.runs.records import is_epoch, is_errors
from ffnp_cli import train as command
from ffnp_cli.commands import cli


@pytest.mark.parametrize("name", ["cost$1_$2", r"a$\bad$", "_hidden", "实验", "bad\udcff", "a\nb"])
def test_a_run_of_any_name_is_drawn_and_named(ffnp, run_folder, tmp_path, name):
    shutil.copytree(run_folder[0], tmp_path / name)
    status, _, err = ffnp("plot", tmp_path / name, "-o", tmp_path / "run.svg")
    assert (status, err) == (0, "")
    shown = "".join(c if c.isprintable() else "?" for c in name)
    text = (tmp_path / "run.svg").read_text()
    # the title, with its kind below, and the legend
    assert len(re.findall(rf"<!--\s+{re.escape(shown)}", text)) == 2


def test_a_wrong_matplotlib_variable_is_named(run_folder, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "from ffnp_cli.main import main; main()",
         "plot", run_folder[0], "-o", tmp_path / "run.png"],
        capture_output=True, text=True, env=os.environ | {"MPLBACKEND": "nonsense"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "unset MPLBACKEND" in done.stderr


def test_a_link_is_replaced_by_a_picture_and_what_it_leads_to_is_not(ffnp, run_folder, tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "link.png").symlink_to(tmp_path / "mine")
    assert ffnp("plot", run_folder[0], "-o", tmp_path / "link.png")[0] == 0
    assert not (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "mine").read_text() == "mine"


def test_standard_error_may_be_closed(tmp_path):
    arguments = ["train", *SMALL, "--out", str(tmp_path / "run"), "--json"]
    program = "import sys; sys.stderr = None; from ffnp_cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True)
    assert done.returncode == 0
    assert json.loads(done.stdout)["epochs"] == 2


def test_an_error_that_nobody_expects_is_one_line_too(ffnp, monkeypatch):
    def fail(**_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(command, "Config", fail)
    status, out, err = ffnp("train")
    assert (status, out) == (1, "")
    assert err.startswith("Error: ZeroDivisionError: planted: this should not happen")
    assert err.count("\n") == 1
    monkeypatch.setenv("FFNP_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli(["train"], standalone_mode=False)


def test_a_name_of_two_lines_gives_one(ffnp, tmp_path):
    status, _, err = ffnp("evaluate", tmp_path / "no\nsuch")
    assert (status, err.count("\n")) == (2, 1)
    assert r"no\nsuch" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--out", ""],
        ["train", "--resume", ""],
        ["train", "--config", ""],
        ["train", "--dataset", ""],
        ["train", "--data-dir", ""],
        ["evaluate", ""],
        ["predict", "{run}", ""],
        ["plot", "{run}", "-o", ""],
        ["reproduce", "table1", "--out", ""],
        ["reproduce", "table1", "--datasets", ""],
        ["reproduce", "table1", "--methods", "ff-network,"],
    ],
    ids=" ".join,
)
def test_empty_names_are_refused(ffnp, run_folder, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    status, out, err = ffnp(*(str(run_folder[0]) if a == "{run}" else a for a in arguments))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "empty" in err
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "text, message",
    [
        ("batch-size = 100\nbatch_size = 50", "batch-size is there twice"),
        ('hidden = ["8,8", 4]', "hidden is"),
    ],
)
def test_a_configuration_file_says_one_thing(ffnp, tmp_path, text, message):
    (tmp_path / "c.toml").write_text(text)
    status, _, err = ffnp("train", "--config", tmp_path / "c.toml")
    assert (status, err.count("\n")) == (2, 1)
    assert f"c.toml: {message}" in err


@pytest.mark.parametrize(
    "option, kind, effect",
    [
        ("--theta=3", "--objective=entropy", "--objective=sigmoid-literal"),
        ("--alpha=2", "--objective=sigmoid", "--objective=pairwise"),
        ("--alpha=2", "--method=backprop-label", "--method=backprop-pairwise"),
        ("--label-scale=2", "--method=backprop-label", "--method=ff"),
        ("--input-length=2", "--scaling=raw", "--scaling=standard"),
        ("--momentum=0.5", "--optimizer=adam", "--optimizer=sgd"),
        ("--cache-mb=1", "--schedule=network", "--schedule=layer"),
        ("--analyse-every=2", "--epochs=1", "--epochs=2"),
    ],
)
def test_an_option_without_effect_is_named(ffnp, tmp_path, option, kind, effect):
    small = [*SMALL, "--epochs", 1, "--gamma", "previous"]
    if kind.startswith("--method"):
        small = small[:-2]
    name = option.partition("=")[0].lstrip("-").replace("-", "_")
    note = f"Note: {name} has no effect on this training\n"
    assert ffnp("train", *small, option, kind, "--out", tmp_path / "a")[2] == note
    assert ffnp("train", *small, option, effect, "--out", tmp_path / "b")[2] == ""


@pytest.mark.parametrize(
    "name, value",
    [("theta", 1e30), ("input_length", 1e39), ("label_scale", 1e39), ("alpha", 1e300)],
)
def test_numbers_that_float32_cannot_take_are_refused(name, value):
    with pytest.raises(InputError, match=f"{name} is .*: it must be"):
        Config(**{name: value})


def test_pixels_that_float32_cannot_square_are_refused(ffnp, tmp_path):
    random = np.random.default_rng(0)
    x, y = random.random((60, 4)).astype(np.float32), np.arange(60) % 3
    small = ["--hidden", 5, "--epochs", 1, "--batch-size", 20]
    np.savez(tmp_path / "good.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    assert (
        ffnp("train", "--dataset", tmp_path / "good.npz", *small, "--out", tmp_path / "r")[0] == 0
    )
    x[7, 1] = 1e25
    np.savez(tmp_path / "huge.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    status, _, err = ffnp("train", "--dataset", tmp_path / "huge.npz", *small)
    assert (status, err.count("\n")) == (2, 1)
    assert "huge.npz: the training set has a NaN, infinite or too large pixel (image 7" in err
    np.save(tmp_path / "huge.npy", x)
    status, out, err = ffnp("predict", tmp_path / "r", tmp_path / "huge.npy")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "huge.npy has a NaN, infinite or too large pixel (image 7" in err


EPOCH = {"phase": 1, "epoch": 1, "losses": [1.0], "pair_error": 5.0, "seconds": 1.0}


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 10**400}, {"epoch": 1e308}, {"epoch": 0}, {"phase": True}, {"losses": [10**400]},
        {"pair_error": 1e308}, {"pair_error": -5}, {"seconds": 1e308}, {"losses": [True]},
        {"test_error": {"all": 101, "layers": [1], "groups": [1]}},
    ],
    ids=lambda change: str(change)[:30],
)  # fmt: skip
def test_numbers_that_no_training_gives_are_no_record(change):
    assert is_epoch(EPOCH)
    assert not is_epoch(EPOCH | change)


def test_errors_are_percent():
    assert is_errors({"all": 0, "layers": [100.0], "groups": [0.5]})
    assert not is_errors({"all": -1, "layers": [1], "groups": [1]})


def test_a_result_whose_data_have_no_name_is_damaged(ffnp, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    errors = {"all": 1, "layers": [1], "groups": [1]}
    result = {"config": {}, "test_error": errors, "train_seconds": 1, "metrics": [], "data": 5}
    (folder / "mnist-ff-network-0.json").write_text(json.dumps(result))
    arguments = ["--methods", "ff-network", "--datasets", "mnist", "--seeds", 1, "--no-train"]
    status, _, err = ffnp("reproduce", "table1", *arguments, "--out", tmp_path)
    assert (status, err.count("\n")) == (2, 1)
    assert "mnist-ff-network-0.json is damaged" in err


def test_data_that_are_not_here_are_known_before_a_run_begins(ffnp, tmp_path):
    arguments = ["--methods", "ff-network", "--datasets", "mnist,cifar10", "--seeds", 1]
    nowhere = ["--data-dir", tmp_path / "nowhere", "--out", tmp_path / "out"]
    status, _, err = ffnp("reproduce", "table1", *arguments, *nowhere)
    assert (status, err.count("\n")) == (2, 1)
    assert "nowhere is not a folder" in err
    assert not (tmp_path / "out").exists()


def test_a_note_keeps_its_cell(ffnp, tmp_path):
    arguments = ["--methods", "ff-network", "--datasets", "mnist", "--seeds", 1, "--epochs", 1]
    small = ["--limit-train", 200, "--limit-test", 50, "--hidden", "5", "--backend", "numpy"]
    status, out, _ = ffnp(
        "reproduce", "table1", *arguments, *small, "--note", "mnist=a|b\nc", "--out", tmp_path
    )
    assert status == 0
    assert r"| test error, % | a\|b c |" in out


def test_seeds_have_a_limit(ffnp, tmp_path):
    status, _, err = ffnp("reproduce", "table1", "--seeds", 10**11, "--out", tmp_path)
    assert (status, err.count("\n")) == (2, 1)


def test_a_picture_for_a_model_of_flat_arrays_is_refused(ffnp, tmp_path):
    x, y = np.random.default_rng(0).random((60, 16)).astype(np.float32), np.arange(60) % 3
    np.savez(tmp_path / "flat.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    small = ["--hidden", 5, "--epochs", 1, "--batch-size", 20, "--out", tmp_path / "run"]
    assert ffnp("train", "--dataset", tmp_path / "flat.npz", *small)[0] == 0
    (tmp_path / "seven.png").write_bytes(b"x")
    status, out, err = ffnp("predict", tmp_path / "run", tmp_path / "seven.png")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "the model takes arrays of 16 values: give a .npy file" in err
