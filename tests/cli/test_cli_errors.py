"""Whatever is wrong, the command line says it in one line, with the exit status that fits."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from small_run import SMALL

from ffnp import Config, from_arrays, train

BAD = {
    "unknown data set": ["train", "--dataset", "nope"],
    "unknown method": ["train", "--method", "nope"],
    "widths": ["train", "--hidden", "10,x"],
    "width 0": ["train", "--hidden", "0"],
    "learning rate": ["train", "--lr", "nan"],
    "too many labels": ["train", *SMALL, "--labels", "11"],
    "labels without label rows": ["train", "--method", "backprop-label", "--labels", "3"],
    "baseline's objective": ["train", "--method", "backprop-pairwise", "--objective", "softmax"],
    "gamma and schedule": ["train", "--schedule", "layer", "--gamma", "others"],
    "gamma of a method without": ["train", "--method", "ff", "--gamma", "previous"],
    "batch size": ["train", *SMALL, "--batch-size", "301"],
    "no time between states": ["train", "--checkpoint-every", "nan"],
    "no such run": ["train", "--resume", "nowhere"],
    "configuration file": ["train", "--config", "nowhere.toml"],
    "unknown backend": ["train", "--backend", "abacus"],
    "run to evaluate": ["evaluate", "nowhere"],
    "layer to vote": ["evaluate", "{run}", "--layers", "3"],
    "layers": ["evaluate", "{run}", "--layers", "x"],
    "input to predict": ["predict", "{run}", "nowhere.npy"],
    "text to predict": ["predict", "{run}", "{run}/config.json"],
    "folder to predict": ["predict", "{run}", "{run}"],
    "no input": ["predict", "{run}"],
    "two numbers of labels": ["train", *SMALL, "--labels", "2,3"],
    "a configuration for a resumed run": ["train", "--resume", "{run}", "--config", os.devnull],
    "a device below 0": ["predict", "{run}", "x.npy", "--device", "-1"],
    "no rounds": ["bench", "--rounds", "0"],
    "no pixels": ["bench", "--pixels", "-1"],
    "no epochs": ["reproduce", "table1", "--epochs", "0"],
    "images of no length": ["reproduce", "table1", "--input-length", "0"],
    "a note on nothing": ["reproduce", "table1", "--note", "nope=x"],
    "a backend that is not here": ["reproduce", "table1", "--backend", "cupy"],
    "no such command": ["trian"],
    "no table or figure": ["reproduce"],
    "a layer of no size": ["train", "--hidden", "99999999999999999999"],
    "a batch of no size": ["bench", "--batch-size", "99999999999999999999"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD)
def test_wrong_input_gives_one_line_and_status_2(
    ffnp, run_folder, arguments, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    status, out, err = ffnp(*(a.format(run=run_folder[0]) for a in arguments))
    assert status == 2
    assert out == ""
    assert err.startswith("Error: ") and err.count("\n") == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("text", ["lr = [1]", "lr = {}", "nope = 1", "epochs ="])
def test_wrong_configuration_file_gives_one_line_and_status_2(ffnp, tmp_path, text):
    (tmp_path / "c.toml").write_text(text)
    status, _, err = ffnp("train", "--config", tmp_path / "c.toml")
    assert status == 2
    assert err.startswith("Error: ") and "c.toml" in err and err.count("\n") == 1


def test_a_bad_value_is_named_with_its_source(ffnp, tmp_path, monkeypatch):
    (tmp_path / "c.toml").write_text("epochs = 'x'")
    status, _, err = ffnp("train", "--config", tmp_path / "c.toml")
    assert (status, err.count("\n")) == (2, 1)
    assert err.endswith(f" (from {tmp_path / 'c.toml'})\n")
    (tmp_path / "c.toml").write_text("epochs = 0")  # of the right type
    assert ffnp("train", "--config", tmp_path / "c.toml")[2].endswith("c.toml)\n")
    monkeypatch.setenv("FFNP_TRAIN_SEED", "x")
    assert ffnp("train")[2].endswith(" (from FFNP_TRAIN_SEED)\n")
    assert ffnp("train", "--seed", "x")[2].endswith("'x' is not a valid integer.\n")
    monkeypatch.setenv("FFNP_TRAIN_SEED", "-1")
    assert ffnp("train")[2].endswith("seed is -1: it must be at least 0 (from FFNP_TRAIN_SEED)\n")


def test_failure_gives_status_1(ffnp, tmp_path):
    options = ["--optimizer", "sgd", "--lr", "1e30", "--out", tmp_path / "run"]
    status, out, err = ffnp("train", *SMALL, *options)
    assert status == 1
    assert out == ""
    assert err.startswith("Error: ") and err.count("\n") == 1


def test_resume_refuses_changed_options(ffnp, run_folder):
    status, _, err = ffnp("train", "--resume", run_folder[0], "--lr", 1)
    assert status == 2
    assert "--lr cannot change" in err


def test_damaged_picture_is_one_line(ffnp, run_folder, tmp_path):
    path = tmp_path / "digit.tiff"
    Image.new("L", (28, 28)).save(path)
    path.write_bytes(path.read_bytes()[:118])  # Pillow warns of "Corrupt EXIF data" in it
    status, _, err = ffnp("predict", run_folder[0], path)
    assert status == 2
    assert err.count("\n") == 1
    assert "digit.tiff" in err


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_picture_of_more_than_8_bits_is_refused(ffnp, run_folder, tmp_path, dtype):
    path = tmp_path / "digit.tiff"
    Image.fromarray(np.full((28, 28), 300, dtype)).save(path)
    status, _, err = ffnp("predict", run_folder[0], path)
    assert status == 2
    assert "digit.tiff has pixels of over 8 bits" in err


@pytest.fixture(scope="session")
def float_run(tmp_path_factory):
    """A run on floats, which alone can be NaN."""
    images = np.random.default_rng(0).random((20, 6), dtype=np.float32)
    dataset = from_arrays(images, np.arange(20) % 2, images, np.arange(20) % 2)
    config = Config(hidden=(4,), epochs=1, batch_size=10)
    return train(config, tmp_path_factory.mktemp("floats") / "run", dataset=dataset).run.folder


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_file_with_nan_is_named(ffnp, float_run, tmp_path, value):
    good, bad = tmp_path / "good.npy", tmp_path / "bad.npy"
    images = np.ones((2, 6), np.float32)
    np.save(good, images)
    images[1, 2] = value
    np.save(bad, images)
    status, out, err = ffnp("predict", float_run, good, bad)
    assert (status, out) == (2, "")
    assert err == (
        f"Error: {bad} has a NaN, infinite or too large pixel (image 1, pixel 2): "
        "clean the images first\n"
    )


def test_a_name_that_is_too_long(ffnp, tmp_path):
    status, _, err = ffnp("evaluate", tmp_path / ("x" * 300))
    assert status == 1
    assert err.startswith("Error: ") and "File name too long" in err and err.count("\n") == 1


def command(*arguments, **variables):
    return subprocess.run(
        [sys.executable, "-c", "from ffnp_cli.main import main; main()", *arguments],
        stderr=subprocess.PIPE, text=True, env=os.environ | variables.pop("env", {}), **variables,
    )  # fmt: skip


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full, which Linux has")
def test_a_full_disk_behind_standard_output():
    with open("/dev/full", "w") as full:
        done = command("info", stdout=full)
    assert done.returncode == 1
    assert (
        done.stderr == "Error: standard output cannot be used: No space left on device: free some\n"
    )


def test_a_reader_that_has_gone():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = command("info", stdout=pipe)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_variable_that_numba_refuses():
    pytest.importorskip("numba")
    done = command("info", stdout=subprocess.PIPE, env={"NUMBA_NUM_THREADS": "0"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "backend  numpy: available" in done.stdout
    assert "backend  numba: available" not in done.stdout


def test_an_interrupt_while_the_commands_are_imported(monkeypatch, capsys):
    def interrupted(*anything):
        raise KeyboardInterrupt

    from ffnp_cli.main import main

    monkeypatch.delitem(sys.modules, "ffnp_cli.commands")
    monkeypatch.setattr("builtins.__import__", interrupted)
    with pytest.raises(SystemExit) as stopped:
        main()
    monkeypatch.undo()
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "Error: interrupted\n"


@pytest.mark.parametrize(
    "content, message",
    [
        (np.zeros((2, 784), np.float64), "pixels that are floats, but the model was trained on u"),
        (np.full((2, 784), 1e300), "too large pixel (image 0, pixel 0)"),
        (np.zeros((0, 28, 28), np.uint8), "holds no image: its shape is (0, 28, 28)"),
        (np.zeros((2, 28, 27), np.uint8), "has shape (2, 28, 27): the model takes images of 28x28"),
    ],
)
def test_images_that_do_not_fit_are_named(ffnp, run_folder, tmp_path, recwarn, content, message):
    np.save(tmp_path / "x.npy", content)
    status, _, err = ffnp("predict", run_folder[0], tmp_path / "x.npy")
    assert (status, err.count("\n"), len(recwarn)) == (2, 1, 0)
    assert "x.npy" in err and message in err


def test_what_is_no_picture_is_not_called_damaged(ffnp, run_folder, tmp_path):
    (tmp_path / "x.svg").write_text("<svg/>")
    status, _, err = ffnp("predict", run_folder[0], tmp_path / "x.svg")
    assert (status, err.count("\n")) == (2, 1)
    assert "x.svg is neither an array nor a picture: give" in err


EPOCH = {"phase": 1, "epoch": 1, "losses": [1.0], "pair_error": 1.0, "seconds": 1.0}
BAD_EPOCHS = [
    {}, 1, {"phase": 1}, EPOCH | {"epoch": "x"}, EPOCH | {"losses": 1}, EPOCH | {"seconds": None},
    EPOCH | {"pair_error": float("nan")}, EPOCH | {"analysis": {"entropy_all": 1}},
    EPOCH | {"test_error": {"all": 1, "layers": [], "groups": []}}, EPOCH | {"test_error": [1]},
]  # fmt: skip


@pytest.mark.parametrize("content", [*map(json.dumps, BAD_EPOCHS), "{"])
def test_damaged_metrics_are_named(ffnp, run_folder, tmp_path, content):
    folder = tmp_path / "run"
    shutil.copytree(run_folder[0], folder)
    (folder / "metrics.jsonl").write_text(content + "\n")
    status, _, err = ffnp("plot", folder, "-o", tmp_path / "run.png")
    assert status == 2
    assert "metrics.jsonl is damaged" in err and err.count("\n") == 1


@pytest.mark.parametrize("name", ["model", "state"])
def test_what_is_said_to_mend_a_damaged_file_mends_it(ffnp, run_folder, tmp_path, name):
    folder = tmp_path / "run"
    shutil.copytree(run_folder[0], folder)
    path = folder / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    command = ["evaluate", folder] if name == "model" else ["train", "--resume", folder]
    status, _, err = ffnp(*command)
    assert (status, err.count("\n")) == (2, 1)
    assert f"{path} is damaged" in err
    assert ": remove it" in err
    path.unlink()
    if name == "model":
        assert f"`ffnp train --resume {folder}` makes it again" in err
        assert ffnp("train", "--resume", folder)[0] == 0
    assert ffnp("evaluate", folder)[0] == 0


def test_a_damaged_state_of_an_unfinished_run_is_done_without(ffnp, run_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder[0], folder)
    (folder / "model.safetensors").unlink()
    (folder / "state.safetensors").write_bytes(b"x")
    err = ffnp("train", "--resume", folder)[2]
    assert f"remove it, and `ffnp train --resume {folder}` begins again" in err
    (folder / "state.safetensors").unlink()
    assert ffnp("train", "--resume", folder)[0] == 0


@pytest.mark.parametrize("change", [{"epochs": "x"}, {"nope": 1}, {"epochs": 0}])
def test_a_damaged_configuration_is_named(ffnp, run_folder, tmp_path, change):
    folder = tmp_path / "run"
    shutil.copytree(run_folder[0], folder)
    path = folder / "config.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"config": values["config"] | change}))
    status, _, err = ffnp("train", "--resume", folder)
    assert status == 2
    assert f"{path} is damaged" in err and err.count("\n") == 1


ERRORS = {"all": 1, "layers": [1], "groups": [1]}
RESULT = {"config": {}, "test_error": ERRORS, "train_seconds": 1, "metrics": []}
BAD_RESULTS = [
    [], {}, None, {"config": {}}, RESULT | {"config": {"lrr": 1}}, RESULT | {"config": 1},
    RESULT | {"test_error": {"all": 1}}, RESULT | {"train_seconds": "x"}, RESULT | {"metrics": [1]},
]  # fmt: skip


@pytest.mark.parametrize("content", list(map(json.dumps, BAD_RESULTS)))
def test_a_damaged_result_is_named(ffnp, tmp_path, content):
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "mnist-ff-network-0.json").write_text(content)
    options = ["--datasets", "mnist", "--methods", "ff-network", "--seeds", 1]
    status, _, err = ffnp("reproduce", "table1", *options, "--out", tmp_path)
    assert status == 2
    assert "mnist-ff-network-0.json is damaged" in err and err.count("\n") == 1
