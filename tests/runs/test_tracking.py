"""Whoever watches a training in a notebook or keeps its numbers elsewhere."""

import os
import sqlite3
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from small_training import StopAfter, small_dataset

import ffnp as library
from ffnp.backends import Backend
from ffnp.errors import InputError, TrainingError
from ffnp.runs.progress import COMPILING
from ffnp.runs.tracking import Tracker

DATA = small_dataset()
SMALL = library.Config(
    hidden=(7, 6), epochs=2, batch_size=20, backend="reference", evaluate_every=1, analyse_every=2
)


class Kept:
    """What trackio and wandb have: `init`, `log` and `finish`."""

    def __init__(self):
        self.told = []

    def init(self, **options):
        self.told.append(("init", options))

    def log(self, values):
        self.told.append(("log", values))

    def finish(self):
        self.told.append(("finish",))


def test_a_tracker_is_told_of_epochs_and_the_end():
    kept = Kept()
    result = library.train(SMALL, dataset=DATA, watcher=Tracker(kept, "mine", name="first"))
    assert [each[0] for each in kept.told] == ["init", "log", "log", "log", "finish"]
    options = kept.told[0][1]
    assert (options["project"], options["name"]) == ("mine", "first")
    assert options["config"] == result.model.config.to_dict()
    first, second, end = (values for _, values in kept.told[1:4])
    assert first["losses/2"] == result.metrics[0]["losses"][1]
    assert first["test_error/all"] == result.metrics[0]["test_error"]["all"]
    assert second["analysis/entropy_all/total"] >= 0
    assert end["final_error/layers/1"] == result.test.layers[0]
    assert all(isinstance(value, int | float) for values in (first, second, end)
               for value in values.values())  # fmt: skip


def test_a_training_that_fails_is_finished_within_with():
    kept = Kept()

    class Both(Tracker):
        stop = StopAfter(4)

        def batch(self, trainer):
            return self.stop.batch(trainer)

    with pytest.raises(TrainingError), Both(kept) as watcher:
        library.train(SMALL, dataset=DATA, watcher=watcher)
    assert [each[0] for each in kept.told] == ["init", "log", "finish"]


def test_what_is_no_tracker_is_refused():
    with pytest.raises(InputError, match="the tracker has no log, finish: give trackio, wandb, or"):
        Tracker(SimpleNamespace(init=print))


@pytest.mark.filterwarnings("ignore::Warning")  # of its own
def test_trackio_keeps_it_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    try:
        import trackio
    except ImportError:
        if os.environ.get("FFNP_REQUIRE_EXTRAS") == "1":
            raise
        pytest.skip("no trackio: pip install 'ffnp[track]'")
    library.train(SMALL, dataset=DATA, watcher=Tracker(trackio, "mine", name="first"))
    (path,) = tmp_path.glob("mine*.db")
    with sqlite3.connect(path) as base:
        logged = base.execute("select metrics from metrics order by id").fetchall()
    assert len(logged) == 3
    assert "losses/1" in str(logged[0][0])


def test_progress_is_shown_and_left(capsys, monkeypatch):
    result = library.train(SMALL, dataset=DATA, watcher=library.Progress())
    shown = capsys.readouterr().err
    assert "epochs: 100%" in shown and "2/2" in shown
    assert f"{result.test.all:.2f}% of test rows" in shown


def test_progress_says_that_code_is_compiled(capsys, monkeypatch):
    @contextmanager
    def compiling(backend, begins):
        begins()
        yield float

    monkeypatch.setattr(Backend, "compiling", compiling)
    library.train(SMALL, dataset=DATA, watcher=library.Progress())
    assert f"Note: {COMPILING}\n" in capsys.readouterr().err


def test_a_result_is_shown_in_short(tmp_path):
    result = library.train(SMALL, tmp_path / "a<b", dataset=DATA)
    text, error = repr(result), f"{result.test.all:.2f}%"
    assert text.startswith("<Result: collab, 2 epochs in ") and len(text) < 300
    assert error in text and str(tmp_path / "a<b") in text
    assert repr(result.test).startswith(f"<Evaluation: error {error} of 23 images; layers alone ")
    html = result._repr_html_()
    assert "a&lt;b" in html and "a<b" not in html
    assert html.count("<tr>") == 3


def test_nothing_of_an_extra_is_imported():
    """In a fresh process: what is optional costs nothing until it is used."""
    import subprocess

    uses = "import sys; from ffnp import *; from ffnp_cli import train, plot, compare, reproduce"
    optional = "pandas polars pyarrow sklearn scipy optuna trackio wandb matplotlib PIL distributed"
    code = f"{uses}; print(set('{optional}'.split()) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
