"""Recipes: from the command line and from Python; files and options win over them."""

import json

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import ffnp
from ffnp.errors import InputError
from ffnp.recipes import recipe, recipe_names

SMALL = ("--limit-train", 200, "--limit-test", 50, "--hidden", "8,6", "--backend", "numpy")


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_a_configuration(name):
    assert ffnp.Config(**ffnp.recipe(name)).to_dict().items() >= ffnp.recipe(name).items()


@pytest.mark.parametrize("name", recipe_names())
def test_all_of_a_recipe_has_an_effect(name):
    assert ffnp.Config(**recipe(name)).idle() == []


def test_a_recipe_of_more_labels_than_there_are_is_named(ffnp, tmp_path):
    x = np.eye(12, 4, dtype=np.uint8)
    np.savez(tmp_path / "three.npz", x_train=x, y_train=np.arange(12) % 3)
    _, _, err = ffnp("train", "--recipe", "best-mnist", "--dataset", tmp_path / "three.npz")
    assert err == (
        "Error: labels is 4: of 3 classes that leaves negatives hardest nothing to choose among: "
        "give fewer, or negatives random (from recipe best-mnist)\n"
    )


def test_an_unknown_recipe_is_refused():
    with pytest.raises(InputError, match="recipe 'worst' is unknown: choose backprop, back"):
        ffnp.recipe("worst")


def test_a_file_and_options_win_over_a_recipe(ffnp, tmp_path):
    file = tmp_path / "own.toml"
    file.write_text("epochs = 2\nlr = 0.003\n")
    for given in (["--recipe", "best", "--config", file], ["--config", file, "--recipe", "best"]):
        out = tmp_path / given[0].strip("-")
        status, printed, _ = ffnp("train", *SMALL, *given, "--epochs", 1, "--out", out, "--json")
        config = json.loads(printed)["config"]
        assert status == 0
        assert (config["epochs"], config["lr"], config["joined"]) == (1, 0.003, "every")


def test_a_file_may_name_a_recipe(ffnp, tmp_path):
    file = tmp_path / "own.toml"
    file.write_text('recipe = "best"\nepochs = 1\n')
    _, printed, _ = ffnp("train", *SMALL, "--config", file, "--out", tmp_path / "run", "--json")
    config = json.loads(printed)["config"]
    assert (config["epochs"], config["joined"]) == (1, "every")


def test_a_bad_value_beside_a_recipe_says_where_it_is_from(ffnp):
    status, _, err = ffnp("train", "--recipe", "best", "--method", "backprop-label")
    assert status == 2
    assert err.count("\n") == 1
    assert "joined every belongs to methods collab and ff" in err


def test_a_resumed_run_takes_no_recipe(ffnp, run_folder):
    status, _, err = ffnp("train", "--resume", run_folder[0], "--recipe", "best")
    assert (status, "--recipe cannot change" in err) == (2, True)


@pytest.mark.parametrize(
    "options", [{"gamma": "previous"}, {"method": "ff"}, recipe("best"), recipe("best-mnist")]
)
def test_a_deep_network_holds_the_shallower_ones(options):
    """What layers 1..k learn, and their vote: `reproduce depth` trains one network for all k."""
    small = {
        "limit_train": 100,
        "limit_test": 50,
        "backend": "numpy",
        "epochs": 1,
        "batch_size": 50,
    }
    with threadpool_limits(1):  # two threads share the products of more layers otherwise
        deep, shallow = (
            ffnp.train(ffnp.Config(**options | small | {"hidden": hidden}))
            for hidden in ((9, 8, 7), (9, 8))
        )
    assert deep.test.layers[:2] == shallow.test.layers
    assert deep.test.groups[:2] == shallow.test.groups
    before, after = shallow.model.weights(), deep.model.weights()
    for name, tensor in before.items():
        assert (after[name] == tensor).all(), name
