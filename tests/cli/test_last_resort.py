"""What no command expects: each cause has its own line, and nothing is guessed."""

import errno
import os
import subprocess
import sys
import threading

import pytest
from small_run import SMALL
from threadpoolctl import threadpool_limits

from ffnp.backends.team import Team
from ffnp.errors import FFNPError, InputError
from ffnp_cli import info as command

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
    "named": (refused(errno.EACCES, "/x"), "/x cannot be used: Permission denied: set FFNP_DEBU"),
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
    for arguments in (["train", *SMALL, "--out", name], ["evaluate", name], ["analyse", name]):
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
