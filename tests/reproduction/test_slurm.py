"""Runs as jobs: by submitit's executor for one machine, and by a stand-in of Slurm's commands."""

import json
import os
import signal
import threading
import time
from types import SimpleNamespace

import psutil  # which Dask stands on
import pytest

from ffnp.errors import FFNPError, InputError, TrainingError
from ffnp.reproduction import expand, run_tasks, slurm, stop_file
from ffnp.reproduction.running import finished

submitit = pytest.importorskip("submitit")
SMALL = {"limit_train": 400, "limit_test": 100, "hidden": (12, 10), "backend": "numpy"}
PATIENCE = 120


def tasks(epochs=1):
    return expand("table1", "paper", SMALL | {"epochs": epochs}, ["mnist"], ["ff-network"], 1)


@pytest.fixture
def here(monkeypatch):
    """Submitit's executor of jobs on this machine in Slurm's place; the jobs that it was given."""
    jobs = []

    class Here(submitit.LocalExecutor):
        def __init__(self, folder, max_num_timeout):
            super().__init__(folder, max_num_timeout)

        def update_parameters(self, **parameters):
            super().update_parameters(timeout_min=5)

        def submit(self, *arguments):
            jobs.append(super().submit(*arguments))
            return jobs[-1]

    monkeypatch.setattr(submitit, "SlurmExecutor", Here)
    monkeypatch.setattr(slurm, "PAUSE", 0.05)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    yield jobs
    for job in jobs:
        job._process.wait(PATIENCE)


def test_a_requeued_job_goes_on_where_it_was(here, tmp_path):
    (task,) = tasks(epochs=60)
    records = tmp_path / "runs" / task.name / "metrics.jsonl"
    first = []

    def preempt():
        deadline = time.monotonic() + PATIENCE
        while not (records.exists() and records.read_text().count("\n") > 2):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        first.extend(records.read_text().splitlines()[:2])
        (trainer,) = psutil.Process(here[0]._process.pid).children()
        trainer.send_signal(signal.SIGUSR2)  # as Slurm does

    thread = threading.Thread(target=preempt)
    thread.start()
    run_tasks([task], tmp_path, slurm="any")
    thread.join()
    assert "Requeued job" in here[0].paths.stdout.read_text()
    lines = records.read_text().splitlines()
    assert lines[:2] == first  # with their seconds: those epochs were not trained again
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, 61))
    assert finished(tmp_path, task) is not None


def test_what_goes_wrong_in_a_job_is_one_line(here, tmp_path):
    (task,) = expand(
        "table1", "paper", SMALL | {"data_dir": str(tmp_path / "none")}, ["cifar10"],
        ["ff-network"], 1,
    )  # fmt: skip
    reasons = []
    with pytest.raises(TrainingError, match="1 of 1 runs failed"):
        run_tasks([task], tmp_path, slurm="any", failed=lambda task, reason: reasons.append(reason))
    assert "cifar10" in reasons[0] and "Traceback" not in reasons[0]


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Stand-ins of Slurm's commands, by what they do."""
    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "PAUSE", 0.01)

    def make(**scripts):
        for name, script in {"srun": "true", "sacct": "true", **scripts}.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)

    return make


def test_what_slurm_refuses_is_one_line(commands, tmp_path):
    commands(sbatch="echo 'sbatch: error: invalid partition specified: none' >&2; exit 1")
    with pytest.raises(FFNPError, match="Slurm takes no run for partition none: .*invalid part"):
        run_tasks(tasks(), tmp_path / "out", slurm="none")


def test_jobs_that_wait_are_taken_from_the_queue_by_a_stop(commands, tmp_path):
    taken, script = tmp_path / "taken", tmp_path / "script"
    commands(
        sbatch=f'cat "$1" > {script}; echo Submitted batch job 7', scancel=f'echo "$1" > {taken}'
    )
    stop = stop_file(tmp_path / "out")
    stop.ask()
    with pytest.raises(TrainingError, match="stopped: the same command goes on from here"):
        run_tasks(tasks(), tmp_path / "out", slurm="long", stop=stop)
    assert taken.read_text() == "7\n"
    assert {"#SBATCH --partition=long", "#SBATCH --time=240"} <= set(script.read_text().split("\n"))


def test_a_machine_without_slurm_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no Slurm here .no command srun.: run this where"):
        run_tasks(tasks(), tmp_path, slurm="any")


def test_a_job_that_dies_is_named_with_its_log(tmp_path):
    def result():
        raise submitit.core.utils.UncompletedJobError("no output")

    job = SimpleNamespace(
        result=result, job_id="7", paths=SimpleNamespace(stderr=tmp_path / "7_0_log.err")
    )
    with pytest.raises(FFNPError, match="its job 7 ended without a result: see .*7_0_log.err"):
        slurm.Future(job).result(1)


def test_a_failed_jobs_notes_come_with_what_failed():
    job = SimpleNamespace(result=lambda: {"error": "it is blank", "notes": ["one", "another"]})
    with pytest.raises(FFNPError, match="it is blank") as failed:
        slurm.Future(job).result(1)
    assert failed.value.__notes__ == ["one", "another"]


def test_slurm_and_a_scheduler_exclude_each_other(ffnp, tmp_path):
    command = ["reproduce", "table1", "--slurm", "long", "--scheduler", "tcp://x"]
    status, _, err = ffnp(*command, "--out", tmp_path)
    assert (status, err.count("\n")) == (2, 1)
    assert "--scheduler and --slurm exclude each other" in err
