"""`ffnp evaluate`: test errors of a stored run."""

from json import dumps
from pathlib import Path

import click

from ffnp.scoring.evaluation import evaluate as evaluate_model

from .options import Location, Plain, backend_option, device_option, json_option
from .options import layers as voters
from .report import error_table
from .stored import data_dir_option, data_of, dataset_option, model_of


@click.command(cls=Plain)
@click.argument("run", type=Location())
@dataset_option
@data_dir_option
@click.option("--layers", type=voters, help="Which layers vote, e.g. 1,3.  [default: all]")
@click.option("--limit-test", type=click.IntRange(min=1), metavar="N", help="Use N test rows.")
@backend_option
@device_option
@json_option
def evaluate(
    run: Path,
    dataset: str | None,
    data_dir: str | None,
    layers: list[int] | None,
    limit_test: int | None,
    backend: str,
    device: int,
    json: bool,
) -> None:
    """Predict the test set of RUN by its layers' votes, and print the errors.

    \b
    Example:
      ffnp evaluate runs/20261123-150000-mnist-collab-0 --layers 1,3
    """
    model = model_of(run, backend, device)
    data, config = data_of(model, dataset, data_dir, limit_test)
    test = evaluate_model(model, data.tested(), layers)
    names = layers or list(range(1, len(test.layers) + 1))
    if json:
        found = {"run_dir": str(run), "dataset": config.dataset, "voters": names}
        errors = {"test_error": test.to_dict(), "confusion": test.confusion.tolist()}
        click.echo(dumps(found | errors))
    else:
        click.echo(error_table(test, config.evaluated, layers))
