"""All that is said of a choice is said beside its field, and holds wherever it is used."""

from dataclasses import fields

import click
import pytest

from ffnp import Config
from ffnp.errors import InputError
from ffnp.objectives import Pairwise, RelativeEntropy, SigmoidGoodness, make_objective
from ffnp.objectives.own import KNOWN
from ffnp_cli.train import train

FIELDS = {field.name: field for field in fields(Config)}
OPTIONS = {option.name: option for option in train.params}

BAD = {
    "dataset": ("", "is empty: give a name, or leave it out"),
    "data_dir": ("", "is empty: give a name, or leave it out"),
    "method": ("x", "'x' is unknown: choose collab, ff, backprop-label, backprop-pairwise"),
    "gamma": ("none", "'none' is unknown: choose others, previous, next"),
    "labels": ("x", "is 'x': give a number of rows, or all"),
    "hidden": ((5, 0), r"is \(5, 0\): give the width of each layer, 1..1000000"),
    "theta": (float("nan"), "is nan: it must be a number between"),
    "alpha": (0.0, "is 0.0: it must be above 0, and 1e.06 at most"),
    "lr": (float("nan"), "is nan: it must be above 0"),
    "momentum": (1.0, "is 1.0: it must be in 0..1, below 1"),
    "epochs": (0, "is 0: it must be at least 1"),
    "limit_test": (0, "is 0: it must be at least 1"),
    "seed": (-1, "is -1: it must be at least 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_value_out_of_bounds_is_named_with_what_mends_it(name):
    value, message = BAD[name]
    with pytest.raises(InputError, match=f"^{name} {message}"):
        Config(**{name: value})


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_is_described_in_the_class_and_on_the_command_line(name):
    help = FIELDS[name].metadata["help"]
    assert f"\n{name} : " in Config.__doc__
    assert " ".join(help.split()) in " ".join(Config.__doc__.split())
    assert OPTIONS[name].help == help


@pytest.mark.parametrize("name", FIELDS)
def test_an_option_has_its_fields_default_and_choices(name):
    field, option = FIELDS[name], OPTIONS[name]
    context = click.Context(train)
    assert option.type_cast_value(context, option.get_default(context)) == field.default
    own = ["FILE.py:NAME"] if name in KNOWN else []
    assert list(getattr(option.type, "choices", own)) == [*field.metadata["choices"], *own]


def test_an_objective_takes_the_fields_of_its_names():
    config = Config(theta=7.0, alpha=3.0)
    assert make_objective("sigmoid", config) == SigmoidGoodness(7.0)
    assert make_objective("pairwise", config) == Pairwise(3.0)
    assert make_objective("entropy", config) == RelativeEntropy()  # its power is no field


@pytest.mark.parametrize("objective", ["sigmoid.py:Own", "own"])
def test_an_objective_of_ones_own_takes_no_field(objective):
    config = Config(objective=objective)
    assert not any(FIELDS[name].metadata["effect"](config) for name in ("theta", "alpha"))


TOGETHER = [
    ({"lr": 2.0, "weight_decay": 0.5}, "lr 2 times weight_decay 0.5 takes away all"),
    ({"schedule": "layer", "update": "sequential"}, "update sequential belongs to schedule netw"),
    ({"method": "backprop-label", "schedule": "layer"}, "backprop-label trains all layers togeth"),
    ({"method": "backprop-pairwise", "update": "sequential"}, "trains all layers together"),
]


def test_fields_without_effect_are_those_that_were_changed():
    config = Config(method="ff", gamma="previous", momentum=0.5, alpha=1.0, lr=0.1)
    assert config.idle() == ["gamma", "momentum"]


def test_of_all_labels_none_is_hardest():
    config = Config(negatives="hardest", labels=4)
    assert config.rows(5) == 4
    with pytest.raises(InputError, match="labels is 4: of 4 classes .* nothing to choose among"):
        config.rows(4)


@pytest.mark.parametrize("values, message", TOGETHER)
def test_values_that_exclude_each_other_are_named(values, message):
    with pytest.raises(InputError, match=message):
        Config(**values)
