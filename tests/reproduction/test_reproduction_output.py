"""What tables and figures say of their runs: seeds, training, data, and what is missing."""

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from data_files import small_arrays, write_idx
from small_run import in_this_process

from ffnp import Config
from ffnp.data.dataset import Split
from ffnp.errors import InputError, InputWarning
from ffnp.reproduction import expand, spreading
from ffnp.reproduction.experiments import DATASETS, ROWS, Task
from ffnp.reproduction.figures import depth, figure2, figure4, over_seeds
from ffnp.reproduction.running import data_title, data_titles
from ffnp.reproduction.tables import caption, cells, comma_separated, markdown
from ffnp.scoring.analysis import KINDS

BASE = Config(epochs=40, lr_schedule="linear")
QUICK = "--limit-train 200 --limit-test 50 --hidden 5 --epochs 1 --seeds 1".split()


@pytest.fixture
def ffnp(ffnp, monkeypatch):
    """The command, whose runs are this process's: what is looked at is what it writes."""
    monkeypatch.setattr(spreading, "_processes", in_this_process)
    return ffnp


def hand_made(row, dataset, seed, layers, groups):
    task = Task(row, replace(BASE, dataset=dataset, seed=seed, **ROWS[row].options))
    errors = {"all": groups[-1], "layers": layers, "groups": groups}
    config = task.config.to_dict()
    return task, {"test_error": errors, "train_seconds": 2.0, "config": config, "metrics": []}


RESULTS = [
    hand_made("ff-network", "mnist", 0, [3.0, 50.0], [3.0, 4.0]),
    hand_made("ff-network", "mnist", 1, [4.0, 60.0], [4.0, 6.0]),
    hand_made("others-network", "mnist", 0, [9.0, 10.0], [9.0, 2.0]),
]


def missing(row, dataset, seed):
    task, _ = hand_made(row, dataset, seed, [0.0], [0.0])
    return task, None


def test_caption_says_how_runs_were_trained():
    assert caption([Task("ff-network", BASE)], cells(RESULTS[:2])).splitlines() == [
        "Test error in %, mean ± standard deviation of 2 seeds; in brackets the paper's and ours "
        "minus the paper's.",
        "Training: 40 epochs; adam, learning rate 0.001 linear; batches of 200; "
        "layers of 500, 500, 500; theta 20; images of length 10.",
    ]


def test_caption_names_the_parts_of_recipes_and_whether_all_rows_have_them():
    more = {"unit_dropout": 0.3, "joined": "every", "method": "ff", "objective": "softmax"}
    tasks = [Task("ff-network", replace(BASE, **each)) for each in ({"unit_dropout": 0.2}, more)]
    line = caption(tasks, cells(RESULTS[:2])).splitlines()[1]
    assert line.endswith("; joined every (some rows); unit dropout 0.2 or 0.3.")


def test_caption_names_the_objective_of_a_protocol_and_none_that_a_title_tells():
    found = {
        name: caption(expand(name, protocol, seeds=1), cells(RESULTS[:2])).splitlines()[1]
        for name, protocol in (("figure2", "literal"), ("entropy", "fast"))
    }
    assert found["figure2"].endswith("; objective sigmoid-literal.")
    assert "objective" not in found["entropy"]


def test_caption_says_what_rows_do_otherwise():
    tasks = expand("beyond", "fast", {"lr": 0.002}, seeds=1)
    line = caption(tasks, cells(RESULTS[:2])).splitlines()[1]
    assert "; layers of 500 or layers of 500, 500, 500; images of length 10; " in line
    assert "0.002 cosine" in line  # of the recipe, with what is given
    assert "theta" not in line  # nothing here has one
    assert "; method ff or local-heads or backprop-label; objective softmax (some rows); " in line
    assert "; labels 4 (some rows); " in line


@pytest.mark.parametrize("row, said", [("best", False), ("ff-tanh", False), ("ff-layer", True)])
def test_caption_speaks_of_the_papers_numbers_where_there_are_some(row, said):
    task, result = hand_made(row, "mnist", 0, [1.0], [1.0])
    first = caption([task], cells([(task, result)])).splitlines()[0]
    assert ("the paper's" in first, first[-1]) == (said, ".")


def test_figure_of_depth_draws_the_vote_of_every_network():
    (axes,) = depth([RESULTS[0], RESULTS[2]], {"mnist": "MNIST"}).axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[3.0, 4.0], [9.0, 2.0]]
    assert [line.get_label() for line in axes.lines] == [
        "FF, network", "collaborative, gamma others, network",
    ]  # fmt: skip


@pytest.mark.parametrize("draw", [depth, figure4])
def test_a_row_looks_the_same_on_all_axes_though_some_are_missing(draw):
    (plain, first), (task, second) = RESULTS[0], RESULTS[2]
    elsewhere = replace(task, config=replace(task.config, dataset="cifar10"))
    results = [(plain, first), (task, second), (elsewhere, second)]
    results = [(t, r | {"metrics": epochs(1, 2)}) for t, r in results]
    lines = [line for axes in draw(results, {}).axes for line in axes.lines]
    looks = {(line.get_label(), line.get_color(), line.get_marker()) for line in lines}
    assert len({label for label, *_ in looks}) == len(looks) == 2


def test_an_output_that_does_not_vote_goes_across_the_figure_of_depth():
    figure = depth([hand_made("backprop-label", "mnist", 0, [4.0], [4.0])], {})
    (line,) = figure.axes[0].lines
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0, 1], [4.0, 4.0])
    assert line.get_marker() == ""


def test_figures_take_runs_that_recorded_more_and_less():
    records = [{"losses": [1.0]}, {"losses": [3.0], "test_error": {}}]
    records = [{"phase": 1, "epoch": 1} | record for record in records]
    results = [(t, r | {"metrics": [m]}) for (t, r), m in zip(RESULTS[:2], records, strict=True)]
    for order in (results, results[::-1]):
        mean = over_seeds(order)["ff-network", "mnist"]
        assert mean["metrics"] == [{"phase": 1, "epoch": 1, "losses": [2.0]}]
        assert len(figure2(order, {}).axes) == 1


def epochs(*numbers):
    kinds = {f"entropy_{kind}": {"total": 1.0} for kind in KINDS}
    errors = {"all": 1.0, "layers": [1.0], "groups": [1.0]}
    both = {"losses": [1.0], "pair_error": 1.0, "test_error": errors, "train_error": errors}
    return [{"phase": 1, "epoch": n, "seconds": n, "analysis": kinds} | both for n in numbers]


@pytest.mark.parametrize(
    "first, second, common",
    [((1, 2, 3), (3,), [1, 2, 3]), ((1, 2), (2, 3), [2]), ((1, 2), (), [1, 2]), ((), (), [])],
)
def test_seeds_with_records_of_unequal_length_are_drawn(first, second, common):
    """A record was removed, as a message about a damaged one advises."""
    results = [
        (t, r | {"metrics": epochs(*n)})
        for (t, r), n in zip(RESULTS[:2], (first, second), strict=True)
    ]
    less = len(second) < len(first)
    note = "curves are without mnist-ff-network-1: some of the . epochs are not on record"
    with pytest.warns(InputWarning, match=note) if less else nullcontext():
        mean = over_seeds(results)["ff-network", "mnist"]
    assert [record["epoch"] for record in mean["metrics"]] == common
    assert mean["test_error"]["all"] == 5.0
    with pytest.warns(InputWarning) if less else nullcontext():
        assert len(figure4(results, {}).axes) == 4


def test_results_of_several_forms_are_refused():
    task, other = RESULTS[1]
    other = other | {"test_error": {"all": 1.0, "layers": [1.0], "groups": [1.0]}}
    with pytest.raises(InputError, match="mnist-ff-network-0, mnist-ff-network-1 are of several"):
        over_seeds([RESULTS[0], (task, other)])


def test_names_said_twice_are_one_run(ffnp, tmp_path):
    names = ["--datasets", "mnist,mnist", "--methods", "ff-network,ff-network"]
    status, out, err = ffnp("reproduce", "table1", *QUICK, *names, "--out", tmp_path)
    assert status == 0, err
    assert "1 seed;" in out
    assert len(list((tmp_path / "results").iterdir())) == 1


def test_data_that_cannot_be_used_are_known_before_any_run(ffnp, tmp_path):
    arrays = small_arrays(28, 28, train=40)
    write_idx(tmp_path / "mnist", arrays._replace(y_train=arrays.y_train * 0), gzipped=False)
    names = ["--datasets", "mnist", "--methods", "ff-network", "--data-dir", tmp_path]
    status, out, err = ffnp("reproduce", "table1", *QUICK, *names, "--out", tmp_path / "out")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "every training label is 0" in err
    assert not (tmp_path / "out").exists()


def test_notes_in_the_environment_are_separated_by_semicolons(ffnp, tmp_path, monkeypatch):
    monkeypatch.setenv("FFNP_REPRODUCE_NOTE", "mnist=My digits;cifar10=CIFAR-10 (JPEG copy)")
    names = ["--datasets", "mnist", "--methods", "ff-network"]
    _, out, _ = ffnp("reproduce", "table1", *QUICK, *names, "--out", tmp_path)
    assert "| My digits |" in out


def test_missing_runs_are_marked_in_the_table_and_counted():
    results = [*RESULTS, missing("others-network", "mnist", 1), missing("ff-layer", "mnist", 0)]
    table = cells(results)
    tasks = [task for task, _ in results]
    assert caption(tasks, table).splitlines()[-1] == "Not finished: 2 of 5 runs are missing."
    assert markdown(table, {}).splitlines()[2:] == [
        "| FF, network | 5.00 ± 1.41 (paper 3.4, +1.60) |",
        "| collaborative, gamma others, network | 2.00 (1 of 2 seeds) (paper 2.1, -0.10) |",
        "| FF, layer | missing |",
    ]
    assert comma_separated(table).splitlines()[-1] == "ff-layer,mnist,0,,,3.300,,"


def test_caption_names_held_out_and_limited_rows():
    base = replace(BASE, validation=700, limit_train=300)
    lines = caption([Task("others-network", base)], cells(RESULTS[2:])).splitlines()
    assert lines[0].startswith("Error on the last 700 training images, held out, in %")
    assert lines[0].count("1 seed;") == 1
    assert "only the first 300 training images" in lines[1]


def test_csv_names_the_data_as_the_table_does():
    text = comma_separated(cells(RESULTS), {"mnist": "MNIST (a copy)"})
    assert text.splitlines()[1] == "ff-network,MNIST (a copy),2,5.000,1.414,3.400,1.600,2.000"


def test_figure2_shows_means_over_seeds_on_one_scale():
    mean = over_seeds(RESULTS)["ff-network", "mnist"]["test_error"]
    assert mean == {"all": 5.0, "layers": [3.5, 55.0], "groups": [3.5, 5.0]}
    above, below = figure2(RESULTS, {"mnist": "MNIST"}).axes
    assert list(above.lines[0].get_ydata()) == [3.5, 55.0]
    assert list(below.lines[1].get_ydata()) == [9.0, 2.0]
    assert above.get_ylim() == below.get_ylim()
    low, high = above.get_ylim()
    assert low < 2.0 and 55.0 < high  # nothing is hidden
    assert [axes.get_title() for axes in (above, below)] == [
        "MNIST\nFF, network", "MNIST\ncollaborative, gamma others, network",
    ]  # fmt: skip


def names(target):
    return {task.name for task in expand(target, datasets=["mnist"], seeds=1)}


def test_table1_and_figure2_have_the_same_runs():
    assert names("figure2") < names("table1")
    assert names("figure4").isdisjoint(names("table1"))


def test_data_titles_say_whether_files_are_the_published_ones(tmp_path):
    assert data_title(Config()) == "MNIST"
    for name in ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5",
                 "test_batch"):  # fmt: skip
        (tmp_path / f"{name}.bin").write_bytes(b"7" * 3073)
    here, away = (Config(dataset="cifar10", data_dir=str(d)) for d in (tmp_path, tmp_path / "no"))
    assert data_title(here) == "CIFAR-10 (not the published files)"
    assert data_title(away) == "CIFAR-10 (files not here to check)"


def test_tables_name_the_data_that_were_trained_on_not_what_is_here():
    results = [(task, result | {"data": "MNIST (a copy)"}) for task, result in RESULTS]
    assert data_titles(results) == {"mnist": "MNIST (a copy)"}
    assert data_titles([*results, RESULTS[0]]) == {"mnist": "MNIST (a copy)"}
    other = RESULTS[0][0], RESULTS[0][1] | {"data": "MNIST"}
    assert data_titles([*results, other]) == {"mnist": "MNIST (a copy) and MNIST"}
    assert data_titles(RESULTS) == {"mnist": "MNIST"}  # not recorded: what is here


@pytest.mark.parametrize("note", ["nope=x", "mnist", "mnist="])
def test_wrong_notes_are_one_line(ffnp, tmp_path, note):
    status, out, err = ffnp("reproduce", "table1", "--note", note, "--out", tmp_path / "out")
    assert (status, out) == (2, "")
    assert err.startswith("Error: ") and err.count("\n") == 1
    assert all(name in err for name in DATASETS)


def test_a_data_set_has_one_note(ffnp, tmp_path, monkeypatch):
    twice = ["--note", "mnist=a", "--note", "mnist=b"]
    status, out, err = ffnp("reproduce", "table1", *twice, "--out", tmp_path / "out")
    assert (status, out) == (2, "")
    assert "--note: 'mnist' is there twice: leave out one" in err.replace("'--note'", "--note")
    monkeypatch.setenv("FFNP_REPRODUCE_NOTE", "mnist=a")
    status, _, err = ffnp("reproduce", "table1", *twice[:2], "--out", tmp_path, "--no-train")
    assert (status, "holds no finished run" in err) == (2, True)


def test_a_note_and_no_path_are_in_every_file(ffnp, tmp_path):
    status, out, err = ffnp(
        "reproduce", "table1", "--datasets", "mnist", "--methods", "ff-network", "--seeds", 1,
        "--epochs", 1, "--hidden", "8", "--limit-train", 300, "--limit-test", 50,
        "--data-dir", tmp_path, "--note", "mnist=MNIST (for a test)", "--out", tmp_path / "out",
    )  # fmt: skip
    assert status == 0, err
    for suffix in ("md", "csv", "json"):
        text = (tmp_path / "out" / f"table1.{suffix}").read_text()
        assert "MNIST (for a test)" in text
        assert str(tmp_path) not in text
    (entry,) = json.loads((tmp_path / "out" / "table1.json").read_text())
    assert entry["row"] == "ff-network"
    assert entry["config"]["epochs"] == 1


def test_a_spread_sample_of_a_sorted_split_holds_all_classes():
    split = Split(np.arange(100, dtype=np.uint8)[:, None], np.repeat(np.arange(10), 10))
    for count in (20, 60):
        sample = split.spread(count)
        assert np.bincount(sample.labels).tolist() == [count // 10] * 10
    assert (split.labels[sample.images[:, 0]] == sample.labels).all()
    assert [len(split.spread(count)) for count in (1, 30, 99, 100, 1000)] == [1, 30, 99, 100, 100]


def test_options_come_before_the_protocol(ffnp, tmp_path):
    names = ["--datasets", "mnist", "--methods", "ff-network", "--protocol", "fast"]
    lengths = {}
    for options in ([], ["--input-length", "7"]):
        out = tmp_path / str(len(options))
        _, text, _ = ffnp("reproduce", "table1", *QUICK, *names, *options, "--out", out)
        (result,) = (out / "results").iterdir()
        config = json.loads(result.read_text())["config"]
        lengths[config["input_length"]] = text
        assert config["epochs"] == 1 and config["lr_schedule"] == "linear"
    assert "images of length 3;" in lengths[3] and "images of length 7;" in lengths[7]
