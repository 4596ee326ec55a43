"""A run killed at random moments, again and again, ends with the bits of one never stopped."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

COMMAND = [sys.executable, "-c", "from ffnp_cli.main import main; main()", "train"]
OPTIONS = [
    "--limit-train", "4000", "--limit-test", "100", "--hidden", "60,50,40", "--batch-size", "50",
    "--evaluate-every", "2", "--backend", "numpy", "--checkpoint-every", "0.05",
]  # fmt: skip
RUNS = {
    "simultaneous": [],
    "sequential": ["--update", "sequential", "--gamma", "previous"],
    "layer": ["--schedule", "layer", "--method", "ff", "--optimizer", "sgd"],
}
EVERY = RUNS | {
    "layer, gamma previous": ["--schedule", "layer", "--gamma", "previous"],
    "gamma next": ["--gamma", "next"],
    "ff, sequential": ["--method", "ff", "--update", "sequential"],
    "entropy": ["--objective", "entropy"],
    "entropy, layer": ["--objective", "entropy", "--method", "ff", "--schedule", "layer"],
    "softmax": ["--objective", "softmax", "--lr-schedule", "linear"],
    "pairwise": ["--objective", "pairwise", "--labels", "4"],
    "backprop-label": ["--method", "backprop-label"],
    "backprop-pairwise": ["--method", "backprop-pairwise", "--optimizer", "sgd"],
    "numba": ["--backend", "numba", "--analyse-every", "3"],
}
LATEST = 0.3  # seconds from a sign of life to the killing


def train(*arguments):
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # small products: threads only wait
    )


def complete(*arguments):
    with train(*arguments) as process:
        _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode()


def changed(path):
    """When a file was written; None of none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def kill_and_resume(folder, options, kills, chance):
    """Kill the run `kills` times, then let it end; counts real kills.

    Each at a random moment after a sign of life: the folder, later mostly a new state. How long
    that takes to come depends on what else the machine does.
    """
    begin = [*options, "--out", str(folder)]
    resume = ["--resume", str(folder), "--checkpoint-every", "0.05"]
    state = folder / "state.safetensors"
    killed = 0
    for number in range(kills):
        before = changed(state)
        in_imports = number > 1 and chance.random() < 0.3
        with train(*(resume if folder.exists() else begin)) as process:
            while process.poll() is None and not in_imports:
                if changed(state) != before or (number == 0 and folder.exists()):
                    break
                time.sleep(0.005)
            time.sleep(chance.uniform(0, LATEST))
            process.kill()
            _, err = process.communicate(timeout=60)
        killed += process.returncode == -9
        assert process.returncode in (-9, 0), err.decode()
    assert state.exists(), "nothing is left to resume"
    complete(*resume)
    return killed


def stop_and_resume(folder, options, chance):
    """Stop the run in its middle by Ctrl-C, then by SIGTERM, then kill it, and let it end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        resumed = ["--resume", str(folder), "--checkpoint-every", "0.05"]
        arguments = resumed if folder.exists() else [*options, "--out", str(folder)]
        metrics = folder / "metrics.jsonl"
        before = metrics.stat().st_mtime_ns if metrics.exists() else None
        with train(*arguments) as process:
            while not metrics.exists() or metrics.stat().st_mtime_ns == before:
                assert process.poll() is None, process.stderr.read().decode()
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.1))
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        assert process.returncode == (-9 if number == signal.SIGKILL else 1), err.decode()
    complete("--resume", str(folder))


def without_temporary(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def without_seconds(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) | {"seconds": 0} for line in lines]


def check_same(found, expected):
    """Two runs' folders hold the same bits, but for the time that they took."""
    for name in ("model.safetensors", "config.json"):
        assert (found / name).read_bytes() == (expected / name).read_bytes()
    assert without_seconds(found) == without_seconds(expected)
    assert without_temporary(found) == without_temporary(expected)


def check(tmp_path, options, epochs, kills):
    options = [*OPTIONS, *options, "--epochs", str(epochs)]
    complete(*options, "--out", str(tmp_path / "whole"))
    killed = kill_and_resume(tmp_path / "killed", options, kills, random.Random(0))
    print(f"{killed} of {kills} processes killed before they ended")  # pytest -rP shows it
    assert killed > kills // 2
    check_same(tmp_path / "killed", tmp_path / "whole")


def test_killed_twice_ends_with_the_same_bits(tmp_path):
    check(tmp_path, RUNS["simultaneous"], epochs=16, kills=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, epochs", [("simultaneous", 600), ("sequential", 300), ("layer", 300)]
)
def test_killed_thirty_times_ends_with_the_same_bits(tmp_path, name, epochs):
    check(tmp_path, RUNS[name], epochs, kills=30)


@pytest.mark.slow
@pytest.mark.parametrize("options", EVERY.values(), ids=EVERY)
def test_stopped_in_every_way_ends_with_the_same_bits(tmp_path, options):
    options = [*OPTIONS, *options, "--epochs", "20"]
    complete(*options, "--out", str(tmp_path / "whole"))
    stop_and_resume(tmp_path / "stopped", options, random.Random(0))
    check_same(tmp_path / "stopped", tmp_path / "whole")
