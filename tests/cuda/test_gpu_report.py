"""What a GPU's owner is asked to run, as a whole, on the stand-in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import gpu_shim
import pytest

FOLDER = Path(__file__).parent
SCRIPT = FOLDER.parents[1] / "benchmarks" / "gpu_report.py"


def test_bench(cupy, ffnp):
    status, out, err = ffnp(
        "bench", "--backend", "cupy", "--hidden", "9,8", "--batch-size", 20, "--rounds", 2, "--json"
    )
    assert status == 0, err
    assert json.loads(out)["step"]["seconds"] > 0


GRADCHECK = ["--without", "gradcheck"]  # of one objective: a minute


@pytest.mark.parametrize("without", [GRADCHECK, pytest.param([], marks=pytest.mark.slow)])
@pytest.mark.skipif(gpu_shim.compiler() is None, reason="g++ is not installed")
def test_the_report_runs_whole(tmp_path, without):
    paths = [FOLDER / "stand_in", FOLDER, os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "FFNP_REQUIRE_GPU": "1",
        gpu_shim.KEEP: str(tmp_path),
    }
    out = tmp_path / "report.json"
    command = [sys.executable, SCRIPT, "--trial", "--out", out, *without]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    report = json.loads(out.read_text())
    assert done.returncode == 0, (done.stdout, done.stderr, report)
    assert report["device"]["name"] == "stand-in"
    assert report["step_times"]["mnist"]["step_device_us"] > 0
    assert " passed" in report["tests"]["stdout"] and "skipped" not in report["tests"]["stdout"]
    assert ("gradcheck" in report) == (not without)
    assert json.loads(report["train"]["stdout"])["backend"] == "cupy"
