"""What a page holds, and which runs it can be made of; tests/page/test_browser.py opens it."""

import json
import re
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest
from data_files import small_arrays
from small_pages import MNIST, floats, trained
from small_training import StopAfter, small_dataset

from ffnp import load, load_model, train
from ffnp.errors import TrainingError
from ffnp.page.html import Images, Shown, halves, page
from ffnp.runs.folder import Run


def data_of(text):
    """What a page's script is given."""
    (data,) = re.findall(r'<script type="application/json" id="data">(.*)</script>', text)
    return json.loads(data)


def without_data(text):
    """The page alone."""
    return re.sub(r'id="data">.*</script>', 'id="data"></script>', text)


def numbers(tensor):
    """What the page makes of a tensor."""
    return np.frombuffer(b64decode(tensor["values"]), "<f2").astype(float) * tensor["scale"]


@pytest.fixture
def made(ffnp, runs, tmp_path):
    """Make a page of some runs: its text, and what was said."""

    def make(*names, **options):
        given = [part for name, value in options.items() for part in (f"--{name}", value)]
        folders = [runs.get(name, name) for name in names]
        status, out, err = ffnp("page", *folders, "-o", tmp_path / "page.html", *given)
        assert status == 0, err
        assert out == f"{tmp_path / 'page.html'}\n"
        return (tmp_path / "page.html").read_text(encoding="ascii"), err

    return make


@pytest.mark.parametrize("factor", [1.0, 1e-30, 1e30, 0.0], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_of_any_size_keep_eleven_bits(factor, dtype):
    array = (np.random.default_rng(0).normal(size=(50, 4)) * factor).astype(dtype)
    found = numbers(halves(array)).reshape(array.shape)
    # each to 11 bits; what is far smaller than the largest to as small a part of that
    np.testing.assert_allclose(found, array, rtol=2**-11, atol=2**-38 * np.abs(array).max())


def test_a_page_holds_the_weights_and_images_of_its_runs(made, runs):
    data = data_of(made("others", "softmax")[0])
    for network, name in zip(data["networks"], ("others", "softmax"), strict=True):
        model = load_model(runs[name])
        assert network["name"] == name
        tensors = network["states"][-1]["tensors"]
        assert set(tensors) == set(model.weights())
        for key, weights in model.weights().items():
            np.testing.assert_allclose(numbers(tensors[key]), weights.ravel(), rtol=2**-10)
    test = load("mnist").test.first(100)
    assert data["labels"] == list(range(10))
    first = test.images[[int(np.argmax(test.labels == label)) for label in range(10)]]
    assert b64decode(data["samples"]) == first.tobytes()


def test_a_page_says_of_each_run_what_it_is(made):
    for network in data_of(made("others", "softmax", "pairwise")[0])["networks"]:
        about = {
            "others": "2 layers of 12, 10 units; every layer hears of all others.",
            "softmax": "3 layers of 9, 8, 7 units; layers hear of no other; each reads the image "
            "and the label, too.",
            "pairwise": "2 layers of 12, 10 units; every layer hears of those below it; trained "
            "one after the other.",
        }
        assert network["about"] == about[network["name"]]


def test_a_page_says_how_loud_gamma_is(made):
    (network,) = data_of(made("squashed")[0])["networks"]
    assert network["terms"].startswith("method collab, gamma previous times 0.5, objective sigm")


def test_a_run_with_snapshots_has_its_epochs_and_the_beginning(made):
    states = [n["states"] for n in data_of(made("others", "pairwise")[0])["networks"]]
    assert [[state["epochs"] for state in each] for each in states] == [[0, 1, 2], [4]]
    weights = [state["tensors"]["layer1.weights"]["values"] for state in states[0]]
    assert len(set(weights)) == 3


def test_of_many_snapshots_some_are_shown(made, tmp_path):
    run = trained(
        tmp_path / "run", MNIST, limit_train=100, epochs=14, hidden=(3,), snapshot_every=1
    )
    text, err = made(run)
    assert err == "Note: 10 of the 14 snapshots are shown\n"
    epochs = [state["epochs"] for state in data_of(text)["networks"][0]["states"]]
    assert len(epochs) == 11 and epochs[:2] == [0, 1] and epochs[-1] == 14


def test_a_page_needs_nothing_from_elsewhere(made):
    text = without_data(made("others")[0])
    elsewhere = r"https?:|[\"'(]//|\b(src|href)=(?!\"data:,\")|@import|url\(|fetch\(|XMLHttp"
    assert re.findall(elsewhere, text) == []
    assert "default-src 'none'" in text


def test_two_networks_of_three_times_500_units_are_less_than_5_mb(made):
    weights = (784 + 10) * 500 + 2 * 500 * 500 + 3 * 500  # 2 bytes each, in base64
    samples = 10 * 784
    assert len(without_data(made("others")[0])) + 4 / 3 * (2 * 2 * weights + samples) < 4.9e6


def test_no_name_ends_the_data(runs):
    model = load_model(runs["others"])
    images = Images(
        "</script>", (28, 28), 10, 0.0, 255.0, np.zeros((0, 784), np.uint8), np.arange(0)
    )
    network = Shown("</script><b>\udcff", "", "", model.config.to_dict(), {}, {2: model.weights()})
    text = page([network], images)
    assert data_of(text)["networks"][0]["name"] == "</script><b>\udcff"
    assert text.isascii() and text.count("</script>") == 2


def test_a_folder_of_ones_own_objective_is_not_told(made, runs):
    text, _ = made("colours")
    assert str(runs["colours"].parent) not in text
    assert data_of(text)["networks"][0]["config"]["objective"] == "mine.py:Mine"


def test_runs_of_one_name_are_told_apart(made, tmp_path, runs):
    (tmp_path / "others").symlink_to(runs["others"])
    (tmp_path / "x").mkdir()
    names = [n["name"] for n in data_of(made("others", tmp_path / "others")[0])["networks"]]
    assert names == [str(runs["others"]), str(tmp_path / "others")]


def test_without_its_data_a_page_has_no_samples(made, tmp_path):
    train(
        replace(MNIST, batch_size=20, limit_train=None), tmp_path / "run", dataset=small_dataset()
    )
    text, err = made(tmp_path / "run")
    assert data_of(text)["labels"] == []
    assert err.startswith("Note: the page has no images to choose from: ") and err.count("\n") == 1


def test_in_colours_and_without_its_data_there_is_no_page(ffnp, tmp_path):
    np.savez(tmp_path / "a.npz", **floats(3, 4, 5)._asdict())
    run = trained(tmp_path / "run", MNIST, dataset=str(tmp_path / "a.npz"), batch_size=20)
    (tmp_path / "a.npz").unlink()
    status, _, err = ffnp("page", run, "-o", tmp_path / "page.html")
    assert (status, err.count("\n")) == (2, 1)
    assert "--dataset or --data-dir says where the run's data are now" in err


def test_data_that_moved_are_named(made, tmp_path):
    np.savez(tmp_path / "a.npz", **small_arrays(4, 4, train=50, test=23, classes=4)._asdict())
    run = trained(tmp_path / "run", MNIST, dataset=str(tmp_path / "a.npz"), batch_size=20)
    (tmp_path / "a.npz").rename(tmp_path / "b.npz")
    text, err = made(run, dataset=tmp_path / "b.npz")
    assert (data_of(text)["dataset"], len(data_of(text)["labels"]), err) == ("b", 4, "")


def test_a_run_that_was_stopped_is_shown_as_far_as_it_is(made, tmp_path):
    with pytest.raises(TrainingError, match="stopped"):
        train(replace(MNIST, snapshot_every=1), tmp_path / "run", StopAfter(4))
    text, err = made(tmp_path / "run")
    assert "is not finished: its last saved weights are used" in err
    epochs = [state["epochs"] for state in data_of(text)["networks"][0]["states"]]
    assert epochs == [0, 1]  # and a third of an epoch


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Runs of which no page can be made."""
    root = tmp_path_factory.mktemp("odd")
    np.savez(root / "rows.npz", **small_arrays(13, train=50, classes=4)._asdict())
    rows = str(root / "rows.npz")
    return {
        "baseline": trained(root / "baseline", MNIST, method="backprop-label"),
        "rows": trained(root / "rows", MNIST, dataset=rows, batch_size=20, limit_train=None),
    }


@pytest.mark.parametrize(
    "names, message",
    [
        (["others", "baseline"], "baseline is of method backprop-label, which has no goodness to "),
        (
            ["rows"],
            "rows was trained on 13 bytes with 4 labels, which cannot be drawn: give a run ",
        ),
        (
            ["others", "entropy"],
            "was trained on 9x7 floats with 4 labels, {others} on 28x28 bytes ",
        ),
        (["others"] * 4, "4 runs do not fit on a page: give 3 at most"),
        (["nothing"], "nothing is not the folder of a run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_no_page_can_be_made_of_is_refused(ffnp, runs, odd, tmp_path, names, message):
    known = runs | odd
    folders = [known.get(name, tmp_path / name) for name in names]
    status, out, err = ffnp("page", *folders, "-o", tmp_path / "page.html")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message.format(others=runs["others"]) in err
    assert not (tmp_path / "page.html").exists()


def test_a_page_is_html(ffnp, runs, tmp_path):
    status, _, err = ffnp("page", runs["others"], "-o", tmp_path / "page.pdf")
    assert (status, err) == (
        2,
        f"Error: {tmp_path / 'page.pdf'}: a page is .html: choose such a name\n",
    )


def test_a_damaged_snapshot_is_named(ffnp, tmp_path):
    run = trained(tmp_path / "run", MNIST, hidden=(3,), snapshot_every=1)
    path = Run(run).snapshots()[1]
    path.write_bytes(path.read_bytes()[:-1])
    status, _, err = ffnp("page", run, "-o", tmp_path / "page.html")
    assert (status, err.count("\n")) == (2, 1)
    assert f"{path} is damaged" in err and "remove it: only this snapshot is lost" in err
