"""A small data set in memory, a trainer of it batch by batch, and who stops a training."""

from data_files import small_arrays

from ffnp import from_arrays
from ffnp.backends import Backend
from ffnp.model import DataDescription, Model
from ffnp.runs.experiment import Watcher
from ffnp.training.trainer import Trainer


def small_dataset(train=50, test=23, classes=4):
    """Random images of 4x4: there is nothing to learn, and much to err about."""
    return from_arrays(*small_arrays(4, 4, train=train, test=test, classes=classes), name="small")


def make_trainer(config, dataset, backend=None):
    """A trainer of a new model on a backend; by default the reference."""
    backend = Backend() if backend is None else backend
    model = Model.create(config, DataDescription.of(dataset, config), backend)
    return Trainer(model, dataset.train)


def same_bits(first, second):
    """Whether two models have the same weights."""
    a, b = first.weights(), second.weights()
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


class Halves(Backend):
    """The reference, for which batches are split in two."""

    threads = 2


class StopAfter(Watcher):
    """Asks to stop after so many batches."""

    def __init__(self, batches):
        self.left = batches

    def batch(self, trainer):
        self.left -= 1
        return self.left == 0


def watch_steps(trainer, look):
    """Call `look(batch, lr)` after every step of a trainer."""
    step = trainer.schedule.step

    def watched(batch, source, totals, phase, lr):
        step(batch, source, totals, phase, lr)
        look(batch, lr)

    trainer.schedule.step = watched
