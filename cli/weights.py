"""`ffnp weights`: pictures of what the first layer's units look for."""

from pathlib import Path

import click

from ffnp.plotting import check_suffix, draw_units, drawing, save, units_figure

from .completion import runs
from .options import Location, activation_option
from .plain import Plain
from .stored import model_of


@click.command(cls=Plain)
@click.argument("run", type=Location(), shell_complete=runs)
@click.option("-o", "--output", type=Location(), required=True, metavar="FILE.png|.svg")
@click.option(
    "--units", type=click.IntRange(1, 1024), default=100, show_default=True,
    help="How many, those with the longest weights.",
)  # fmt: skip
@activation_option
@drawing()
def weights(run: Path, output: Path, units: int, activation: str | None) -> None:
    """Draw the weights from an image's pixels to units of the first layer of RUN.

    Each picture has a scale of its own: blue is below 0 and red above; of colour images, grey is 0.
    The number is the unit's, from 1.

    \b
    Example:
      ffnp weights runs/20261123-150000-mnist-collab-0 -o weights.png
    """
    check_suffix(output)
    model = model_of(run, "numpy", activation=activation)
    pixels = model.weights()["layer1.weights"][: model.data.pixels]  # (D, H)
    figure, axes = units_figure(min(units, pixels.shape[1]))
    draw_units(axes, pixels, model.data.shape)
    save(figure, output)
    click.echo(str(output))
