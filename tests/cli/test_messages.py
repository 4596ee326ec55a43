"""Messages name what was found, and what is wanted in its place."""

import codecs
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from data_files import small_arrays
from small_run import SMALL

from ffnp import Config, load
from ffnp.data.loading import find
from ffnp.errors import InputError, brief
from ffnp.files import inflated
from ffnp.reproduction import expand
from ffnp.reproduction.running import finished, result_path

ARRAYS = small_arrays(4, 4, train=50, test=23, classes=4)._asdict()


def test_a_toml_file_may_begin_with_a_bom(ffnp, tmp_path):
    (tmp_path / "c.toml").write_bytes(codecs.BOM_UTF8 + b"seed = 3\n")
    options = ["--config", tmp_path / "c.toml", "--out", tmp_path / "run", "--json"]
    status, out, err = ffnp("train", *SMALL, *options)
    assert (status, err) == (0, "")
    assert json.loads(out)["config"]["seed"] == 3


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_toml_file_of_another_encoding_is_named(ffnp, tmp_path, encoding):
    (tmp_path / "c.toml").write_bytes('dataset = "\xfc"'.encode(encoding))
    status, _, err = ffnp("train", "--config", tmp_path / "c.toml")
    assert (status, err.count("\n")) == (2, 1)
    assert "c.toml is not UTF-8: save it so (" in err


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files_may_have_a_point_in_their_names(tmp_path, ending):
    """As some archives of MNIST have: train-images.idx3-ubyte."""
    for path in find("mnist").paths:
        name = path.name.removesuffix(".gz").replace("-idx", ".idx") + ending
        with inflated(path) as content:
            data = content.read()
        (tmp_path / name).write_bytes(gzip.compress(data, 0) if ending else data)
    mnist, found = load("mnist"), load(str(tmp_path))
    assert found.train.images.tobytes() == mnist.train.images.tobytes()
    assert found.test.labels.tobytes() == mnist.test.labels.tobytes()


@pytest.mark.parametrize(
    "values, message",
    [
        (np.array(["seven"] * 50), "y_train holds text: save numbers, of labels numpy.unique(lab"),
        (np.array([b"seven"] * 50), "y_train holds text: save numbers"),
        (np.array([7] * 50, object), "y_train holds Python objects: save it with numpy.save, as"),
        (np.array([7j] * 50), "y_train holds complex numbers"),
        (np.zeros(50, [("label", int)]), "y_train holds records of several fields"),
        (np.array(["2020"] * 50, "M8[D]"), "y_train holds dates"),
        (np.array([1] * 50, "m8[s]"), "y_train holds times"),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_what_a_npz_holds_is_named(tmp_path, values, message):
    np.savez(tmp_path / "x.npz", **ARRAYS | {"y_train": values})
    with pytest.raises(InputError) as failed:
        load(str(tmp_path / "x.npz"))
    assert message in str(failed.value)


def test_a_file_that_is_there_is_not_unknown(tmp_path):
    (tmp_path / "digits.txt").write_text("1,2\n")
    with pytest.raises(InputError, match=r"is a file, but no .npz, .csv or .parquet: save its arr"):
        load(str(tmp_path / "digits.txt"))
    np.savez(tmp_path / "x.npz", **ARRAYS)
    (tmp_path / "x.npz").rename(tmp_path / "X.NPZ")
    assert len(load(tmp_path / "X.NPZ").test) == 23
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="needs train-images-idx3-ubyte, or .*_train.npy, a .csv"):
        load(tmp_path / "empty")


def test_a_path_of_a_name_is_the_name():
    assert load(Path("mnist")).name == "mnist"


def test_another_configuration_is_said_to_be_which(tmp_path):
    (task,) = expand("table1", "fast", {"backend": "numpy"}, ["mnist"], ["ff-network"], 1)
    path = result_path(tmp_path, task)
    path.parent.mkdir()
    errors = {"all": 1.0, "layers": [1.0], "groups": [1.0]}
    config = task.config.to_dict() | {"backend": "numba", "epochs": 7, "data_dir": "x"}
    result = {"config": config, "test_error": errors, "train_seconds": 1.0, "metrics": []}
    path.write_text(json.dumps(result))
    with pytest.raises(InputError, match=r"configuration \(epochs 7, backend numba\): give the sa"):
        finished(tmp_path, task)


def test_a_run_that_may_be_meant_is_named(ffnp, run_folder, tmp_path):
    folder, _ = run_folder
    cases = {
        folder.parent: f"give one, e.g. {folder}",
        folder / "model.safetensors": f"give one, e.g. {folder}",
        tmp_path / "nothing": "give one that `ffnp train` made",
    }
    for name, mend in cases.items():
        status, _, err = ffnp("evaluate", name)
        assert status == 2
        text = f"{name} is not the folder of a run: it has no model.safetensors: {mend}"
        assert err == f"Error: {text}\n"


@pytest.mark.parametrize(
    "text, message",
    [
        ("method = '{}'".format("x" * 100_000), "Invalid value for '--method': 'xxx"),
        ("{} = 1".format("k" * 100_000), "unknown option kkkkk"),
        ("seed = 0x{}".format("f" * 10_000), "seed is int of very many digits or parts: write one"),
        ("seed = {}".format("9" * 10_000), "Exceeds the limit"),
        ("epochs = {}".format("9" * 400), ": it must be at most 1000000000 (from "),
        ("cache_mb = {}".format("9" * 400), ": it must be at most 1000000000 (from "),
        ("hidden = [{}]".format(",".join(["0"] * 50_000)), "hidden is (0, 0, 0, "),
        ('dataset = "a\\u0000b"', "dataset has a NUL character: leave it out (from "),
        ('out = "a\\u0000b"', "Invalid value for '--out': the name has a NUL character (from "),
    ],
    ids=["value", "name", "hexadecimal", "decimal", "epochs", "memory", "widths", "text", "path"],
)
def test_a_crafted_configuration_is_one_short_line(ffnp, tmp_path, text, message):
    (tmp_path / "c.toml").write_text(text)
    status, _, err = ffnp("train", "--config", tmp_path / "c.toml")
    assert (status, err.count("\n")) == (2, 1)
    assert len(err) < 2100 and message in err


def test_values_in_messages_are_cut():
    assert brief("x" * 200) == "x" * 200
    assert brief("x" * 201) == "x" * 200 + "... (201 characters)"
    assert brief((1, 2)) == "(1, 2)"
    assert brief(10**5000) == "int of very many digits or parts"
    with pytest.raises(InputError) as failed:
        Config(seed="9" * 5000)
    assert len(str(failed.value)) < 300
