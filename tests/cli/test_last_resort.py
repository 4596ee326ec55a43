"""What no command expects: each cause has its own line, and nothing is guessed."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest
from small_run import SMALL
from threadpoolctl import threadpool_limits

import ffnp_cli
from ffnp.backends.team import Team
from ffnp.errors import FFNPError, InputError
from ffnp_cli import info as command
from ffnp_cli.commands import COMMANDS, cli
from ffnp_cli.data import data
from ffnp_cli.plain import Plain

PYTHON = [sys.executable, "-c", "from ffnp_cli.main import main; main()"]


def interrupt():
    error = KeyboardInterrupt()
    error.add_note("continue with this")
    return error


def refused(number, *name):
    return OSError(number, os.strerror(number), *name)


CAUSES = {
    "eof": (EOFError("Ran out of input"), "EOFError: Ran out of input: this should not happen: "),
    "disk": (refused(errno.ENOSPC), "the system refuses: No space left on device: free some\n"),
    "pipe": (refused(errno.EPIPE), "the system refuses: Broken pipe: set FFNP_DEBUG=1 to see"),
    "fork": (refused(errno.EAGAIN), "unavailable: raise the limit of processes and threads (uli"),
    "files": (refused(errno.EMFILE), "Too many open files: raise the limit of open files (ulimi"),
    "named": (refused(errno.EACCES, "/x"), "/x cannot be used: Permission denied: allow it (ch"),
    "long": (refused(errno.ENAMETOOLONG, "/x"), "/x cannot be used: File name too long: give a "),
    "thread": (RuntimeError("can't start new thread"), "the system refuses another thread: raise"),
    "memory": (MemoryError(), "out of memory: use smaller"),
    "library": (OSError("a library's own words"), "OSError: a library's own words: this should no"),
    "ctrl-c": (interrupt(), "interrupted: continue with this\n"),
}


@pytest.fixture
def fails(ffnp, monkeypatch):
    """Run a command in which an error is raised."""

    def run(error):
        def fail(*_):
            raise error

        monkeypatch.setattr(command, "threadpool_info", fail)
        return ffnp("info")

    return run


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_its_own_line(fails, cause):
    error, message = CAUSES[cause]
    status, out, err = fails(error)
    assert (status, out) == (1, "")
    assert err.startswith("\nError: " if cause == "ctrl-c" else "Error: ")
    assert message in err and err.strip().count("\n") == 0
    assert "standard output" not in err


@pytest.mark.parametrize(
    "error, status", [(ZeroDivisionError(), 1), (InputError("x"), 2), (EOFError(), 1)]
)
def test_debug_shows_the_traceback_whatever_the_type(fails, monkeypatch, error, status):
    monkeypatch.setenv("FFNP_DEBUG", "1")
    found, _, err = fails(error)
    assert found == status
    assert err.startswith("Traceback") and "fail\n    raise error" in err
    assert err.splitlines()[-1].startswith("Error: ")


def test_a_name_of_any_bytes_ends_well(run_folder, tmp_path):
    name = os.fsencode(tmp_path) + b"/\xffnp"
    for arguments in (["train", *SMALL, "--out", name], ["evaluate", name]):
        done = subprocess.run([*PYTHON, *arguments, "--backend", "numpy"], capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
        assert arguments[0] != "train" or done.stdout.endswith(
            rb"stored in %b" % (os.fsencode(tmp_path) + rb"/\udcffnp" + b"\n")
        )


def test_the_users_matplotlibrc_changes_no_figure(run_folder, tmp_path):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\naxes.facecolor: red\n")
    for name in ("a.svg", "b.svg"):
        command = [*PYTHON, "plot", run_folder[0], "-o", tmp_path / name]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        (tmp_path / "matplotlibrc").unlink(missing_ok=True)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_matplotlibrc_that_cannot_be_read_is_named(run_folder, tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"text.usetex: \xff\n")
    command = [*PYTHON, "plot", run_folder[0], "-o", tmp_path / "a.svg"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("unset MPLBACKEND, or mend your matplotlibrc")


def test_a_limit_of_threads_is_named(monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    with threadpool_limits(2, "blas"):
        team = Team()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            with pytest.raises(FFNPError, match=r"no thread beside .* \(ulimit -u\)"):
                team([lambda: None] * 2)
        team([lambda: None] * 2)  # with what there is again


def test_a_note_is_of_letters(ffnp, tmp_path):
    status, _, err = ffnp("reproduce", "table1", "--note", "mnist=\udcff", "--out", tmp_path)
    assert (status, err.count("\n")) == (2, 1)
    assert "is not UTF-8" in err


@pytest.mark.parametrize("name", ["FFNP_VERSION", "FFNP_HELP", "FFNP_INFO_HELP"])
@pytest.mark.parametrize("value", ["0.1.0", "1"])
def test_the_environment_asks_for_no_version_and_no_help(ffnp, monkeypatch, name, value):
    expected = ffnp("info")[:2]
    monkeypatch.setenv(name, value)
    assert ffnp("info")[:2] == expected


COMMAND = [cli.get_command(click.Context(cli), name) for name in COMMANDS]


@pytest.mark.parametrize("command", [*COMMAND, *data.commands.values()], ids=lambda c: c.name)
def test_no_command_takes_its_help_from_the_environment(command):
    assert isinstance(command, Plain)


def test_commands_have_their_names_and_every_module_of_one_is_listed():
    assert [command.name for command in COMMAND] == list(COMMANDS) == sorted(COMMANDS)
    modules = Path(ffnp_cli.__file__).parent.glob("*.py")
    titled = {path.stem for path in modules if path.read_text("utf-8").startswith('"""`ffnp ')}
    assert titled == set(COMMANDS)


def test_a_group_takes_no_help_from_the_environment(ffnp, monkeypatch):
    monkeypatch.setenv("FFNP_DATA_HELP", "1")
    monkeypatch.setenv("FFNP_DATA_LIST_HELP", "1")
    assert ffnp("data", "list")[1].startswith("mnist: ")


def test_a_folder_that_is_gone_is_named(ffnp, monkeypatch, tmp_path):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    status, _, err = ffnp("reproduce", "table1", "--no-train", "--data-dir", "x")
    monkeypatch.chdir(tmp_path)
    assert status == 1
    assert (
        err == "Error: the folder that this command was started in is gone: change to another one\n"
    )


def test_a_message_of_any_length_is_cut(fails):
    _, _, err = fails(InputError("x" * 100_000 + ": mend it"))
    assert len(err) < 2100 and err.endswith("xx: mend it\n")


def test_an_interrupt_while_data_are_loaded_is_heard_at_once(ffnp, monkeypatch, tmp_path):
    def load(*_):
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it went on")

    monkeypatch.setattr("ffnp.runs.experiment.load", load)
    status, out, err = ffnp("train", *SMALL, "--out", tmp_path / "run")
    assert (status, out) == (1, "") and err.strip() == "Error: interrupted"
    assert not (tmp_path / "run").exists()


def test_a_circle_of_links_is_one_line(ffnp, run_folder, tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for arguments in (
        ["evaluate", tmp_path / "loop"],
        ["train", "--resume", tmp_path / "loop"],
        ["train", *SMALL, "--out", tmp_path / "loop"],
        ["train", "--config", tmp_path / "loop"],
        ["train", "--dataset", tmp_path / "loop"],
        ["plot", run_folder[0], "-o", tmp_path / "loop" / "x.svg"],
        ["plot", tmp_path / "loop", "-o", tmp_path / "x.svg"],
    ):
        status, _, err = ffnp(*arguments)
        assert status in (1, 2) and "should not happen" not in err
        assert err.startswith("Error: ") and err.count("\n") == 1
