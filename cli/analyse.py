"""`ffnp analyse`: what goodness does in a stored run."""

from json import dumps
from pathlib import Path

import click

from ffnp.scoring.analysis import KINDS, ROWS
from ffnp.scoring.analysis import analyse as analyse_model

from .completion import runs as complete_runs
from .options import Location, activation_option, backend_option, device_option, json_option
from .plain import Plain
from .stored import data_dir_option, data_of, dataset_option, model_of


@click.command(cls=Plain)
@click.argument("run", type=Location(), shell_complete=complete_runs)
@click.option(
    "--rows", type=click.IntRange(min=1), default=ROWS, show_default=True,
    help="Images of the sample, evenly over the test set.",
)  # fmt: skip
@dataset_option
@data_dir_option
@activation_option
@backend_option
@device_option
@json_option
def analyse(
    run: Path,
    rows: int,
    dataset: str | None,
    data_dir: str | None,
    activation: str | None,
    backend: str,
    device: int,
    json: bool,
) -> None:
    """Functional entropy of RUN's goodness, its decomposition, and each layer's statistics.

    \b
    Example:
      ffnp analyse runs/20261123-150000-mnist-collab-0
    """
    model = model_of(run, backend, device, activation)
    data, config = data_of(model, dataset, data_dir)
    found = analyse_model(model, data.tested(), rows)
    if json:
        about = {"run_dir": str(run), "evaluated": config.evaluated}
        click.echo(dumps(about | found.to_dict()))
        return
    images = f"{found.images} {config.evaluated} images"
    click.echo(f"functional entropy of {images}, each with two labels")
    click.echo("rows     total = between layers + mean of each layer's own")
    for name in KINDS:
        entropy = getattr(found, f"entropy_{name}")
        own = "  ".join(f"{value:.4f}" for value in entropy.within_layers)
        click.echo(f"{name:5} {entropy.total:8.4f}   {entropy.between_layers:8.4f}         {own}")
    click.echo("\nlayer   goodness, true label   goodness, wrong label   dead units")
    for i, (g, dead) in enumerate(zip(found.goodness, found.dead_units, strict=True), start=1):
        true = f"{g.true_mean:9.3f} +- {g.true_deviation:7.3f}"
        wrong = f"{g.wrong_mean:9.3f} +- {g.wrong_deviation:7.3f}"
        click.echo(f"{i:5d}   {true}   {wrong}   {dead:10d}")
