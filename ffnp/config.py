"""The configuration of a run: every choice that decides its result, in one place."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from textwrap import fill, indent
from typing import Any, TypeVar, get_args

import numpy as np

from ffnp.backends.selection import BACKENDS
from ffnp.errors import GoneError, InputError, brief
from ffnp.objectives import OBJECTIVES
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.objectives.collaboration import GAMMAS
from ffnp.objectives.own import OWN as OWN
from ffnp.objectives.registry import LEFT
from ffnp.scaling import SCALINGS

ALL = "all"
HEARD = tuple(gamma for gamma in GAMMAS if gamma != "none")
BASELINES = ("backprop-label", "backprop-pairwise", "local-heads")
# Since 0.1; their defaults are what it did.
ADDED = (
    "gamma_scale", "negatives", "joined", "hidden_length", "pixel_dropout", "unit_dropout", "shift",
    "flip", "weight_decay", "snapshot_every", "label_column", "patience", "keep",
)  # fmt: skip
# What decides nothing of a result but its last bits, or where it lies, or what is recorded.
FREE = (
    "data_dir", "cache_mb", "backend", "device", "evaluate_every", "analyse_every",
    "snapshot_every",
)  # fmt: skip
MOST_GOODNESS = 1e12  # that images of the greatest length could have
MOST_UNITS = 1_000_000  # of a layer
MOST_COUNT, MOST_SEED = 10**9, 2**128  # the former of epochs, rows and the like

Kind = TypeVar("Kind", bound=type)
Need = tuple[Callable[[Any], Any], str]
NAME: Need = bool, "is empty: give a name, or leave it out"


def option(
    default: Any,
    help: str,
    *,
    choices: Iterable[str] = (),
    needs: Need | None = None,
    effect: Callable[["Config"], bool] | None = None,
    metavar: str | None = None,
) -> Any:
    """A field of the configuration, with all that is said of it anywhere.

    `needs` is what a value that is not None must fulfil, and the message, after the field's name
    and with the value as {}, if it does not. `effect` tells whether the field has an effect on a
    training; without it, it always has.
    """
    choices = tuple(choices)
    if choices and needs is None:
        needs = choices.__contains__, f"'{{}}' is unknown: choose {', '.join(choices)}"
    about = dict(help=help, choices=choices, needs=needs, effect=effect, metavar=metavar)
    return field(default=default, metadata=about)


def at_least(low: int) -> Need:
    """A lower bound; every integer has an upper one, too."""
    return lambda value: value >= low, f"is {{}}: it must be at least {low}"


def above_0(most: float) -> Need:
    """0 < value <= most; NaN is not."""
    return lambda value: 0 < value <= most, f"is {{}}: it must be above 0, and {most:g} at most"


RATE: Need = lambda value: 0 <= value <= 0.95, "is {}: it must be in 0..0.95"


def documented(cls: Kind) -> Kind:
    """Describe the fields of a class of options in its docstring."""
    lines = [f"{cls.__doc__}\n", "Attributes", "----------"]
    for each in fields(cls):
        choices = ", ".join(f'"{choice}"' for choice in each.metadata["choices"])
        plain = each.type.__name__ if isinstance(each.type, type) else each.type
        lines.append(f"{each.name} : " + (f"{{{choices}}}" if choices else str(plain)))
        lines.append(indent(fill(each.metadata["help"], 92), "    "))
    cls.__doc__ = "\n".join(lines)
    return cls


def _is_objective(name: str) -> bool:
    if name in LEFT:
        raise GoneError(
            f"objective '{name}' left ffnp in 0.2: it is an example now: "
            f"ffnp train --objective examples/entropy_readings.py:{LEFT[name]}"
        )
    return name in OBJECTIVES or name == OWN or is_reference(name)


def or_own(names: Iterable[str]) -> Need:
    """One of some names, or one of the user's own."""
    names = tuple(names)
    text = f"'{{}}' is unknown: choose {', '.join(names)}, or FILE.py:NAME"
    return lambda name: name in names or name == OWN or is_reference(name), text


@documented
@dataclass(frozen=True)
class Config:
    """What a run trains, on what and how. Checked when made: `InputError` names what is wrong."""

    dataset: str = option(
        "mnist",
        "mnist, fashion-mnist, cifar10, a file (.npz, .csv, .parquet) or a folder.",
        needs=NAME,
    )
    data_dir: str | None = option(
        None,
        "Where a named data set is looked for before the cache: in DIR/NAME, then in DIR.",
        needs=NAME,
        metavar="DIR",
    )
    label_column: str | None = option(
        None,
        "Which column of a table is the label: its name, or its number from 1; of CIFAR-100 fine "
        "or coarse.  [default: label, or the first where columns have no names; fine]",
        needs=NAME,
        metavar="NAME",
    )
    method: str = option(
        "collab",
        "What is trained: layers that hear of each other, layers that do not, or a baseline.",
        choices=("collab", "ff", *BASELINES),
    )
    gamma: str = option(
        "others",
        "Whose goodness a layer hears of (collab); FILE.py:NAME is a gamma of your own.",
        choices=HEARD,
        needs=or_own(HEARD),
        effect=lambda config: config.method == "collab",
    )
    gamma_scale: float = option(
        1.0,
        "What it hears is multiplied by this (collab).",
        needs=above_0(1e6),
        effect=lambda config: config.method == "collab",
    )
    objective: str = option(
        "sigmoid",
        "What a layer minimises; FILE.py:NAME is one of your own.",
        choices=OBJECTIVES,
        needs=(
            _is_objective,
            f"'{{}}' is unknown: choose {', '.join(OBJECTIVES)}, or FILE.py:NAME",
        ),
        effect=lambda config: not config.is_baseline,
    )
    labels: int | str | None = option(
        None,
        "Label rows an image in training, or all.  [default: 2; softmax: all]",
        needs=(
            lambda value: value == ALL or not isinstance(value, str),
            "is '{}': give a number of rows, or all",
        ),
    )
    negatives: str = option(
        "random",
        "Which wrong labels these are: random, drawn anew in every epoch; or the hardest, those of "
        "the most goodness in layer 1 at the time.",
        choices=("random", "hardest"),
        effect=lambda config: config.labelled,
    )
    schedule: str = option(
        "network", "All layers at once, or layer by layer.", choices=("network", "layer")
    )
    update: str = option(
        "simultaneous",
        "From one forward pass, or each in turn (schedule network).",
        choices=("simultaneous", "sequential"),
    )
    hidden: tuple[int, ...] = option(
        (500, 500, 500),
        "Widths of the layers.",
        needs=(
            lambda widths: widths and 1 <= min(widths) <= max(widths) <= MOST_UNITS,
            f"is {{}}: give the width of each layer, 1..{MOST_UNITS}",
        ),
    )
    joined: str = option(
        "first",
        "Which layers read the image joined with the label: the first, or every one, beside the "
        "layer below.",
        choices=("first", "every"),
        effect=lambda config: config.method in ("collab", "ff"),
    )
    activation: str = option(
        "relu",
        "Nonlinearity; FILE.py:NAME is one of your own.",
        choices=ACTIVATIONS,
        needs=or_own(ACTIVATIONS),
    )
    theta: float = option(
        20.0,
        "Threshold of goodness (sigmoid objectives).",
        needs=(
            lambda value: abs(value) <= MOST_GOODNESS,
            f"is {{}}: it must be a number between +-{MOST_GOODNESS:g}",
        ),
        effect=lambda config: config.uses("theta"),
    )
    alpha: float = option(
        1.0,
        "Steepness of the pairwise objective and baseline.",
        needs=above_0(1e6),
        effect=lambda config: config.uses("alpha"),
    )
    scaling: str = option(
        "standard",
        "How pixels are scaled. standard: by the training set's one mean and deviation, then each "
        "image to input_length; raw: uint8 over 255, floats as they are.",
        choices=SCALINGS,
    )
    input_length: float = option(
        10.0,
        "Length of every image (scaling standard).",
        needs=above_0(1e6),
        effect=lambda config: config.scaling == "standard",
    )
    label_scale: float = option(
        3.0,
        "The label's entry in the joined input.",
        needs=above_0(1e6),
        effect=lambda config: config.labelled,
    )
    hidden_length: float = option(
        1.0,
        "Length of a layer's activities, as the next layer reads them.",
        needs=above_0(1e6),
        effect=lambda config: config.method in ("collab", "ff"),
    )
    pixel_dropout: float = option(
        0.0, "Share of an image's pixels left out of a training step.", needs=RATE
    )
    unit_dropout: float = option(
        0.0, "Share of each layer's units left out of a training step.", needs=RATE
    )
    shift: int = option(
        0,
        "Pixels by which a training image is moved at most, to each side, anew in every epoch.",
        needs=at_least(0),
    )
    flip: float = option(
        0.0,
        "Share of the training images that are mirrored, left and right, anew in every epoch.",
        needs=(lambda value: 0 <= value <= 1, "is {}: it must be in 0..1"),
    )
    optimizer: str = option("adam", "Optimiser.", choices=("adam", "sgd"))
    lr: float = option(0.001, "Learning rate.", needs=above_0(1e30))
    momentum: float = option(
        0.9,
        "Momentum of sgd.",
        needs=(lambda value: 0 <= value < 1, "is {}: it must be in 0..1, below 1"),
        effect=lambda config: config.optimizer == "sgd",
    )
    weight_decay: float = option(
        0.0,
        "Decoupled: a step takes lr * weight_decay of each weight away.",
        needs=(lambda value: 0 <= value <= 1e6, "is {}: it must be in 0..1e6"),
    )
    lr_schedule: str = option(
        "constant",
        "linear: to 0 over the second half; cosine: from the first step.",
        choices=("constant", "linear", "cosine"),
    )
    epochs: int = option(150, "Epochs; with schedule layer, of each layer.", needs=at_least(1))
    batch_size: int = option(200, "Images a batch.", needs=at_least(1))
    seed: int = option(0, "Fixes weights, order and wrong labels.", needs=at_least(0))
    cache_mb: int = option(
        2000,
        "Memory for what frozen layers give (schedule layer); what needs more is computed again.",
        needs=at_least(0),
        effect=lambda config: config.schedule == "layer",
        metavar="MB",
    )
    backend: str = option("auto", "Array backend.", choices=BACKENDS)
    device: int = option(0, "Which GPU.", needs=at_least(0))
    dtype: str = option("float32", "Precision.", choices=("float32", "float64"))
    limit_train: int | None = option(
        None, "Use the first N training rows.", needs=at_least(1), metavar="N"
    )
    limit_test: int | None = option(
        None, "Use the first N test rows.", needs=at_least(1), metavar="N"
    )
    validation: int = option(
        0, "Evaluate on the last N training rows, held out.", needs=at_least(0), metavar="N"
    )
    patience: int = option(
        0,
        "End after N epochs in which the error on the validation rows has not fallen; 0: never.",
        needs=at_least(0),
        metavar="N",
    )
    keep: str = option(
        "last",
        "Whose weights are kept: the last epoch's, or those of the lowest error on the validation "
        "rows.",
        choices=("last", "best"),
    )
    evaluate_every: int = option(
        0,
        "Epochs between errors of the test and of 1,000 training rows; 0: at the end.",
        needs=at_least(0),
        effect=lambda config: config.evaluate_every <= config.epochs,
    )
    analyse_every: int = option(
        0,
        "Epochs between analyses of goodness; 0: none.",
        needs=at_least(0),
        effect=lambda config: config.analyse_every <= config.epochs,
    )
    snapshot_every: int = option(
        0,
        "Epochs between snapshots of the weights, kept in the run's folder; 0: none.",
        needs=at_least(0),
        effect=lambda config: config.snapshot_every <= config.epochs,
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            value, needs = _plain(getattr(self, each.name)), each.metadata["needs"]
            _check_type(each.name, value, each.type)
            object.__setattr__(self, each.name, value)
            if value is not None and needs and not needs[0](value):
                raise InputError(f"{each.name} {needs[1].format(brief(value))}")
        self._check_together()

    def _check_together(self) -> None:
        if self.lr * self.weight_decay >= 1:
            raise InputError(
                f"lr {self.lr:g} times weight_decay {self.weight_decay:g} takes away all that the "
                "weights learn: it must be below 1"
            )
        if self.schedule == "layer" and self.update == "sequential":
            raise InputError("update sequential belongs to schedule network: leave out one")
        if self.schedule == "layer" and self.moves:
            raise InputError(
                "shift and flip belong to schedule network: frozen layers keep what they computed"
            )
        if self.negatives == "hardest":
            if self.is_baseline or self.schedule == "layer":
                raise InputError(
                    "negatives hardest belongs to methods collab and ff with schedule network: "
                    "leave it out"
                )
            if self.labels == ALL or (self.labels is None and self.objective == "softmax"):
                raise InputError(
                    "negatives hardest chooses among wrong labels, and labels all takes them all: "
                    "give labels as a number, e.g. 4"
                )
        if self.joined == "every" and (self.is_baseline or self.schedule == "layer"):
            raise InputError(
                "joined every belongs to methods collab and ff with schedule network: leave it out"
            )
        if self.is_baseline:
            if self.schedule != "network" or self.update != "simultaneous":
                raise InputError(
                    f"{self.method} trains all layers together: "
                    "leave out schedule layer and update sequential"
                )
            if self.analyse_every:
                raise InputError(
                    f"analyse_every is of goodness, and {self.method} has none: leave it out"
                )
            if self.objective != "sigmoid":
                raise InputError(f"{self.method} has a loss of its own: leave out objective")
            if self.labels is not None and not self.labelled:
                raise InputError(f"{self.method} joins no labels to images: leave out labels")
        elif self.schedule == "layer" and self.method == "collab" and self.gamma != "previous":
            raise InputError(
                f"gamma {self.gamma} needs layers that schedule layer has not trained yet: "
                "choose gamma previous, or schedule network"
            )

    def uses(self, name: str) -> bool:
        """Whether the loss has a field of this name, as theta."""
        loss = "pairwise" if self.method == "backprop-pairwise" else self.objective
        named = getattr(OBJECTIVES.get(loss), "__dataclass_fields__", ())
        return self.labelled and name in named

    @property
    def moves(self) -> bool:
        """Whether training images are moved or mirrored."""
        return bool(self.shift or self.flip)

    @property
    def is_baseline(self) -> bool:
        """Whether the method is no Forward-Forward."""
        return self.method in BASELINES

    @property
    def votes(self) -> bool:
        """Whether each layer scores the labels, so that layers vote; else the output does."""
        return self.method not in ("backprop-label", "backprop-pairwise")

    @property
    def labelled(self) -> bool:
        """Whether images are joined with labels."""
        return self.method not in ("backprop-label", "local-heads")

    @property
    def evaluated(self) -> str:
        """Which rows errors are of: test, or validation."""
        return "validation" if self.validation else "test"

    def rows(self, classes: int) -> int:
        """R, label rows an image in training, of K classes; `InputError` outside 2..K."""
        labels = self.labels
        if labels is None:
            labels = ALL if self.objective == "softmax" else 2
        rows = classes if labels == ALL else int(labels)
        if self.negatives == "hardest" and rows >= classes:
            raise InputError(
                f"labels is {rows}: of {classes} classes that leaves negatives hardest nothing to "
                "choose among: give fewer, or negatives random"
            )
        if not 2 <= rows <= classes:
            raise InputError(f"labels is {rows}: of {classes} classes choose 2..{classes}, or all")
        return rows

    def idle(self) -> list[str]:
        """Names of the fields that were changed from their defaults, and have no effect."""
        return [
            each.name
            for each in fields(self)
            if (effect := each.metadata["effect"]) is not None
            and getattr(self, each.name) != each.default
            and not effect(self)
        ]

    def choices(self) -> dict[str, Any]:
        """The fields that have an effect on the training, and decide its result."""
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in FREE
            and ((effect := each.metadata["effect"]) is None or effect(self))
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"hidden": list(self.hidden)}

    @classmethod
    def completed(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Stored values, of ffnp 0.1 with what was added since."""
        return {each.name: each.default for each in fields(cls) if each.name in ADDED} | dict(
            values
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Config":
        """A configuration from plain values; `InputError` on a name that is unknown."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            names = brief(", ".join(sorted(unknown)))
            raise InputError(f"unknown configuration name: {names}")
        return cls(**values)


def _plain(value: Any) -> Any:
    """A NumPy number as Python's, and a list as a tuple."""
    if isinstance(value, np.generic):
        return value.item()
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value


def _check_type(name: str, value: Any, expected: Any) -> None:
    if name == "hidden":
        fits = isinstance(value, tuple) and all(type(width) is int for width in value)
    else:
        kinds = get_args(expected) or (expected,)
        fits = type(value) in kinds or (float in kinds and type(value) is int)
    if not fits:
        wanted = getattr(expected, "__name__", expected)  # int, or int | None
        shown = brief(f"{value!r}" if isinstance(value, str) else value)
        raise InputError(f"{name} is {shown}: that is not of type {wanted}")
    most = MOST_SEED if name == "seed" else MOST_COUNT
    if type(value) is int and expected is not float and value > most:
        raise InputError(f"{name} is {brief(value)}: it must be at most {most}")
    if isinstance(value, str) and "\0" in value:
        raise InputError(f"{name} has a NUL character: leave it out")


def is_reference(text: str) -> bool:
    """Whether a text is FILE.py:NAME."""
    path, _, name = text.rpartition(":")
    return path.endswith(".py") and name.isidentifier()
