"""Images mapped from a file that is cut short meanwhile: one line, and no state is lost."""

import os

import numpy as np
import pytest
from data_files import small_arrays, write_npy
from small_training import same_bits

from ffnp import Config, evaluate, load, resume, train
from ffnp.errors import StorageError
from ffnp.runs.experiment import Watcher
from ffnp.runs.folder import Run

SMALL = Config(hidden=(6, 5), epochs=3, batch_size=20, backend="numpy")


class Cut(Watcher):
    """Cuts the training images short after some batches."""

    def __init__(self, path, batches):
        self.path, self.batches = path, batches

    def batch(self, trainer):
        self.batches -= 1
        if self.batches == 0:
            os.truncate(self.path, 300)
        return False


@pytest.fixture
def folder(tmp_path):
    write_npy(tmp_path / "data", small_arrays(4, 4, train=60, test=20, classes=4))
    return tmp_path / "data"


@pytest.mark.parametrize("batches, epochs", [(2, 0), (3, 1), (4, 1)])
def test_a_training_ends_at_once_and_goes_on_to_the_same_bits(tmp_path, folder, batches, epochs):
    whole, expected = (folder / "x_train.npy").read_bytes(), train(SMALL, dataset=load(folder))
    config = Config(**vars(SMALL) | {"dataset": str(folder)})
    with pytest.raises(
        StorageError, match=r"the training set: the file of its images has been cut"
    ):
        train(config, tmp_path / "run", Cut(folder / "x_train.npy", batches), 1000)
    (folder / "x_train.npy").write_bytes(whole)
    assert (tmp_path / "run" / "state.safetensors").exists()
    assert len(Run(tmp_path / "run").metrics()) == epochs
    assert same_bits(resume(tmp_path / "run").model, expected.model)


def test_what_is_evaluated_is_looked_at_first(folder):
    data = load(folder)
    model = train(SMALL, dataset=data).model
    for split in (data.test, data.test.first(3), data.test.rows(slice(5, 9))):
        os.truncate(folder / "x_test.npy", 440)
        with pytest.raises(StorageError, match="cut short, from 448 bytes to 440"):
            evaluate(model, split)
        os.truncate(folder / "x_test.npy", 448)
        assert np.isfinite(evaluate(model, split).all)
