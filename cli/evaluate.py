"""`ffnp evaluate`: test errors of a stored run."""

from dataclasses import replace
from json import dumps
from pathlib import Path

import click

from ffnp.runs.experiment import load_data, load_model
from ffnp.scoring.evaluation import evaluate as evaluate_model

from .options import Location, backend_option, config_option, device_option, json_option
from .options import layers as voters
from .report import error_table


@click.command()
@click.argument("run", type=Location())
@click.option("--dataset", help="Another data set of the same shape.  [default: the run's]")
@config_option("data_dir")
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
    model = load_model(run, backend, device)
    config = model.config
    if dataset is not None:  # whole: the run's limits belong to its own set
        config = replace(config, dataset=dataset, limit_train=None, limit_test=None, validation=0)
    limit = limit_test or config.limit_test
    config = replace(config, data_dir=data_dir or config.data_dir, limit_test=limit)
    test = evaluate_model(model, load_data(config).test, layers)
    names = layers or list(range(1, len(test.layers) + 1))
    if json:
        found = {"run_dir": str(run), "dataset": config.dataset, "voters": names}
        errors = {"test_error": test.to_dict(), "confusion": test.confusion.tolist()}
        click.echo(dumps(found | errors))
    else:
        click.echo(error_table(test, config.evaluated, layers))
