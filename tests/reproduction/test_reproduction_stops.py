"""Runs side by side that are stopped, killed or fail, here and on a real Dask cluster."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from concurrent.futures import CancelledError, Future, as_completed
from dataclasses import replace

import psutil  # which Dask stands on
import pytest
from data_files import small_arrays, write_idx
from small_run import in_this_process
from threadpoolctl import threadpool_info, threadpool_limits

from ffnp.errors import FFNPError, InputError, InputWarning, TrainingError, noting
from ffnp.reproduction import dask_cluster, expand, run_tasks, spreading
from ffnp.reproduction.running import FOLDERS, finished, run_task
from ffnp.runs.folder import Run

PYTHON = [sys.executable, "-c", "from ffnp_cli.main import main; main()"]
OPTIONS = [
    "--datasets", "mnist", "--methods", "ff-network,others-network", "--limit-train", "400",
    "--limit-test", "100", "--backend", "numpy", "--hidden", "12,10",
]  # fmt: skip
SMALL = {"limit_train": 400, "limit_test": 100, "hidden": (12, 10), "backend": "numpy"}
PATIENCE = 120  # seconds until a process that does not end fails its test


def tasks(epochs, seeds=1, rows=("ff-network", "others-network")):
    return expand("table1", "paper", SMALL | {"epochs": epochs}, ["mnist"], rows, seeds)


def start(out, *options):
    """`ffnp reproduce table1` in a session of its own, as from a terminal of its own."""
    return subprocess.Popen(
        [*PYTHON, "reproduce", "table1", *OPTIONS, *map(str, options), "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip


def stored(out):
    """The names of runs that have a result."""
    return {path.stem for path in out.glob("results/*.json")}


def wait_for_runs(out, count, *processes):
    """Until so many unfinished runs have done an epoch, and no process has ended: their names.

    One run may have ended before another one begins.
    """
    while True:
        begun = {path.parent.name for path in out.glob(f"{FOLDERS}/*/metrics.jsonl")}
        if len(unfinished := begun - stored(out)) >= count:
            return unfinished
        assert all(process.poll() is None for process in processes)
        time.sleep(0.02)


def wait_until_gone(processes):
    """Until none of the processes is there, but for those that nobody has buried."""
    deadline = time.monotonic() + PATIENCE
    while remaining := [each for each in processes if is_alive(each)]:
        assert time.monotonic() < deadline, remaining
        time.sleep(0.02)


def is_alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def measured(result):
    return result["test_error"], [record["losses"] for record in result["metrics"]]


def complete(out, *options):
    """The same command again, to its end."""
    with start(out, *options) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err.decode()


def check_results(out, chosen, tmp_path):
    """They are, to the bit, what one process gives that is left alone."""
    with threadpool_limits(1):  # as in `start`: BLAS adds up in another order with more threads
        for task in chosen:
            alone = run_task(task, tmp_path / "alone")
            assert measured(finished(out, task)) == measured(alone)


@pytest.mark.parametrize("group", [True, False], ids=["ctrl-c", "the command alone"])
def test_an_interrupt_saves_all_runs_and_starts_no_other(tmp_path, group):
    out, epochs = tmp_path / "out", 200
    with start(out, "--jobs", 2, "--seeds", 3, "--epochs", epochs) as process:
        wait_for_runs(out, 2, process)
        (os.killpg if group else os.kill)(process.pid, signal.SIGINT)
        printed, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert printed == b""
    assert err.decode() == "Error: stopped: the same command goes on from here\n"
    assert list(out.glob(".stop-*")) == []
    begun = [path for path in (out / FOLDERS).iterdir() if path.is_dir()]
    stopped = [folder for folder in begun if folder.name not in stored(out)]
    assert 1 <= len(stopped) <= 2  # one may have ended by itself
    assert all((folder / "state.safetensors").exists() for folder in stopped)
    if group:
        complete(out, "--seeds", 1, "--epochs", epochs)
        check_results(out, tasks(epochs), tmp_path)


def test_workers_end_with_a_killed_command(tmp_path):
    out = tmp_path / "out"
    with start(out, "--jobs", 2, "--seeds", 2, "--epochs", 150) as process:
        unfinished = wait_for_runs(out, 2, process)
        workers = psutil.Process(process.pid).children()
        process.kill()
    try:
        wait_until_gone(workers)
    finally:
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
    assert unfinished - stored(out)  # not gone because there was nothing left to do


def test_a_killed_worker_ends_the_command_in_one_line(tmp_path):
    out = tmp_path / "out"
    with start(out, "--jobs", 2, "--seeds", 2, "--epochs", 150) as process:
        wait_for_runs(out, 2, process)
        workers = psutil.Process(process.pid).children()
        next(each for each in workers if "spawn_main" in " ".join(each.cmdline())).kill()
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    says = "a worker process was killed, or is out of memory: the same command goes on from here"
    assert err.decode() == f"Error: {says}\n"
    wait_until_gone(workers)


def test_a_folder_has_one_writer(tmp_path):
    (task,) = tasks(1, rows=["ff-network"])
    folder = tmp_path / FOLDERS / task.name
    with Run.create([folder], task.config):
        with pytest.raises(InputError, match="another process trains"):
            run_task(task, tmp_path)
    run_task(task, tmp_path)


def test_other_runs_go_on_when_one_fails(tmp_path):
    good, bad = tasks(1, seeds=2, rows=["ff-network"])
    bad = replace(bad, config=replace(bad.config, data_dir="nowhere", dataset="cifar10"))
    done, failed = [], []
    with pytest.raises(TrainingError, match=f"1 of 2 runs failed, first {bad.name}: .*nowhere"):
        run_tasks(
            [bad, good], tmp_path, done=done.append, failed=lambda *each: failed.append(each[0])
        )
    assert (done, failed) == ([good], [bad])


def test_a_finished_table_starts_no_process(tmp_path, monkeypatch):
    (task,) = tasks(1, rows=["ff-network"])
    run_task(task, tmp_path)
    monkeypatch.setattr("ffnp.reproduction.spreading.ProcessPoolExecutor", None)
    done = []
    run_tasks([task], tmp_path, done=done.append)
    assert done == [task]


def test_a_result_is_kept_here_though_the_worker_has_a_disk_of_its_own(tmp_path, monkeypatch):
    def elsewhere(jobs):
        return in_this_process(jobs, str(tmp_path / "there"))

    monkeypatch.setattr(spreading, "_processes", elsewhere)
    (task,) = tasks(1, rows=["ff-network"])
    run_tasks([task], tmp_path / "here")
    found = finished(tmp_path / "here", task)
    assert found is not None
    assert found == finished(tmp_path / "there", task)


def test_the_warnings_of_workers_come_back_each_once(tmp_path, monkeypatch):
    """From a worker that ends well, and from one that fails."""
    also, bad = tasks(1, seeds=2, rows=["ff-network"])

    def warning(task, out, stop):
        warnings.warn("the images are sorted", InputWarning, stacklevel=2)
        if task == bad:
            warnings.warn("this one is blank", InputWarning, stacklevel=2)
            raise TrainingError("it is blank")
        return result

    result, notes = run_task(also, tmp_path / "elsewhere"), []
    monkeypatch.setattr(spreading, "run_task", warning)
    monkeypatch.setattr(spreading, "_processes", in_this_process)
    with pytest.raises(TrainingError, match="it is blank$"), noting(notes.append):
        run_tasks([bad, also], tmp_path)
    assert notes == ["the images are sorted", "this one is blank"]


def test_a_workers_note_is_a_line_of_the_command(ffnp, tmp_path):
    arrays = small_arrays(28, 28, train=400, test=100, classes=9)
    write_idx(tmp_path / "mnist", arrays, gzipped=True)
    data, out = ["--data-dir", tmp_path], ["--out", tmp_path / "out"]
    options = [*OPTIONS, "--seeds", 1, "--epochs", 1, *data, *out]
    status, _, err = ffnp("reproduce", "table1", *options)
    assert status == 0
    first, second = err.splitlines()
    assert first.startswith(f"Note: mnist in {tmp_path / 'mnist'} is not the published data set:")
    assert second.startswith("Note: mnist: the training set has no image of class 9 (")


def test_processes_share_the_cores(monkeypatch):
    """On a machine with one core there is nothing to see."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    with spreading._processes(2) as workers:
        libraries = workers.submit(threadpool_info).result(PATIENCE)
    threads = {each["num_threads"] for each in libraries if each["user_api"] == "blas"}
    assert threads == {1}


@pytest.fixture
def cluster(tmp_path):
    """A Dask scheduler on loopback: its address, and what starts another worker of it."""
    file = tmp_path / "scheduler.json"
    with contextlib.ExitStack() as stack:

        def process(name, *options):
            command = [sys.executable, "-m", f"distributed.cli.dask_{name}", "--no-dashboard"]
            started = stack.enter_context(
                subprocess.Popen(
                    [*command, "--host", "127.0.0.1", "--scheduler-file", str(file), *options],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path,
                    env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
                )
            )  # fmt: skip
            stack.callback(started.kill)
            return started

        scheduler = process("scheduler", "--port", "0")
        address = None
        while address is None:
            assert scheduler.poll() is None
            time.sleep(0.02)
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):  # not yet, in part
                address = json.loads(file.read_text())["address"]
        options = ["--no-nanny", "--nthreads", "1", "--local-directory", str(tmp_path)]
        yield address, lambda: process("worker", *options)


def test_a_cluster_gives_the_results_of_one_process_though_a_worker_is_killed(cluster, tmp_path):
    address, add_worker = cluster
    workers, out, epochs = [add_worker(), add_worker()], tmp_path / "out", 40
    with start(out, "--scheduler", address, "--seeds", 2, "--epochs", epochs) as process:
        wait_for_runs(out, 2, process, *workers)
        workers[0].kill()
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err.decode()
    check_results(out, tasks(epochs, seeds=2), tmp_path)


def test_an_interrupt_stops_the_runs_of_a_cluster(cluster, tmp_path):
    address, add_worker = cluster
    worker, out, epochs = add_worker(), tmp_path / "out", 60
    with start(out, "--scheduler", address, "--seeds", 1, "--epochs", epochs) as process:
        wait_for_runs(out, 1, process, worker)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err.decode().endswith("Error: stopped: the same command goes on from here\n")
    assert len(list(out.glob(f"{FOLDERS}/*/state.safetensors"))) == 1


def test_a_scheduler_that_does_not_answer_is_one_line(tmp_path):
    with start(tmp_path / "out", "--scheduler", "tcp://nowhere", "--seeds", 1) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err.decode().startswith("Error: no Dask scheduler answers at tcp://nowhere")
    assert err.count(b"\n") == 1


class Cluster:
    """A Dask client of workers with these versions of ffnp; at first there is none."""

    def __init__(self, *versions, absent=0):
        self.versions, self.absent = versions, absent

    def __call__(self, address, timeout):
        return self

    status = "running"

    def close(self, timeout):
        pass

    def nthreads(self):
        self.absent -= 1
        return [] if self.absent >= 0 else self.versions

    def run(self, function, *arguments, on_error):
        return {f"worker {i}": version for i, version in enumerate(self.versions)}


@pytest.fixture
def pretended(monkeypatch):
    """Put a pretended cluster in Dask's place, and wait no time for it."""

    def pretend(cluster):
        dask = pytest.importorskip("distributed")
        monkeypatch.setattr(dask, "Client", cluster)
        monkeypatch.setattr(dask_cluster, "SOON", -1)
        return cluster

    return pretend


def test_workers_that_come_late_are_waited_for_and_it_is_said(pretended, tmp_path):
    pretended(Cluster("none", absent=3))
    notes = []
    with pytest.raises(FFNPError, match="is not installed for the workers worker 0: install it"):
        with noting(notes.append):
            run_tasks(tasks(1), tmp_path, scheduler="tcp://x")
    said = "the scheduler at tcp://x has no workers: start some, or end this by Ctrl-C"
    assert notes == [said]


def test_a_worker_without_the_package_is_named_before_anything_runs(pretended, tmp_path):
    pretended(Cluster(dask_cluster.version("ffnp"), "0.0.1", ModuleNotFoundError("ffnp")))
    with pytest.raises(FFNPError, match="for the workers worker 1, worker 2: install it there"):
        run_tasks(tasks(1), tmp_path, scheduler="tcp://x")
    assert list(tmp_path.iterdir()) == []


def test_a_stop_ends_the_wait_for_workers(pretended, tmp_path):
    pretended(Cluster(absent=10**9))
    stop = spreading.stop_file(tmp_path)
    with pytest.raises(TrainingError, match="stopped: the same command goes on from here"):
        with noting(lambda _: stop.ask()):
            run_tasks(tasks(1), tmp_path, scheduler="tcp://x", stop=stop)
    assert not stop.asked  # the file is gone


def test_the_first_interrupt_ends_a_wait_at_a_real_scheduler(cluster, tmp_path):
    address, _ = cluster
    with start(tmp_path / "out", "--scheduler", address, "--seeds", 1) as process:
        line = process.stderr.readline()
        while b"Note: " not in line:
            assert line, "it ended without a note"
            line = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert b"has no workers" in line
    assert process.returncode == 1
    assert err.decode().endswith("Error: stopped: the same command goes on from here\n")


class Refused(Cluster):
    """A cluster that cannot be spoken to."""

    def __init__(self, error):
        super().__init__("x")
        self.error = error

    def __call__(self, address, timeout):
        raise self.error


@pytest.mark.parametrize(
    "error", [TypeError("TLS expects a context"), MemoryError("3 EiB"), OSError("x"), ValueError()]
)
def test_whatever_an_address_does_is_one_line(pretended, tmp_path, error):
    pretended(Refused(error))
    kind = type(error).__name__
    with pytest.raises(FFNPError, match=f"no Dask scheduler answers at tls://x: {kind}"):
        run_tasks(tasks(1), tmp_path, scheduler="tls://x")


def test_an_address_that_swallows_everything_is_given_up(tmp_path, monkeypatch):
    """Dask itself would wait for ever."""
    monkeypatch.setattr(dask_cluster, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(FFNPError, match=f"no Dask scheduler answers at {address}: .*: no ans"):
            run_tasks(tasks(1), tmp_path, scheduler=address)


@pytest.mark.parametrize(
    "result",
    [
        {1, 2}, None, [], {}, {"config": {}}, float("nan"), ({}, [7]), ({1}, 2), RuntimeError("x"),
        KeyError("x"), CancelledError(), TimeoutError(),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_result_fails_its_run_alone(tmp_path, monkeypatch, result):
    @contextlib.contextmanager
    def worker(jobs):
        def submit(run, task, out, stop):
            future = Future()
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
            return future

        yield spreading.Workers(submit, as_completed, MemoryError)

    monkeypatch.setattr(spreading, "_processes", worker)
    chosen, failed = tasks(1), []
    with pytest.raises(TrainingError, match="2 of 2 runs failed, first mnist-") as every:
        run_tasks(chosen, tmp_path, failed=lambda task, reason: failed.append(task))
    assert sorted(failed, key=chosen.index) == chosen and "\n" not in str(every.value)
    assert list(tmp_path.glob("results/*")) == []


@pytest.mark.parametrize(
    "error, reason",
    [
        (MemoryError(), "out of memory: use fewer --jobs"),
        (ConnectionError("lost"), "the workers that had it died"),
        (TypeError("x"), "it failed with TypeError: x"),
    ],
    ids=repr,
)
def test_why_a_run_failed_is_said(tmp_path, monkeypatch, error, reason):
    @contextlib.contextmanager
    def worker(jobs):
        def submit(*_):
            future = Future()
            future.set_exception(error)
            return future

        yield spreading.Workers(submit, as_completed, ConnectionError)

    monkeypatch.setattr(spreading, "_processes", worker)
    chosen = tasks(1, rows=["ff-network"])
    with pytest.raises(TrainingError, match=f"failed, first mnist-ff-network-0: {reason}$"):
        run_tasks(chosen, tmp_path)


def test_a_result_of_another_configuration_is_none(tmp_path):
    (task,) = tasks(1, rows=["ff-network"])
    found = run_task(task, tmp_path)
    assert spreading.accepted(task, found) == json.loads(json.dumps(found))
    (other,) = tasks(2, rows=["ff-network"])
    with pytest.raises(InputError, match="gave back is no result of mnist-ff-network-0"):
        spreading.accepted(other, found)


def test_a_scheduler_that_is_gone_ends_the_runs(cluster, tmp_path):
    address, add_worker = cluster
    worker, out = add_worker(), tmp_path / "out"
    with start(out, "--scheduler", address, "--seeds", 1, "--epochs", 400) as process:
        wait_for_runs(out, 1, process, worker)
        port = int(address.rpartition(":")[2])
        listening = [c for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port]
        (number,) = {c.pid for c in listening if c.status == psutil.CONN_LISTEN}
        psutil.Process(number).kill()
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    line = f"Error: the scheduler at {address} is gone: the same command goes on from here"
    assert err.decode().splitlines()[-1].startswith(line)
