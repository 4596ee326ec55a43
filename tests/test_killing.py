"""A run killed at random moments, again and again, ends with the bits of one never stopped."""

import os
import random
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
LATEST = 1.5  # seconds from a start to its killing: in the imports, or in training


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


def kill_and_resume(folder, options, kills, chance):
    """Kill the run `kills` times, each at a random moment, then let it end; counts real kills."""
    begin = [*options, "--out", str(folder)]
    killed = 0
    for _ in range(kills):
        resume = ["--resume", str(folder), "--checkpoint-every", "0.05"]
        with train(*(resume if folder.exists() else begin)) as process:
            time.sleep(chance.uniform(0, LATEST))
            process.kill()
            _, err = process.communicate(timeout=60)
        killed += process.returncode == -9
        assert process.returncode in (-9, 0), err.decode()
    complete(*(["--resume", str(folder)] if folder.exists() else begin))
    return killed


def without_temporary(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def check(tmp_path, options, epochs, kills):
    options = [*OPTIONS, *options, "--epochs", str(epochs)]
    complete(*options, "--out", str(tmp_path / "whole"))
    killed = kill_and_resume(tmp_path / "killed", options, kills, random.Random(0))
    assert killed > kills // 2
    expected, found = ((tmp_path / name) for name in ("whole", "killed"))
    for name in ("model.safetensors", "config.json"):
        assert (found / name).read_bytes() == (expected / name).read_bytes()
    assert without_temporary(found) == without_temporary(expected)


def test_killed_twice_ends_with_the_same_bits(tmp_path):
    check(tmp_path, RUNS["simultaneous"], epochs=100, kills=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, epochs", [("simultaneous", 600), ("sequential", 300), ("layer", 300)]
)
def test_killed_thirty_times_ends_with_the_same_bits(tmp_path, name, epochs):
    check(tmp_path, RUNS[name], epochs, kills=30)
