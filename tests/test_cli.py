"""The commands as users type them: output, exit status, one line for every error."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ffnp import load
from ffnp_cli.main import main

SMALL = "--limit-train 300 --limit-test 100 --hidden 20,10 --epochs 2 --batch-size 100".split()


@pytest.fixture
def ffnp(monkeypatch, capsys):
    """Run a command in this process: its exit status, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ffnp", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A small trained run, and the JSON that `ffnp train` printed."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    command = [sys.executable, "-c", "from ffnp_cli.main import main; main()", "train", *SMALL]
    done = subprocess.run([*command, "--out", folder, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_train_prints_one_json_object_with_the_promised_keys(run_folder):
    folder, printed = run_folder
    assert set(printed) == {
        "test_error", "train_seconds", "epochs", "seed", "backend", "run_dir", "config",
    }  # fmt: skip
    assert set(printed["test_error"]) == {"all", "layers", "groups"}
    assert len(printed["test_error"]["layers"]) == len(printed["test_error"]["groups"]) == 2
    assert printed["run_dir"] == str(folder)
    assert printed["config"]["hidden"] == [20, 10]


def test_run_folder_holds_what_is_promised(run_folder):
    folder, printed = run_folder
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json", "metrics.jsonl", "model.safetensors", "state.safetensors",
    ]  # fmt: skip
    assert json.loads((folder / "config.json").read_text())["config"] == printed["config"]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]


def test_train_prints_a_table_and_where_the_run_is(ffnp, tmp_path):
    status, out, err = ffnp("train", *SMALL, "--out", tmp_path / "run")
    assert status == 0 and err == ""
    assert "test error" in out and f"stored in {tmp_path / 'run'}" in out


def test_default_run_folder_is_named_after_the_run(ffnp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ffnp("train", *SMALL, "--seed", 7)[0] == 0
    assert [p.name for p in (tmp_path / "runs").glob("*-mnist-collab-7")] != []


def test_evaluate_reports_the_error_that_train_printed(ffnp, run_folder):
    folder, printed = run_folder
    status, out, _ = ffnp("evaluate", folder, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["test_error"] == printed["test_error"]
    assert np.sum(found["confusion"]) == 100


def test_evaluate_lets_chosen_layers_vote(ffnp, run_folder):
    folder, printed = run_folder
    found = json.loads(ffnp("evaluate", folder, "--layers", "2", "--json")[1])
    assert found["test_error"]["all"] == printed["test_error"]["layers"][1]


def test_predict_agrees_with_evaluate(ffnp, run_folder, tmp_path):
    folder, printed = run_folder
    test = load("mnist").test.first(100)
    np.save(tmp_path / "images.npy", test.images.reshape(-1, 28, 28))
    status, out, _ = ffnp("predict", folder, tmp_path / "images.npy", "--json")
    predictions = json.loads(out)["predictions"]
    labels = np.array([p["label"] for p in predictions])
    assert status == 0
    assert 100 * (labels != test.labels).mean() == pytest.approx(printed["test_error"]["all"])
    assert np.shape(predictions[0]["goodness"]) == (2, 10)


def test_predict_reads_pictures_and_archives_alike(ffnp, run_folder, tmp_path):
    folder, _ = run_folder
    image = load("mnist").test.images[0].reshape(28, 28)
    Image.fromarray(image).save(tmp_path / "digit.png")
    np.savez(tmp_path / "digit.npz", image)
    files = [tmp_path / "digit.png", tmp_path / "digit.npz"]
    status, out, _ = ffnp("predict", folder, *files, "--json")
    first, second = json.loads(out)["predictions"]
    assert status == 0
    assert first["goodness"] == second["goodness"]
    assert "layer 2" in ffnp("predict", folder, files[0])[1]


def test_damaged_picture_is_one_line(ffnp, run_folder, tmp_path):
    path = tmp_path / "digit.tiff"
    Image.new("L", (28, 28)).save(path)
    path.write_bytes(path.read_bytes()[:118])  # Pillow warns of "Corrupt EXIF data" in it
    status, _, err = ffnp("predict", run_folder[0], path)
    assert status == 2
    assert err.count("\n") == 1
    assert "digit.tiff" in err


def test_options_win_over_environment_over_file(ffnp, tmp_path, monkeypatch):
    (tmp_path / "c.toml").write_text("epochs = 3\nseed = 3\ntheta = 3\nhidden = [9, 8]\n")
    monkeypatch.setenv("FFNP_TRAIN_SEED", "4")
    monkeypatch.setenv("FFNP_TRAIN_THETA", "4")
    rows = ["--limit-train", 200, "--limit-test", 50, "--theta", 5, "--out", tmp_path / "run"]
    status, out, err = ffnp("train", "--config", tmp_path / "c.toml", *rows, "--json")
    assert status == 0, err
    config = json.loads(out)["config"]
    chosen = (config["epochs"], config["seed"], config["theta"], config["hidden"])
    assert chosen == (3, 4, 5.0, [9, 8])


def test_npz_file_of_any_shape_trains(ffnp, tmp_path):
    random = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = random.normal(size=(60, 2, 5)).astype(np.float32) + y[:, None, None]
    np.savez(tmp_path / "my.npz", x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])
    status, out, err = ffnp(
        "train", "--dataset", tmp_path / "my.npz", "--hidden", "8", "--batch-size", 20,
        "--epochs", 1, "--out", tmp_path / "run",
    )  # fmt: skip
    assert status == 0, err
    assert "of 9 images" in out


def test_info_names_backends_and_blas(ffnp):
    found = json.loads(ffnp("info", "--json")[1])
    assert found["numpy"] == np.__version__
    assert found["backends"]["numpy"] == "available"
    assert all(pool["num_threads"] >= 1 for pool in found["blas"])


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "info"])
def test_help_has_an_example(ffnp, command):
    status, out, _ = ffnp(command, "--help")
    assert status == 0
    assert f"Example:\n    ffnp {command}" in out


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
    "batch size": ["train", *SMALL, "--batch-size", "301"],
    "no such run": ["train", "--resume", "nowhere"],
    "configuration file": ["train", "--config", "nowhere.toml"],
    "unknown backend": ["train", "--backend", "abacus"],
    "run to evaluate": ["evaluate", "nowhere"],
    "layer to vote": ["evaluate", "{run}", "--layers", "3"],
    "layers": ["evaluate", "{run}", "--layers", "x"],
    "input to predict": ["predict", "{run}", "nowhere.npy"],
    "text to predict": ["predict", "{run}", "{run}/config.json"],
    "no input": ["predict", "{run}"],
    "no such command": ["trian"],
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


def test_resuming_a_finished_run_prints_its_result_again(ffnp, run_folder):
    folder, printed = run_folder
    status, out, _ = ffnp("train", "--resume", folder, "--json")
    assert status == 0
    assert json.loads(out)["test_error"] == printed["test_error"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_with_the_state_saved(tmp_path, number):
    command = [sys.executable, "-c", "from ffnp_cli.main import main; main()", "train"]
    options = ["--hidden", "20", "--epochs", "1000", "--limit-train", "2000"]
    folder = tmp_path / "run"
    with subprocess.Popen(
        [*command, *options, "--out", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while not (folder / "metrics.jsonl").exists():
            assert process.poll() is None
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == b""
    assert err.decode().startswith("Error: stopped in epoch ") and err.count(b"\n") == 1
    assert (folder / "state.safetensors").exists()


def test_bench_times_a_step_and_prediction_against_their_products(ffnp):
    status, out, err = ffnp("bench", "--backend", "numpy", "--hidden", "20,10", "--rounds", 2,
                            "--pixels", 30, "--batch-size", 10, "--json")  # fmt: skip
    assert status == 0, err
    found = json.loads(out)
    for name in ("step", "prediction"):
        figures = found[name]
        ratio = figures["floor_seconds"] / figures["seconds"]
        assert figures["floor_ratio"] == pytest.approx(ratio)
    assert found["peak_memory_mb"] > 0
