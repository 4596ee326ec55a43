"""What Windows lacks is missed only by stored runs, which are refused there in one line."""

import subprocess
import sys

WITHOUT = """
import os, signal, sys
sys.modules["fcntl"] = sys.modules["resource"] = None  # their import fails
import selectors, subprocess  # which find out by themselves what there is
for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_DIRECTORY", "SEEK_DATA", "SEEK_HOLE"):
    delattr(os, name)
del signal.SIGHUP
os.supports_dir_fd = set()
"""


def run(script):
    command = [sys.executable, "-c", WITHOUT + script]
    return subprocess.run(command, capture_output=True, text=True)


def test_training_needs_nothing_that_windows_lacks():
    done = run("""
import ffnp
small = ffnp.Config(limit_train=200, limit_test=50, epochs=1, hidden=(8,), backend="numpy")
print(ffnp.train(small).test.all)
""")
    assert (done.returncode, done.stderr) == (0, "")
    assert 0 <= float(done.stdout) <= 100


def test_a_stored_run_says_that_it_needs_another_system(tmp_path):
    arguments = ["ffnp", "train", "--limit-train", "200", "--epochs", "1", "--out"]
    arguments.append(str(tmp_path / "run"))
    done = run(f"sys.argv = {arguments!r}\nfrom ffnp_cli.main import main; main()")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot be a run: they are stored on Linux and macOS" in done.stderr
    assert list(tmp_path.iterdir()) == []
