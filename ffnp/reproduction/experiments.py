"""The runs behind each table and figure, with the paper's numbers beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ffnp.config import ALL, BASELINES, Config
from ffnp.errors import InputError
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.recipes import recipe, recipe_names

DATASETS = ("mnist", "fashion-mnist", "cifar10")


@dataclass(frozen=True)
class Row:
    """One row of a table: a method, and the paper's test error of it in %, by data set.

    `options` are what makes the row; a recipe of this name stands in for the protocol, or that of
    the data set, `NAME-DATASET`, if there is one.
    """

    name: str
    title: str
    options: dict[str, Any]
    paper: dict[str, float] = field(default_factory=dict)
    recipe: str | None = None


def _paper(*errors: float) -> dict[str, float]:
    return dict(zip(DATASETS, errors, strict=True))


def _activation_rows() -> Iterator[Row]:
    """Each activation but the default, whose rows are those of table 1."""
    for name in ACTIVATIONS:
        if name != Config.activation:
            yield Row(f"ff-{name}", f"FF, {name}", {"method": "ff", "activation": name})
            yield Row(f"others-{name}", f"gamma others, {name}", {"activation": name})


# The pairwise baseline needs a louder label and all label rows, chosen on validation rows
# (docs/choices.md).
# Lorberbom et al., arXiv 2305.12393, table 1 and, for entropy, the text of its experiments.
ROWS = {
    row.name: row
    for row in (
        Row("backprop-pairwise", "backprop pairwise, network",
            {"method": "backprop-pairwise", "labels": ALL, "label_scale": 50.0},
            _paper(2.0, 10.7, 45.4)),
        Row("backprop-label", "backprop label, network",
            {"method": "backprop-label"}, _paper(1.5, 10.7, 45.9)),
        Row("ff-layer", "FF, layer",
            {"method": "ff", "schedule": "layer"}, _paper(3.3, 13.2, 54.2)),
        Row("ff-network", "FF, network", {"method": "ff"}, _paper(3.4, 13.6, 53.7)),
        Row("previous-layer", "collaborative, gamma previous, layer",
            {"gamma": "previous", "schedule": "layer"}, _paper(2.2, 11.6, 53.2)),
        Row("previous-network", "collaborative, gamma previous, network",
            {"gamma": "previous"}, _paper(2.2, 11.6, 51.6)),
        Row("others-network", "collaborative, gamma others, network",
            {"gamma": "others"}, _paper(2.1, 12.0, 52.7)),
        Row("entropy-layer", "entropy, FF, layer",
            {"method": "ff", "schedule": "layer", "objective": "entropy"},
            {"fashion-mnist": 13.7}),
        Row("entropy-others", "entropy, collaborative, network",
            {"gamma": "others", "objective": "entropy"}, {"fashion-mnist": 12.9}),
        Row("softmax-ff", "softmax over labels, FF, network (ours)",
            {"method": "ff", "objective": "softmax"}),
        # A network of five layers that hear of those below, or of none, holds those of one to four.
        Row("ff-5", "FF, five layers", {"method": "ff", "hidden": (500,) * 5}),
        Row("previous-5", "gamma previous, five layers",
            {"gamma": "previous", "hidden": (500,) * 5}),
        Row("others-2", "gamma others, two layers", {"gamma": "others", "hidden": (500,) * 2}),
        Row("others-5", "gamma others, five layers", {"gamma": "others", "hidden": (500,) * 5}),
        Row("best-5", "ours, five layers", {"hidden": (500,) * 5}, recipe="best"),
        Row("best", "ours", {}, recipe="best"),
        Row("best-1", "ours, one layer", {"hidden": (500,)}, recipe="best"),
        Row("shifts", "ours, of images moved and mirrored", {}, recipe="shifts"),
        Row("local-heads", "local heads, the same parts", {}, recipe="local-heads"),
        Row("backprop", "backprop label, the same parts", {}, recipe="backprop"),
        *_activation_rows(),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A table or figure: its rows, its data sets, and what its runs record."""

    rows: tuple[str, ...]
    datasets: tuple[str, ...] = DATASETS
    options: dict[str, Any] = field(default_factory=dict)


TARGETS = {
    "table1": Target(
        ("backprop-pairwise", "backprop-label", "ff-layer", "ff-network", "previous-layer",
         "previous-network", "others-network", "softmax-ff"),
    ),
    "figure2": Target(("ff-network", "others-network")),
    "figure4": Target(
        ("ff-network", "others-network", "backprop-pairwise", "backprop-label"),
        ("mnist", "fashion-mnist"),
        {"evaluate_every": 1, "analyse_every": 1},  # the latter not for the baselines
    ),
    "entropy": Target(("entropy-layer", "entropy-others"), ("fashion-mnist",)),
    "beyond": Target(("best-1", "best", "local-heads", "backprop")),
    "depth": Target(("ff-5", "previous-5", "others-2", "others-network", "others-5", "best-5")),
    "activations": Target(
        ("ff-network", "others-network", *(row.name for row in _activation_rows())),
        ("mnist", "fashion-mnist"),
    ),
}  # fmt: skip

# The length of images: chosen on validation rows, for trainings of 40 epochs and more
# (docs/choices.md).
PROTOCOLS: dict[str, dict[str, Any]] = {
    "paper": {"epochs": 150, "lr_schedule": "constant", "input_length": 3.0},
    # The paper's text at its word: the negative step is the positive one with the opposite sign.
    "literal": {
        "epochs": 150,
        "lr_schedule": "constant",
        "input_length": 3.0,
        "objective": "sigmoid-literal",
    },
    "fast": {"epochs": 40, "lr_schedule": "linear", "input_length": 3.0},
}


@dataclass(frozen=True)
class Task:
    """One run: a row of a table, on one data set, with one seed."""

    row: str
    config: Config

    @property
    def name(self) -> str:
        """A name of its own: runs that record every epoch have another."""
        return self.names[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of results that serve: its own, and that of a run that recorded more."""
        plain = f"{self.config.dataset}-{self.row}-{self.config.seed}"
        recorded = f"{plain}-by-epoch"
        return (recorded,) if self.config.evaluate_every else (plain, recorded)


def _recipe(name: str, dataset: str) -> dict[str, Any]:
    own = f"{name}-{dataset}"
    return recipe(own if own in recipe_names() else name)


def expand(
    target: str,
    protocol: str = "paper",
    given: Mapping[str, Any] | None = None,
    datasets: Sequence[str] = (),
    rows: Sequence[str] = (),
    seeds: int = 5,
) -> list[Task]:
    """The runs of a table or figure, seed by seed.

    What decides a run: its row, then what is given, then the row's recipe, or else the protocol.

    Parameters
    ----------
    protocol : str
        One of PROTOCOLS.
    given : mapping of str to value
        Fields of the configuration; a row of so many layers takes the first width for each.
    datasets, rows : sequences of str
        Some of the target's (default: all).

    Raises
    ------
    InputError
        If the target, a data set or a row is unknown.
    """
    for chosen, known, what in (
        ([target], TARGETS, "target"),
        (datasets, DATASETS, "data set"),
        (rows, ROWS, "method"),
    ):
        for name in chosen:
            if name not in known:
                raise InputError(f"unknown {what} '{name}': choose {', '.join(known)}")
    rows = rows or TARGETS[target].rows

    def config(name: str, dataset: str, seed: int) -> Config:
        row = ROWS[name]
        base = _recipe(row.recipe, dataset) if row.recipe else PROTOCOLS[protocol]
        options = {**base, **(given or {}), **row.options, **TARGETS[target].options}
        if given and "hidden" in given and "hidden" in row.options:
            options["hidden"] = given["hidden"][:1] * len(row.options["hidden"])
        if options.get("method") in BASELINES:
            options.pop("analyse_every", None)
            options.pop("objective", None)  # no protocol's: they have losses of their own
        return Config(**options | {"dataset": dataset, "seed": seed})

    return [
        Task(row, config(row, dataset, seed))
        for seed in range(seeds)  # outermost: a table of one seed is there first
        for dataset in datasets or TARGETS[target].datasets
        for row in rows
    ]
