"""Pictures of runs, and what the commands print of goodness."""

import json
import sys
from dataclasses import replace
from itertools import islice, zip_longest

import numpy as np
import pytest
from PIL import Image

from ffnp import Config, train
from ffnp.errors import InputError
from ffnp.plotting import (
    STYLES,
    animate,
    common_legend,
    draw_coefficient,
    draw_confusion,
    draw_curves,
    draw_gamma,
    draw_goodness,
    draw_layer_curves,
    draw_layers,
    draw_pairs,
    drawing,
    new_figure,
    settings,
    styles,
)

SMALL = Config(
    limit_train=200, limit_test=100, hidden=(12, 10), epochs=2, batch_size=50, backend="numpy"
)
SIGNATURES = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two runs whose folders have one name: with test errors and entropies, and without."""
    root = tmp_path_factory.mktemp("plot")
    every = {"evaluate_every": 1, "analyse_every": 1, "snapshot_every": 1}
    recorded = Config.from_dict(SMALL.to_dict() | every)
    for name, config in (("one", recorded), ("two", SMALL)):
        train(config, root / name / "run")
    return root / "one" / "run", root / "two" / "run"


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_plot_draws_the_same_bytes_again(ffnp, folders, tmp_path, suffix):
    files = [tmp_path / f"{name}{suffix}" for name in ("first", "second")]
    for file in files:
        assert ffnp("plot", folders[0], "-o", file) == (0, f"{file}\n", "")
    assert files[0].read_bytes().startswith(SIGNATURES[suffix])
    assert files[0].read_bytes() == files[1].read_bytes()


def test_plot_tells_runs_of_one_name_apart(ffnp, folders, tmp_path):
    ffnp("plot", *folders, "-o", tmp_path / "runs.svg")
    text = (tmp_path / "runs.svg").read_text()
    for folder in folders:
        assert f"<!-- {folder} -->" in text


def test_other_formats_are_refused(ffnp, folders, tmp_path):
    status, out, err = ffnp("plot", folders[0], "-o", tmp_path / "run.jpg")
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
    assert len({(style["marker"], style["linestyle"]) for style in islice(styles(), 24)}) == 24
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


def test_layers_of_local_heads_vote():
    errors = {"all": 3.0, "layers": [4.0, 5.0], "groups": [4.0, 3.0]}
    _, axes = new_figure(1, 1)
    draw_layers(axes[0, 0], {"test_error": errors, "config": {"method": "local-heads"}})
    assert [list(line.get_ydata()) for line in axes[0, 0].lines] == [[4.0, 5.0], [4.0, 3.0]]


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
    assert (found.pop("run_dir"), found.pop("evaluated")) == (str(folders[0]), "test")
    last = (folders[0] / "metrics.jsonl").read_text().splitlines()[-1]
    assert found == json.loads(last)["analysis"]
    status, out, _ = ffnp("analyse", folders[0])
    assert status == 0
    assert "functional entropy of 100 test images" in out
    assert "dead units" in out


def result_of(errors=(), pushes=(), **options):
    """A result with a record an epoch: errors of layers, or what they hear and are pushed."""
    config = Config(**{"epochs": 3, "hidden": (4, 4), **options}).to_dict()
    metrics = []
    for i, (layers, push) in enumerate(zip_longest(errors, pushes), start=1):
        record = {"phase": 1, "epoch": i, "pair_error": 5.0}
        if layers:
            record["test_error"] = {"layers": layers, "all": layers[0]}
        if push:
            record["analysis"] = {"goodness": [{}] * len(push), "push": push}
        metrics.append(record)
    test = {"all": 4.0, "layers": [4.0, 8.0], "groups": [4.0, 6.0]}
    return {"config": config, "metrics": metrics, "test_error": test}


def lines_of(axes):
    return {line.get_label(): list(line.get_ydata()) for line in axes.lines}


def test_runs_that_differ_by_their_seed_are_one_with_a_band():
    runs = {
        f"run {seed}": result_of([[4.0 + seed, 8.0]] * 2, seed=seed, backend=backend)
        for seed, backend in ((0, "numpy"), (2, "numba"))
    }
    shown = settings(runs)
    assert list(shown) == ["run 0 (2 seeds)"]
    _, axes = new_figure(1, 2)
    draw_curves(axes[0, 0], shown)
    assert lines_of(axes[0, 0]) == {"run 0 (2 seeds)": [5.0, 5.0]}
    band = axes[0, 0].collections[0].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == (4.0, 6.0)
    shown["run 0 (2 seeds)"]["seeds"][1]["test_error"]["layers"] = [8.0, 8.0]
    draw_layers(axes[0, 1], settings(runs)["run 0 (2 seeds)"])
    assert lines_of(axes[0, 1])["layer alone"] == [6.0, 8.0]


def test_settings_are_named_by_what_differs():
    runs = {
        "a": result_of(method="ff"),
        "b": result_of(gamma="previous"),
        "c": result_of(),
        "d": result_of(theta=10.0),
        "e": result_of(theta=10.0, evaluate_every=1, seed=1),
        "f": result_of(method="backprop-label"),
    }
    assert list(settings(runs)) == [
        "ff, theta 20", "collab, gamma previous, theta 20", "collab, gamma others, theta 20",
        "collab, gamma others, theta 10 (2 seeds)", "backprop-label",
    ]  # fmt: skip


def test_settings_that_differ_in_too_much_have_the_names_of_their_runs():
    other = {"hidden": (500,) * 8, "objective": "softmax", "activation": "softplus"}
    runs = {"a": result_of(), "b": result_of(seed=1), "c": result_of(**other)}
    assert list(settings(runs)) == ["a (2 seeds)", "c"]


def test_one_seed_twice_stays_two():
    assert list(settings({"a": result_of(), "b": result_of()})) == ["a", "b"]


def test_layers_by_epoch():
    _, axes = new_figure(1, 1)
    draw_layer_curves(axes[0, 0], result_of([[4.0, 8.0], [3.0, 7.0]]))
    assert lines_of(axes[0, 0]) == {
        "layer 1": [4.0, 3.0], "layer 2": [8.0, 7.0], "vote": [4.0, 3.0],
    }  # fmt: skip


def test_a_later_layers_training_begins_at_a_line():
    places = [(1, 1), (1, 2), (2, 1), (2, 2)]  # phase, epoch
    metrics = [{"phase": p, "epoch": e, "pair_error": 9.0} for p, e in places]
    _, axes = new_figure(1, 1)
    draw_pairs(axes[0, 0], {"a": {"metrics": metrics, "config": {"epochs": 2}}})
    assert [list(line.get_xdata()) for line in axes[0, 0].lines] == [[1, 2, 3, 4], [2.5, 2.5]]


def test_gamma_and_coefficient_by_epoch():
    push = {"true_gamma": 5.0, "wrong_gamma": 3.0, "true": 0.25, "wrong": 0.5}
    result = result_of(pushes=[[push]] * 2)
    _, axes = new_figure(1, 3)
    draw_gamma(axes[0, 0], result)
    draw_coefficient(axes[0, 1], result)
    draw_coefficient(axes[0, 2], result_of([[4.0]]))  # ffnp 0.2 did not record it
    assert lines_of(axes[0, 0]) == {"layer 1, true": [5.0] * 2, "layer 1, wrong": [3.0] * 2}
    assert lines_of(axes[0, 1]) == {"layer 1, true": [0.25] * 2, "layer 1, wrong": [0.5] * 2}
    assert not axes[0, 2].has_data()


def test_goodness_of_true_labels_is_left_and_of_wrong_ones_right():
    scores = np.zeros((2, 4, 3))
    scores[0] = np.arange(12).reshape(4, 3)
    scores[0, np.arange(4), [0, 1, 2, 0]] = 50, 51, 52, 53  # layer 2 says 0 to all
    _, axes = new_figure(1, 1)
    draw_goodness(axes[0, 0], scores, np.array([0, 1, 2, 0]), 20.0)
    extents = [body.get_paths()[0].get_extents() for body in axes[0, 0].collections]
    left, silent, right, _ = extents
    assert (left.ymin, left.ymax, left.xmax) == (50, 53, 1)
    assert (right.ymin, right.ymax, right.xmin) == (1, 11, 1)
    assert (silent.ymin, silent.ymax) == (0, 0)
    hatches = {body.get_hatch() for body in axes[0, 0].collections}
    assert len(hatches) == 2  # told apart without colour
    assert axes[0, 0].lines[0].get_ydata()[0] == 20.0


def test_confusion_is_in_percent_of_the_true_label():
    _, axes = new_figure(1, 1)
    draw_confusion(axes[0, 0], np.array([[8, 2], [0, 20]]), ["cat", "dog"])
    (image,) = axes[0, 0].images
    np.testing.assert_array_equal(image.get_array(), [[0, 20], [0, 0]])
    assert [text.get_text() for text in axes[0, 0].texts] == ["20"]
    assert [label.get_text() for label in axes[0, 0].get_yticklabels()] == ["cat", "dog"]


def test_a_confusion_of_many_classes_has_a_scale_and_no_numbers():
    figure, axes = new_figure(1, 1)
    draw_confusion(axes[0, 0], np.ones((13, 13), int), [f"class {i}" for i in range(13)])
    assert not axes[0, 0].texts
    assert figure.axes[1].get_ylabel() == "% of the true label"


def test_an_error_axis_ends_at_what_is_there():
    _, axes = new_figure(1, 1)
    draw_layer_curves(axes[0, 0], result_of([[40.0, 90.0], [2.0, 80.0]]))
    low, high = axes[0, 0].get_ylim()
    assert 1.5 < low < 2 and 90 < high < 100


def test_a_legend_of_eight_runs_fits():
    names = [f"collab, gamma previous, sigmoid, theta {i}0" for i in range(8)]
    figure, axes = new_figure(1, 2)
    draw_curves(axes[0, 0], {name: result_of([[4.0, 8.0]] * 2) for name in names})
    axes[0, 1].plot([0, 1])
    common_legend(figure)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box, page = legend.get_window_extent(), figure.bbox
    assert len(legend.texts) == 8
    assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0


@pytest.fixture
def drawn(monkeypatch):
    """The figures that `ffnp plot` would have written."""
    found = []
    monkeypatch.setattr("ffnp_cli.plot.save", lambda figure, path: found.append(figure))
    return found


def test_no_panel_is_empty(ffnp, folders, drawn, tmp_path):
    for runs in (folders[:1], folders[1:], folders):
        assert ffnp("plot", *runs, "-o", tmp_path / "run.png")[0] == 0
    assert [len(figure.axes) for figure in drawn] == [11, 4, 14]
    assert all(axes.has_data() for figure in drawn for axes in figure.axes)


def test_many_settings_are_drawn_without_a_look_at_each(
    ffnp, folders, drawn, tmp_path, monkeypatch
):
    monkeypatch.setattr("ffnp_cli.plot.FEW", 1)
    status, _, err = ffnp("plot", *folders, "-o", tmp_path / "run.png")
    assert status == 0
    assert err.startswith("Note: goodness and confusions of more than 1 settings are not drawn")
    assert len(drawn[0].axes) == 2 + 5


@pytest.fixture(scope="module")
def unlike(folders, tmp_path_factory):
    """The runs, one that has no goodness, and one whose snapshots are of another epoch."""
    root = tmp_path_factory.mktemp("unlike")
    train(replace(SMALL, method="backprop-label", snapshot_every=1), root / "label")
    train(replace(SMALL, snapshot_every=3, epochs=3), root / "third")
    return [*folders, root / "label", root / "third"]


@pytest.mark.parametrize("suffix, kind", {".gif": "GIF", ".apng": "PNG"}.items())
def test_goodness_moves(ffnp, folders, tmp_path, suffix, kind):
    files = [tmp_path / f"{name}{suffix}" for name in ("first", "second")]
    for file in files:
        assert ffnp("plot", "--animate", folders[0], "-o", file) == (0, f"{file}\n", "")
    with Image.open(files[0]) as picture:
        assert (picture.format, picture.n_frames) == (kind, 3)  # before, and after two epochs
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    "runs, name, says",
    [
        ([0], "a.mp4", "what moves is .gif or .apng"),
        ([1], "a.gif", "has no snapshots to move through: train with --snapshot-every 1"),
        ([0] * 4, "a.gif", "give 3 at most"),
        ([2], "a.gif", "is of method backprop-label, which has no goodness"),
        ([0, 3], "a.gif", "the runs have no snapshots of the same epochs: train them alike"),
    ],
)
def test_what_cannot_move_is_refused(ffnp, unlike, tmp_path, runs, name, says):
    copies = [tmp_path / f"run{i}" for i in range(len(runs))]
    for i, copy in zip(runs, copies, strict=True):
        copy.symlink_to(unlike[i])
    status, out, err = ffnp("plot", "--animate", *copies, "-o", tmp_path / name)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_an_animation_has_the_epochs_that_all_have(tmp_path):
    scores = np.random.default_rng(0).uniform(0, 9, (2, 10, 3))
    networks = {"a": {0: scores, 1: scores, 2: scores}, "b": {0: scores, 2: scores + 1}}
    with drawing():
        animate(tmp_path / "a.gif", networks, np.arange(10) % 3, None)
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 2
