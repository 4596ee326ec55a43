"""The commands as users type them: output, exit status, one line for every error."""

import json
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from PIL import Image
from small_run import SMALL

from ffnp import load
from ffnp_cli import bench


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
    assert (found["evaluated"], found["test_error"]) == ("test", printed["test_error"])
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


def test_layers_vote_on_candidates_alone(ffnp, run_folder, tmp_path):
    folder, _ = run_folder
    test = load("mnist").test
    np.save(tmp_path / "images.npy", test.images[:100])
    status, out, _ = ffnp("predict", folder, tmp_path / "images.npy", "--candidates", 2, "--json")
    predictions = json.loads(out)["predictions"]
    assert status == 0
    assert {len(each["labels"]) for each in predictions} == {2}
    assert np.shape(predictions[0]["goodness"]) == (2, 2)
    wrong = np.mean([each["label"] for each in predictions] != test.labels[:100])
    found = json.loads(ffnp("evaluate", folder, "--candidates", 2, "--json")[1])
    assert (found["candidates"], found["test_error"]["all"]) == (2, pytest.approx(100 * wrong))
    lines = ffnp("predict", folder, tmp_path / "images.npy", "--candidates", 2)[1].splitlines()
    assert lines[1].split() == ["label", *map(str, predictions[0]["labels"])]


def test_a_baseline_has_no_candidates(ffnp, tmp_path):
    run = tmp_path / "run"
    assert ffnp("train", *SMALL, "--method", "backprop-label", "--out", run)[0] == 0
    status, _, err = ffnp("evaluate", run, "--candidates", 3)
    assert (status, err) == (
        2, "Error: candidates is 3, but method backprop-label reads no label: leave it out\n",
    )  # fmt: skip


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
    lines = ffnp("predict", folder, files[0])[1].splitlines()
    assert lines[0] == f"{files[0]} image 0: {first['label']}"
    assert [line[:10].split() for line in lines[1:]] == [
        ["label"], ["layer", "1"], ["layer", "2"], ["vote"],
    ]  # fmt: skip
    labels, *layers, vote = [np.array(line[10:].split(), float) for line in lines[1:]]
    assert labels.tolist() == list(range(10))
    np.testing.assert_allclose(sum(layers), vote, atol=0.02)  # rounded
    assert vote.argmax() == first["label"]


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


def test_every_option_has_a_variable_of_its_name(ffnp, tmp_path, monkeypatch):
    monkeypatch.setenv("FFNP_TRAIN_JSON", "1")
    monkeypatch.setenv("FFNP_INFO_JSON", "1")
    assert json.loads(ffnp("train", *SMALL, "--out", tmp_path / "run")[1])["seed"] == 0
    assert json.loads(ffnp("info")[1])["numpy"] == np.__version__
    monkeypatch.setenv("FFNP_BENCH_LABELS", "77")
    status, _, err = ffnp("bench")
    assert (status, "77" in err) == (2, True)


def test_json_may_be_asked_for_in_a_file(ffnp, tmp_path):
    (tmp_path / "c.toml").write_text("# \N{GREEK SMALL LETTER GAMMA}\njson = true\n", "utf-8")
    options = ["--config", tmp_path / "c.toml", "--out", tmp_path / "run"]
    assert json.loads(ffnp("train", *SMALL, *options)[1])["seed"] == 0


@pytest.mark.parametrize("arguments", [[], ["data"]])
def test_without_a_command_there_is_help(ffnp, arguments):
    status, out, err = ffnp(*arguments)
    assert (status, err) == (0, "")
    assert out.startswith("Usage: ")


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", "g"])
def test_predict_takes_floats_of_any_kind(ffnp, tmp_path, dtype):
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 6)).astype(np.float32)
    np.savez(tmp_path / "my.npz", x_train=x, y_train=np.arange(40) % 2, x_test=x, y_test=[0] * 40)
    options = ["--hidden", "4", "--batch-size", 20, "--epochs", 1, "--out", tmp_path / "run"]
    assert ffnp("train", "--dataset", tmp_path / "my.npz", *options)[0] == 0
    np.save(tmp_path / "x.npy", np.round(x).astype(dtype))
    np.save(tmp_path / "same.npy", np.round(x))
    outs = [ffnp("predict", tmp_path / "run", tmp_path / name) for name in ("x.npy", "same.npy")]
    assert [status for status, _, _ in outs] == [0, 0]
    assert outs[0][1] == outs[1][1].replace("same.npy", "x.npy")


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


def test_resuming_a_finished_run_prints_its_result_again(ffnp, run_folder):
    folder, printed = run_folder
    status, out, _ = ffnp("train", "--resume", folder, "--json")
    assert status == 0
    assert json.loads(out)["test_error"] == printed["test_error"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_with_the_state_saved(tmp_path, number):
    command = [sys.executable, "-c", "from ffnp_cli.main import main; main()", "train"]
    options = ["--hidden", "20", "--epochs", "1000", "--limit-train", "2000"]
    options += ["--backend", "numpy"]
    folder = tmp_path / "run"
    with subprocess.Popen(
        [*command, *options, "--out", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while not (folder / "metrics.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == b""
    assert err.decode().startswith("Error: stopped in epoch ") and err.count(b"\n") == 1
    assert (folder / "state.safetensors").exists()


BENCH = ["bench", "--backend", "numpy", "--hidden", "20,10", "--rounds", 2, "--pixels", 30,
         "--batch-size", 10]  # fmt: skip


def test_bench_times_a_step_and_prediction_against_their_products(ffnp, monkeypatch):
    monkeypatch.setitem(sys.modules, "ffnp.bench.pytorch", None)  # import fails
    status, out, err = ffnp(*BENCH, "--json")
    assert status == 0, err
    found = json.loads(out)
    assert found["pytorch"] is None
    for name in ("step", "prediction"):
        figures = found[name]
        ratio = figures["floor_seconds"] / figures["seconds"]
        assert figures["floor_ratio"] == pytest.approx(ratio)
    assert found["peak_memory_mb"] > 0


@pytest.mark.parametrize("busy", [True, False])
def test_bench_of_a_busy_machine_gives_no_ratio(ffnp, monkeypatch, busy):
    monkeypatch.setitem(sys.modules, "ffnp.bench.pytorch", None)
    monkeypatch.setattr(bench, "is_busy", lambda _: busy)
    status, out, err = ffnp(*BENCH)
    assert status == 0
    assert (out.count("busy machine"), err.startswith("Note: other work")) == (2 * busy, busy)


def test_bench_times_pytorch_too_where_it_is_installed(ffnp, monkeypatch):
    monkeypatch.setattr(bench, "is_busy", lambda _: False)
    figures = {"usual": {"seconds": 0.0125, "times_faster": 1.75}}
    module = types.ModuleType("ffnp.bench.pytorch")
    module.VERSION, failures = "9.9", {"compiled": "no C++ compiler"}
    module.compare = lambda backend, shapes, *_: ({"step": figures}, failures)
    monkeypatch.setitem(sys.modules, "ffnp.bench.pytorch", module)
    status, out, err = ffnp(*BENCH)
    assert (status, err) == (0, "PyTorch, compiled: not measured: no C++ compiler\n")
    assert out.splitlines()[-1].split() == ["step,", "usual", "12.500", "1.75", "x"]
    found = json.loads(ffnp(*BENCH, "--json")[1])
    assert found["pytorch"] == {"version": "9.9", "step": figures}
