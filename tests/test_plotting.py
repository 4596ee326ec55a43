"""Pictures of runs, and what the commands print of goodness."""

import json
import sys
from itertools import islice

import numpy as np
import pytest

from ffnp import Config, train
from ffnp.errors import InputError
from ffnp.plotting import (
    STYLES,
    draw_curves,
    draw_layers,
    draw_pairs,
    drawing,
    new_figure,
    styles,
)  # fmt: skip

SMALL = Config(
    limit_train=200, limit_test=100, hidden=(12, 10), epochs=2, batch_size=50, backend="numpy"
)
SIGNATURES = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two runs whose folders have one name: with test errors and entropies, and without."""
    root = tmp_path_factory.mktemp("plot")
    recorded = Config.from_dict(SMALL.to_dict() | {"evaluate_every": 1, "analyse_every": 1})
    for name, config in (("one", recorded), ("two", SMALL)):
        train(config, root / name / "run")
    return root / "one" / "run", root / "two" / "run"


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_plot_draws_the_same_bytes_again(ffnp, folders, tmp_path, suffix):
    files = [tmp_path / f"{name}{suffix}" for name in ("first", "second")]
    for file in files:
        assert ffnp("plot", *folders, "-o", file) == (0, f"{file}\n", "")
    assert files[0].read_bytes().startswith(SIGNATURES[suffix])
    assert files[0].read_bytes() == files[1].read_bytes()


def test_plot_tells_runs_of_one_name_apart(ffnp, folders, tmp_path):
    ffnp("plot", *folders, "-o", tmp_path / "runs.svg")
    text = (tmp_path / "runs.svg").read_text()
    for folder in folders:
        assert f"<!-- {folder} -->" in text


def test_other_formats_are_refused(ffnp, folders, tmp_path):
    status, out, err = ffnp("plot", folders[0], "-o", tmp_path / "run.pdf")
    assert (status, out) == (2, "")
    assert err.startswith("Error: ") and err.count("\n") == 1


def test_missing_matplotlib_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match="pip install 'ffnp\\[plot\\]'"), drawing():
        pass


def test_lines_differ_in_colour_and_in_marker():
    assert len({style["color"] for style in STYLES}) == len(STYLES)
    assert len({style["marker"] for style in STYLES}) == len(STYLES)
    many = [tuple(style.items()) for style in islice(styles(), 24)]
    assert len(set(many)) == 24
    assert list(map(dict, many[: len(STYLES)])) == list(STYLES)


@pytest.mark.parametrize(
    "errors", [(88.7, 89.0), (1.55, 1.95), (1.0, 2.9), (0.9, 90.0), (0.0, 0.05)]
)
def test_an_error_axis_has_numbers(errors):
    record = {"phase": 1, "epoch": 1}
    metrics = [record | {"epoch": i, "pair_error": e} for i, e in enumerate(errors, start=1)]
    figure, axes = new_figure(1, 1)
    draw_pairs(axes[0, 0], {"a": {"metrics": metrics, "config": {"epochs": 2}}})
    figure.draw_without_rendering()
    low, high = axes[0, 0].get_ylim()
    labels = axes[0, 0].get_yticklabels() + axes[0, 0].get_yticklabels(minor=True)
    seen = [label for label in labels if low <= label.get_position()[1] <= high]
    assert sum(bool(label.get_text()) for label in seen) >= 2


def test_every_run_has_a_line_and_an_error_of_0_a_place():
    record = {"phase": 1, "epoch": 1, "pair_error": 0.0}
    result = {"metrics": [record, record | {"epoch": 2}], "config": {"epochs": 2}}
    _, axes = new_figure(1, 1)
    draw_pairs(axes[0, 0], {f"run {i}": result for i in range(14)})
    assert len(axes[0, 0].lines) == 14
    shown = axes[0, 0].transData.transform(axes[0, 0].lines[0].get_xydata())
    assert np.isfinite(shown).all()


def test_a_baseline_has_an_output_and_no_layers():
    errors = {"all": 4.0, "layers": [4.0], "groups": [4.0]}
    _, axes = new_figure(1, 2)
    for axis, method in zip(axes[0], ("backprop-label", "ff"), strict=True):
        draw_layers(axis, {"test_error": errors, "config": {"method": method}})
    labels = [[line.get_label() for line in axis.lines] for axis in axes[0]]
    assert labels == [["output"], ["layer alone", "layers 1..k together"]]
    assert [axis.get_xlabel() for axis in axes[0]] == ["", "layer k"]


def test_axes_say_which_rows_were_measured():
    record = {"phase": 1, "epoch": 1, "pair_error": 4.5}
    tested = record | {"test_error": {"all": 3.0}, "train_error": {"all": 2.0}}
    errors = {"layers": [4.0, 6.0], "groups": [4.0, 3.0]}

    def result(record, validation):
        return {
            "test_error": errors, "metrics": [record],
            "config": {"epochs": 1, "validation": validation},
        }  # fmt: skip

    _, axes = new_figure(1, 5)
    draw_layers(axes[0, 0], result(tested, 10))
    draw_curves(axes[0, 1], {"a": result(tested, 0)})
    draw_curves(axes[0, 2], {"a": result(tested, 10)}, training=True)
    draw_curves(axes[0, 3], {"a": result(tested, 10), "b": result(tested, 0)})
    draw_pairs(axes[0, 4], {"a": result(record, 0), "b": result(tested, 0)})
    assert [axis.get_ylabel() for axis in axes[0]] == [
        "validation error, %", "test error, %", "validation error, %", "error, %", "pair error, %",
    ]  # fmt: skip
    drawn = [
        [(line.get_label(), line.get_ydata()[0]) for line in axis.lines] for axis in axes[0, 1:]
    ]
    assert drawn == [
        [("a", 3.0)],
        [("a", 3.0), ("a, training rows", 2.0)],
        [("a", 3.0), ("b", 3.0)],
        [("a", 4.5), ("b", 4.5)],
    ]


def test_pairs_are_never_on_one_axis_with_errors():
    """Of two runs one recorded its errors; both are of ffnp 0.1: pairs are their train_error."""
    record = {"phase": 1, "epoch": 1, "train_error": 4.5}
    tested = {**record, "test_error": {"all": 21.0, "layers": [21.0], "groups": [21.0]}}
    results = {
        name: {"metrics": [each], "config": {"epochs": 1}}
        for name, each in (("old", record), ("tested", tested))
    }
    _, axes = new_figure(1, 2)
    draw_curves(axes[0, 0], results, training=True)
    draw_pairs(axes[0, 1], results)
    values = [[line.get_ydata()[0] for line in axis.lines] for axis in axes[0]]
    assert values == [[21.0], [4.5, 4.5]]


def test_analyse_prints_what_training_recorded(ffnp, folders):
    status, out, _ = ffnp("analyse", folders[0], "--backend", "numpy", "--json")
    found = json.loads(out)
    assert status == 0
    assert found.pop("run_dir") == str(folders[0])
    last = (folders[0] / "metrics.jsonl").read_text().splitlines()[-1]
    assert found == json.loads(last)["analysis"]
    status, out, _ = ffnp("analyse", folders[0])
    assert status == 0
    assert "functional entropy of 100 test images" in out
    assert "dead units" in out
