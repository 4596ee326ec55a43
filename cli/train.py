"""`ffnp train`: train, evaluate and store a network."""

import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from json import dumps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ffnp.config import Config
from ffnp.errors import InputError
from ffnp.recipes import recipe_names
from ffnp.runs import experiment
from ffnp.runs.experiment import CHECKPOINT_SECONDS, Result
from ffnp.runs.folder import default_folders

from .completion import runs as complete_runs
from .options import Location, config_options, json_option, read_config_file, take_recipe
from .plain import Plain, origin
from .progress import Bars, on_signals
from .report import error_table

MOVABLE = ("backend", "device", "dataset", "data_dir")  # of a run that is resumed


def _number(_: click.Context, __: click.Parameter, value: float) -> float:
    if math.isnan(value):
        raise click.BadParameter("it must be a number: 0 for every batch")
    return value


@click.command(cls=Plain)
@config_options
@click.option(
    "--checkpoint-every", type=click.FloatRange(min=0), callback=_number, metavar="SECONDS",
    default=CHECKPOINT_SECONDS, show_default=True, help="Time between two saved states.",
)  # fmt: skip
@click.option(
    "--out", type=Location(), metavar="DIR",
    help="New folder of the run.  [default: runs/DATE-DATASET-METHOD-SEED]",
)  # fmt: skip
@click.option(
    "--resume", type=Location(), metavar="DIR", shell_complete=complete_runs,
    help="Continue the run in DIR, with its own configuration.",
)  # fmt: skip
@click.option(
    "--recipe", type=click.Choice(recipe_names()), is_eager=True,
    expose_value=False, callback=take_recipe,
    help="Options that were found best together; a file's and those on the command line win.",
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
      ffnp train --recipe best --epochs 10
      ffnp train --resume runs/20261123-150000-mnist-collab-0
    """
    with closing(Bars()) as bars, on_signals(bars.stop):
        if resume is None:
            with _saying_where(ctx, options):
                config = Config(**options)
                _check_gamma(ctx, config)
                folder = default_folders(config) if out is None else out
                result = experiment.train(config, folder, bars, checkpoint_every)
        else:
            backend, elsewhere = _elsewhere(ctx, options)
            result = experiment.resume(resume, backend, bars, checkpoint_every, **elsewhere)
    click.echo(dumps(result.to_dict()) if json else _summary(result))


@contextmanager
def _saying_where(ctx: click.Context, options: dict[str, Any]) -> Iterator[None]:
    """An error that begins with an option's name says where its value was found."""
    try:
        yield
    except InputError as error:
        name = str(error).partition(" ")[0]
        if name in options and (where := origin(ctx, name)):
            raise InputError(f"{error}{where}") from error
        raise


def _check_gamma(ctx: click.Context, config: Config) -> None:
    """Refuse a gamma without effect, if it was asked for."""
    asked = ctx.get_parameter_source("gamma") is ParameterSource.COMMANDLINE
    if asked and config.method != "collab":
        raise InputError(
            f"--gamma has no effect on method {config.method}: leave it out, or choose collab"
        )


def _elsewhere(ctx: click.Context, options: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """A resumed run keeps its configuration: only its device and its data may be elsewhere."""
    given = {name: ctx.get_parameter_source(name) for name in (*options, "out", "config", "recipe")}
    fixed = [n for n, source in given.items() if source is ParameterSource.COMMANDLINE]
    changed = ", ".join("--" + n.replace("_", "-") for n in fixed if n not in MOVABLE)
    if changed:
        raise InputError(f"{changed} cannot change in a resumed run: leave it out")
    own = given["backend"] in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    moved: dict[str, Any] = {n: options[n] for n in MOVABLE[1:] if n in fixed}
    return None if own else options["backend"], moved


def _summary(result: Result) -> str:
    config, backend = result.model.config, result.model.backend.name
    parts = [config.method]
    if config.method == "collab":
        parts.append(f"gamma {config.gamma}")
    if not config.is_baseline:
        parts.append(f"objective {config.objective}, schedule {config.schedule}")
    done = len(result.metrics) if config.patience else config.epochs
    head = (
        f"{Path(config.dataset).stem}: {', '.join(parts)}; "
        f"{done} epoch{'s'[: done > 1]} in {result.seconds:.1f} s on {backend}"
    )
    if config.keep == "best":
        head += f", kept epoch {result.epoch}"
    stored = "" if result.run is None else f"\nstored in {result.run.folder}"
    table = "no test set: no errors"
    if result.test is not None:
        table = error_table(result.test, config.evaluated)
    return f"{head}\n\n{table}{stored}"
