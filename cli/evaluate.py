"""`ffnp evaluate`: test errors of a stored run."""

from json import dumps
from pathlib import Path

import click

from ffnp.scoring.evaluation import evaluate as evaluate_model

from .completion import runs as complete_runs
from .options import (
    Location,
    activation_option,
    backend_option,
    candidates_option,
    device_option,
    json_option,
    layers_option,
)
from .plain import Plain
from .report import confusion_table, error_table
from .stored import data_dir_option, data_of, dataset_option, model_of


@click.command(cls=Plain)
@click.argument("run", type=Location(), shell_complete=complete_runs)
@dataset_option
@data_dir_option
@layers_option
@candidates_option
@click.option("--limit-test", type=click.IntRange(min=1), metavar="N", help="Use N test rows.")
@click.option("--confusion", is_flag=True, help="Print what is taken for what.")
@activation_option
@backend_option
@device_option
@json_option
def evaluate(
    run: Path,
    dataset: str | None,
    data_dir: str | None,
    layers: list[int] | None,
    candidates: int | None,
    limit_test: int | None,
    confusion: bool,
    activation: str | None,
    backend: str,
    device: int,
    json: bool,
) -> None:
    """Predict the test set of RUN by its layers' votes, and print the errors.

    \b
    Example:
      ffnp evaluate runs/20261123-150000-mnist-collab-0 --layers 1,3
      ffnp evaluate runs/20261123-150000-mnist-collab-0 --candidates 3
    """
    model = model_of(run, backend, device, activation)
    data, config = data_of(model, dataset, data_dir, limit_test)
    test = evaluate_model(model, data.tested(), layers, candidates)
    names = layers or list(range(1, len(test.layers) + 1))
    if json:
        found = {"run_dir": str(run), "dataset": config.dataset, "evaluated": config.evaluated}
        some = {} if candidates is None else {"candidates": candidates}
        errors = {"test_error": test.to_dict(), "confusion": test.confusion.tolist()}
        click.echo(dumps(found | {"voters": names} | some | errors | {"classes": test.names}))
        return
    click.echo(error_table(test, config.evaluated, layers, candidates, not model.config.votes))
    if confusion:
        click.echo(f"\n{confusion_table(test)}")
