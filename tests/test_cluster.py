"""The runs of a table on a real Dask cluster, one of whose two workers is killed in the middle."""

import json
import os
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow
distributed = pytest.importorskip("distributed", reason="no Dask: pip install 'ffnp[dask]'")

COMMAND = [sys.executable, "-c", "from ffnp_cli.main import main; main()", "reproduce", "table1"]
OPTIONS = [
    "--datasets", "mnist", "--methods", "ff-network,others-network", "--seeds", "2",
    "--epochs", "100", "--limit-train", "1000", "--limit-test", "200", "--backend", "numpy",
]  # fmt: skip
ENVIRONMENT = os.environ | {"OPENBLAS_NUM_THREADS": "1"}


def start(*arguments):
    return subprocess.Popen(
        arguments, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def wait_for(condition, seconds=60):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.05)


def results(out):
    found = {}
    for path in sorted((out / "results").iterdir()):
        result = json.loads(path.read_text())
        losses = [record["losses"] for record in result["metrics"]]
        found[path.name] = (result["test_error"], losses)
    return found


def test_a_killed_worker_costs_nothing_but_time(tmp_path):
    file = tmp_path / "scheduler.json"
    cluster = [
        start(sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
              "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    ]  # fmt: skip
    try:
        wait_for(file.exists)
        for _ in range(2):
            cluster.append(
                start(sys.executable, "-m", "distributed.cli.dask_worker", "--no-nanny",
                      "--nthreads", "1", "--no-dashboard", "--scheduler-file", str(file))
            )  # fmt: skip
        address = json.loads(file.read_text())["address"]
        arguments = [*COMMAND, *OPTIONS, "--out", tmp_path / "cluster", "--scheduler", address]
        with subprocess.Popen(
            arguments, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            runs = tmp_path / "cluster" / "runs"
            wait_for(lambda: len(list(runs.glob("*/metrics.jsonl"))) == 2)
            cluster[1].kill()
            _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err.decode()
    finally:
        for each in cluster:
            each.kill()
            each.wait()
    local = [*COMMAND, *OPTIONS, "--out", tmp_path / "local"]
    done = subprocess.run(local, env=ENVIRONMENT, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert len(results(tmp_path / "local")) == 4
    assert results(tmp_path / "cluster") == results(tmp_path / "local")
