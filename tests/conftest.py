"""Hypothesis profiles: `ci` is the default; `pytest --hypothesis-profile=dev` looks further."""

import json
import os
import subprocess
import sys

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # else one of scikit-learn's checks is skipped

import pytest
from hypothesis import settings
from small_run import SMALL
from threadpoolctl import ThreadpoolController

from ffnp.backends import dividing, numpy_backend
from ffnp.data.loading import find
from ffnp.data.verifying import differing
from ffnp.files import inflated
from ffnp.network import sharing
from ffnp.runs.place import Place
from ffnp_cli.main import main

settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("dev", deadline=None, max_examples=1000)
settings.load_profile("ci")


@pytest.fixture(scope="session", autouse=True)
def divide_small_batches_too():
    """The tests' batches and products are small; let them be divided as large ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "LEAST", 1)
        patch.setattr(numpy_backend, "LEAST_SWEEP", 1)
        patch.setattr(dividing, "LEAST_PRODUCT", 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def tests_that_store_a_run_are_skipped_on_windows():
    """Which stores none (tests/test_portable.py)."""
    with pytest.MonkeyPatch.context() as patch:
        if os.open not in os.supports_dir_fd:
            patch.setattr(Place, "__init__", lambda *_: pytest.skip("no run is stored here"))
        yield


@pytest.fixture(scope="session", autouse=True)
def inflated_mnist(tmp_path_factory):
    """A cache of the tests' own, with MNIST inflated: it is read in a fifth of the time."""
    cache = tmp_path_factory.mktemp("cache")
    copy = find("mnist")
    (cache / "ffnp" / "mnist").mkdir(parents=True)
    for path in copy.paths:
        plain = cache / "ffnp" / "mnist" / path.name.removesuffix(".gz")
        with inflated(path) as content:
            plain.write_bytes(content.read())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        # Matplotlib looks for fonts once for all processes of the suite
        patch.setenv("MPLCONFIGDIR", str(tmp_path_factory.getbasetemp().parent / "matplotlib"))
        assert differing(find("mnist")) == []  # remembered from now on
        yield


@pytest.fixture(autouse=True)
def blas_threads_stay():
    """A test leaves BLAS with as many threads as it found: later ones would compute otherwise."""
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    before = [library.num_threads for library in libraries]
    yield
    assert [library.num_threads for library in libraries] == before


@pytest.fixture
def ffnp(monkeypatch, capsys):
    """Run a command in this process: its exit status, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ffnp", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code, captured.out, captured.err

    return run


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """A small trained run, and the JSON that `ffnp train` printed."""
    if os.open not in os.supports_dir_fd:
        pytest.skip("no run is stored here")
    folder = tmp_path_factory.mktemp("cli") / "run"
    command = [sys.executable, "-c", "from ffnp_cli.main import main; main()", "train", *SMALL]
    done = subprocess.run([*command, "--out", folder, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)
