"""`ffnp train`: train, evaluate and store a network."""

import math
from json import dumps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ffnp import experiment
from ffnp.config import CHOICES, OWN, Config
from ffnp.errors import InputError
from ffnp.experiment import CHECKPOINT_SECONDS, Result
from ffnp.runs import default_folders

from .options import Location, config_option, json_option, origin, read_config_file, rows, widths
from .progress import Bars
from .report import error_table


def _number(_: click.Context, __: click.Parameter, value: float) -> float:
    if math.isnan(value):
        raise click.BadParameter("it must be a number: 0 for every batch")
    return value


def _choice(name: str) -> click.Choice[str]:
    return click.Choice([choice for choice in CHOICES[name] if choice != OWN])


@click.command()
@config_option("dataset", "mnist, fashion-mnist, cifar10, a .npz file or a folder.")
@config_option("data_dir", "Where a named data set is looked for first.", metavar="DIR")
@config_option("method", "What is trained.", type=_choice("method"))
@config_option("gamma", "Whose goodness a layer hears of (collab).", type=_choice("gamma"))
@config_option("objective", "What a layer minimises.", type=_choice("objective"))
@config_option(
    "labels", "Label rows an image in training, or all.  [default: 2; softmax: all]", type=rows
)
@config_option("schedule", "All layers at once, or layer by layer.", type=_choice("schedule"))
@config_option("update", "From one forward pass, or each in turn.", type=_choice("update"))
@config_option("hidden", "Widths of the layers.", type=widths)
@config_option("activation", "Nonlinearity.", type=_choice("activation"))
@config_option("theta", "Threshold of goodness (sigmoid objectives).", type=float)
@config_option("alpha", "Steepness of the pairwise objective and baseline.", type=float)
@config_option("scaling", "How pixels are scaled.", type=_choice("scaling"))
@config_option("input_length", "Length of every image (scaling standard).", type=float)
@config_option("label_scale", "The label's entry in the joined input.", type=float)
@config_option("optimizer", "Optimiser.", type=_choice("optimizer"))
@config_option("lr", "Learning rate.", type=float)
@config_option("momentum", "Momentum of sgd.", type=float)
@config_option("lr_schedule", "linear: to 0 over the second half.", type=_choice("lr_schedule"))
@config_option("epochs", "Epochs; with schedule layer, of each layer.", type=int)
@config_option("batch_size", "Images a batch.", type=int)
@config_option("seed", "Fixes weights, order and wrong labels.", type=int)
@config_option(
    "cache_mb", "Memory for what frozen layers give (schedule layer).", type=int, metavar="MB"
)
@config_option("backend", "Who computes.", type=_choice("backend"))
@config_option("device", "Which GPU.", type=int)
@config_option("dtype", "Precision.", type=_choice("dtype"))
@config_option("limit_train", "Use the first N training rows.", type=int, metavar="N")
@config_option("limit_test", "Use the first N test rows.", type=int, metavar="N")
@config_option(
    "validation", "Evaluate on the last N training rows, held out.", type=int, metavar="N"
)
@config_option("evaluate_every", "Epochs between test errors; 0: at the end.", type=int)
@config_option("analyse_every", "Epochs between analyses of goodness; 0: none.", type=int)
@click.option(
    "--checkpoint-every",
    type=click.FloatRange(min=0),
    callback=_number,
    default=CHECKPOINT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Time between two saved states.",
)
@click.option(
    "--out", type=Location(), metavar="DIR",
    help="New folder of the run.  [default: runs/DATE-DATASET-METHOD-SEED]",
)  # fmt: skip
@click.option(
    "--resume", type=Location(), metavar="DIR",
    help="Continue the run in DIR, with its own configuration.",
)  # fmt: skip
@click.option(
    "--config", type=Location(), metavar="FILE", is_eager=True,
    expose_value=False, callback=read_config_file,
    help="TOML file of these options; those on the command line win.",
)  # fmt: skip
@json_option
@click.pass_context
def train(
    ctx: click.Context,
    /,
    out: Path | None,
    resume: Path | None,
    checkpoint_every: float,
    json: bool,
    **options: Any,
) -> None:
    """Train a network, store the run in a folder and print its test errors.

    \b
    Example:
      ffnp train --epochs 20 --lr-schedule linear
      ffnp train --resume runs/20261123-150000-mnist-collab-0
    """
    with Bars() as bars:
        if resume is None:
            config = _config(ctx, options)
            _check_effects(ctx, config)
            folder = default_folders(config) if out is None else out
            result = experiment.train(config, folder, bars, checkpoint_every)
        else:
            backend = _backend_of_resumed(ctx, options)
            result = experiment.resume(resume, backend, bars, checkpoint_every)
    click.echo(dumps(result.to_dict()) if json else _summary(result))


def _config(ctx: click.Context, options: dict[str, Any]) -> Config:
    """The configuration of the options; a wrong one says where it was found."""
    try:
        return Config(**options)
    except InputError as error:
        name = str(error).partition(" ")[0]
        raise InputError(f"{error}{origin(ctx, name) if name in options else ''}") from error


def _check_effects(ctx: click.Context, config: Config) -> None:
    """Refuse a gamma without effect, if it was asked for, and name what else has none."""
    layers = not config.backpropagates
    effects = {
        "gamma": config.method == "collab",
        "theta": layers and config.objective.startswith("sigmoid"),
        "alpha": (config.objective if layers else config.method).endswith("pairwise"),
        "label_scale": config.method != "backprop-label",
        "input_length": config.scaling == "standard",
        "momentum": config.optimizer == "sgd",
        "cache_mb": config.schedule == "layer",
    }
    for name, effect in effects.items():
        if effect or ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        if name == "gamma":
            raise InputError(
                f"--gamma has no effect on method {config.method}: leave it out, or choose collab"
            )
        click.echo(f"Note: --{name.replace('_', '-')} has no effect on this training", err=True)


def _backend_of_resumed(ctx: click.Context, options: dict[str, Any]) -> str | None:
    """A resumed run keeps its configuration: only the backend may be another."""
    given = {name: ctx.get_parameter_source(name) for name in (*options, "out", "config")}
    fixed = [n for n, source in given.items() if source is ParameterSource.COMMANDLINE]
    changed = ", ".join("--" + n.replace("_", "-") for n in fixed if n != "backend")
    if changed:
        raise InputError(f"{changed} cannot change in a resumed run: leave it out")
    own = given["backend"] in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    return None if own else options["backend"]


def _summary(result: Result) -> str:
    config, backend = result.model.config, result.model.backend.name
    parts = [config.method]
    if config.method == "collab":
        parts.append(f"gamma {config.gamma}")
    if not config.backpropagates:
        parts.append(f"objective {config.objective}, schedule {config.schedule}")
    head = (
        f"{Path(config.dataset).stem}: {', '.join(parts)}; "
        f"{config.epochs} epoch{'s'[: config.epochs > 1]} in {result.seconds:.1f} s on {backend}"
    )
    layers = list(range(1, len(result.test.layers) + 1))
    stored = "" if result.run is None else f"\nstored in {result.run.folder}"
    return f"{head}\n\n{error_table(result.test, layers, config.evaluated)}{stored}"
