"""A stored run, as commands read it: its model, however far trained, and its data, wherever."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from ffnp.config import Config
from ffnp.data import Dataset
from ffnp.data.appearance import Appearance
from ffnp.data.catalogue import CATALOGUE
from ffnp.errors import InputError, InputWarning
from ffnp.model import Model
from ffnp.runs.experiment import load_data, load_model
from ffnp.runs.folder import Run
from ffnp.runs.own import import_own

from .completion import datasets
from .options import config_option

dataset_option = click.option(
    "--dataset",
    shell_complete=datasets,
    help="Another data set of the same shape, whole.  [default: the run's]",
)
data_dir_option = config_option("data_dir")


def model_of(
    run: Path, backend: str = "auto", device: int = 0, activation: str | None = None
) -> Model:
    """The run's model: the trained one, or with a note the last that was saved of a training.

    `activation` is FILE.py:NAME of its own activation; the file must be what it was trained with.
    """
    own = None
    if activation is not None:
        Run(run).check_own(["activation"], activation)
        own = import_own(activation, "activation")
    model = load_model(run, backend, device, last=True, activation=own)
    if not Run(run).finished:
        text = (
            f"{run} is not finished: its last saved weights are used; "
            f"`ffnp train --resume {run}` goes on"
        )
        warnings.warn(text, InputWarning, stacklevel=2)
    return model


def names_of(runs: Sequence[Path]) -> list[str]:
    """The runs' names: those of their folders, or if two are alike as they were given."""
    names = [os.path.basename(os.path.realpath(folder)) for folder in runs]
    return names if len(set(names)) == len(names) else [str(folder) for folder in runs]


def is_given(dataset: str | None, data_dir: str | None) -> bool:
    """Whether data are asked for by name: what fails with them is an error, and no note."""
    return dataset is not None or data_dir is not None


def data_of(
    model: Model, dataset: str | None, data_dir: str | None, limit_test: int | None = None
) -> tuple[Dataset, Config]:
    """The run's data set, or another one, and the configuration that says which rows are whose.

    A note says if the run's is no longer what the model was trained on.
    """
    config, known = model.config, model.data
    if dataset is not None:  # whole: the run's limits belong to its own set
        config = replace(config, dataset=dataset, limit_train=None, limit_test=None, validation=0)
        if dataset not in CATALOGUE:
            config = replace(config, data_dir=None)
    limit = limit_test or config.limit_test
    where = config.data_dir if data_dir is None else data_dir
    config = replace(config, data_dir=where, limit_test=limit)
    try:
        data = load_data(config)
        known.check(data.test or data.train)
    except InputError as error:
        if dataset or "--data-dir" in str(error):
            raise
        raise InputError(
            f"{error}: --dataset or --data-dir says where the run's data are now"
        ) from error
    if not dataset and known.appearance is not None:
        if changes := known.appearance.changes(Appearance.of(data.train)):
            text = f"{data.name} is not what the run was trained on: {changes}"
            warnings.warn(text, InputWarning, stacklevel=2)
    return data, config
