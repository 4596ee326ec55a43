"""Runs that were stopped, whose data are one's own, or were moved: all can be used."""

import json
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from data_files import small_arrays
from small_run import SMALL
from small_training import StopAfter, same_bits, small_dataset

from ffnp import Config, evaluate, load, load_model, resume, train
from ffnp.errors import InputError, TrainingError, noting
from ffnp.runs.folder import Run
from ffnp_cli import plot as plot_command
from ffnp_cli.commands import run as run_command
from ffnp_cli.progress import on_signals

OWN = Config(hidden=(6, 5), epochs=2, batch_size=20, backend="numpy", evaluate_every=2)


@pytest.fixture
def stopped(tmp_path):
    """The folder of a run that was stopped in its second epoch."""
    config = Config(
        limit_train=300, limit_test=100, hidden=(20, 10), epochs=2, batch_size=100, backend="numpy"
    )
    with pytest.raises(TrainingError, match="stopped"):
        train(config, tmp_path / "stopped", StopAfter(4))
    return tmp_path / "stopped"


@pytest.mark.parametrize(
    "arguments",
    [["evaluate", "{}"], ["analyse", "{}"], ["predict", "{}", "{}/x.npy"]],
    ids=" ".join,
)
def test_a_stopped_run_is_used_and_it_is_said(ffnp, stopped, arguments):
    np.save(stopped / "x.npy", load("mnist").test.images[:1])
    status, out, err = ffnp(*(each.format(stopped) for each in arguments))
    assert status == 0 and out
    assert err == (
        f"Note: {stopped} is not finished: its last saved weights are used; "
        f"`ffnp train --resume {stopped}` goes on\n"
    )


def test_a_stopped_run_is_drawn(ffnp, stopped, tmp_path):
    status, out, err = ffnp("plot", stopped, "-o", tmp_path / "x.svg")
    assert (status, err.count("\n"), out) == (0, 1, f"{tmp_path / 'x.svg'}\n")


def test_the_last_weights_are_those_of_the_state(stopped):
    with pytest.raises(InputError, match=r"no trained model yet: .* load_model\(..., last=True\)"):
        load_model(stopped)
    saved = load_model(stopped, "numpy", last=True)
    begun = train(Run(stopped).config()).model
    assert not same_bits(saved, begun)  # which is trained to the end
    whole = resume(stopped).model
    assert same_bits(load_model(stopped, "numpy", last=True), whole)  # the trained one, once there
    assert same_bits(whole, begun)


def test_a_run_without_weights_says_so(ffnp, stopped):
    (stopped / "state.safetensors").unlink()
    status, _, err = ffnp("evaluate", stopped)
    assert (status, err.count("\n")) == (2, 1)
    assert f"{stopped} has no weights yet: finish it with `ffnp train --resume {stopped}`" in err


@pytest.fixture
def own(tmp_path):
    """The folder of a run on data that were in memory, and a file of them."""
    folder = train(OWN, tmp_path / "own", dataset=small_dataset()).run.folder
    np.savez(tmp_path / "own.npz", **small_arrays(4, 4, train=50, test=23, classes=4)._asdict())
    return folder, tmp_path / "own.npz"


@pytest.mark.parametrize("command", ["evaluate", "analyse"])
def test_the_data_of_a_run_may_be_given(ffnp, own, command):
    folder, file = own
    status, _, err = ffnp(command, folder)
    assert (status, err.count("\n")) == (2, 1)
    assert err.endswith(": --dataset or --data-dir says where the run's data are now\n")
    assert ffnp(command, folder, "--dataset", file)[0] == 0


@pytest.mark.parametrize("command", ["evaluate", "analyse"])
def test_data_that_have_changed_are_named_with_what_is_other(ffnp, tmp_path, command):
    arrays, file = small_arrays(4, 4, train=50, test=23, classes=4), tmp_path / "own.npz"
    np.savez(file, **arrays._asdict())
    folder = train(replace(OWN, dataset=str(file), evaluate_every=0), tmp_path / "run").run.folder
    assert ffnp(command, folder)[::2] == (0, "")
    np.savez(file, **arrays._replace(x_train=255 - arrays.x_train // 2)._asdict())
    status, _, err = ffnp(command, folder)
    assert (status, err.count("\n")) == (0, 1)
    was, now = arrays.x_train.mean(), (255 - arrays.x_train // 2).mean()
    assert err.startswith(f"Note: {file} is not what the run was trained on: pixels 128..255, once")
    assert f"mean pixel {now:.6g}, once {was:.6g}, " in err
    drawn = []
    with noting(drawn.append):
        plot_command._result(folder, None, None)
    assert [f"Note: {text}\n" for text in drawn] == [err]
    np.savez(file, **small_arrays(5, 5, train=50, test=23, classes=4)._asdict())
    status, _, err = ffnp(command, folder)
    assert (status, err.count("\n")) == (2, 1)
    assert "shape (5, 5): the model takes 4x4, or 16 values: --dataset or --data-dir says" in err


def test_a_run_of_an_older_ffnp_says_what_it_does_not_know(ffnp, own, tmp_path):
    folder, _ = own
    model = load_model(folder)
    with Run(folder).alone() as run:
        run.write_model(replace(model, data=replace(model.data, appearance=None)))
    np.save(tmp_path / "x.npy", 255 - small_dataset().test.images)
    status, out, err = ffnp("predict", folder, tmp_path / "x.npy")
    assert status == 0 and out
    assert err.startswith(f"Note: {folder} was stored by ffnp 0.1, which kept nothing of how its")
    assert err.count("\n") == 1


def test_a_run_goes_on_with_data_that_are_given(ffnp, own, tmp_path):
    _, file = own
    with pytest.raises(TrainingError, match="stopped"):
        train(OWN, tmp_path / "run", StopAfter(4), dataset=small_dataset())
    assert ffnp("train", "--resume", tmp_path / "run")[0] == 2
    assert ffnp("train", "--resume", tmp_path / "run", "--dataset", file)[0] == 0
    model = load_model(tmp_path / "run", "numpy")
    assert same_bits(model, train(OWN, dataset=small_dataset()).model)
    assert ffnp("evaluate", tmp_path / "run")[0] == 0  # it remembers them


def test_a_plot_of_what_was_recorded_needs_no_data(ffnp, own, tmp_path, monkeypatch):
    folder, file = own
    drawn = []
    monkeypatch.setattr(
        plot_command, "draw_layers", lambda _, result: drawn.append(result["test_error"])
    )
    status, out, err = ffnp("plot", folder, "-o", tmp_path / "x.svg")
    assert (status, out, err.count("\n")) == (0, f"{tmp_path / 'x.svg'}\n", 1)
    assert err.startswith("Note: goodness and confusions are not drawn: unknown data set 'small'")
    assert ffnp("plot", folder, "-o", tmp_path / "x.svg", "--dataset", file)[0] == 0
    model = load_model(folder, "numpy")
    assert drawn == [evaluate(model, small_dataset().test).to_dict()] * 2


def test_a_plot_without_data_has_its_curves(ffnp, own, tmp_path):
    folder, _ = own
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    (folder / "metrics.jsonl").write_text(lines[0] + "\n")  # it has no test errors
    status, _, err = ffnp("plot", folder, "-o", tmp_path / "x.svg")
    assert (status, err.count("\n")) == (0, 1)
    assert err.startswith("Note: errors of layers are not drawn: unknown data set 'small': ")
    text = (tmp_path / "x.svg").read_text()
    assert "<!-- pair error, % -->" in text and "<!-- layer k -->" not in text


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize(
    "option, value, message",
    [
        ("--dataset", "nosuch", "unknown data set 'nosuch'"),
        ("--dataset", "mnist", "the model takes 4x4"),
        ("--dataset", "", "dataset is empty"),
        ("--data-dir", "", "data_dir is empty"),
        ("--data-dir", "nosuch", "unknown data set 'small'"),
    ],
)
def test_data_that_are_asked_for_are_drawn_or_refused(
    ffnp, own, tmp_path, option, value, message, recorded
):
    folder, _ = own
    if not recorded:  # the errors of its last epoch
        line = (folder / "metrics.jsonl").read_text().splitlines()[0]
        (folder / "metrics.jsonl").write_text(line + "\n")
    for command in (["plot", folder, "-o", tmp_path / "x.svg"], ["analyse", folder]):
        status, out, err = ffnp(*command, option, value)
        assert (status, out, err.count("\n"), message in err) == (2, "", 1, True)
    assert not (tmp_path / "x.svg").exists()


@pytest.mark.parametrize("command", ["evaluate", "analyse", "plot"])
def test_a_folder_of_data_may_have_moved(ffnp, tmp_path, command):
    folder, moved = tmp_path / "run", tmp_path / "moved" / "mnist"
    (tmp_path / "data").mkdir()
    small = {"limit_train": 300, "limit_test": 50, "hidden": (5,), "epochs": 1}
    train(Config(data_dir=str(tmp_path / "data"), **small), folder, dataset=load("mnist"))
    moved.parent.mkdir()
    (tmp_path / "data").rename(moved)
    options = ["-o", tmp_path / "x.svg"] if command == "plot" else []
    status, _, err = ffnp(command, folder, *options)
    assert "data is not a folder: give one that holds mnist" in err
    assert status == (0 if command == "plot" else 2)
    assert ffnp(command, folder, *options, "--data-dir", moved.parent)[0] == 0


def test_a_runs_own_configuration_is_one(ffnp, run_folder, tmp_path):
    folder, printed = run_folder
    (tmp_path / "printed.json").write_text(json.dumps(printed))  # has it, too
    for name in (folder / "config.json", tmp_path / "printed.json"):
        out = tmp_path / f"{name.stem}-run"
        status, found, err = ffnp("train", "--config", name, "--out", out, "--json")
        assert (status, err) == (0, "")
        assert json.loads(found)["config"] == printed["config"]
    (tmp_path / "no.json").write_text('{"config": 1}')
    status, _, err = ffnp("train", "--config", tmp_path / "no.json")
    assert status == 2
    assert "no.json is neither TOML nor a run's config.json: it has no configuration" in err


def test_a_quick_second_signal_is_the_first(monkeypatch):
    acts = []
    with on_signals(lambda: acts.append(True)):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 3)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert acts == [True]


def test_a_terminal_that_is_gone_stops_unless_it_is_ignored():
    acts = []
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever pytest was started by
    try:
        with on_signals(lambda: acts.append(True)):
            signal.raise_signal(signal.SIGHUP)
        assert acts == [True]
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        with on_signals(lambda: acts.append(True)):
            signal.raise_signal(signal.SIGHUP)
        assert acts == [True]
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interrupt_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ffnp_cli.progress.Bars.epoch", interrupt)
    monkeypatch.setattr("sys.argv", ["ffnp", "train", *SMALL, "--out", str(tmp_path / "run")])
    assert run_command() == 1
    hint = f"continue with `ffnp train --resume {tmp_path / 'run'}`"
    assert capsys.readouterr().err.strip() == f"Error: interrupted: {hint}"


@pytest.mark.parametrize(
    "before, said",
    [
        ({"threads": 64}, "trained on numpy with 64 thread(s) and goes on on numpy with "),
        ({"on": "numba"}, "the run was trained on numba with "),
        ({}, None),
    ],
    ids=str,
)
def test_other_bits_are_said(stopped, before, said):
    run, notes, read = Run(stopped), [], Run.read_state
    with pytest.MonkeyPatch.context() as patch, noting(notes.append):
        patch.setattr(Run, "read_state", lambda *given: read(*given) | before)
        resume(run.folder)
    assert len(notes) == (said is not None)
    assert said is None or said in notes[0]
