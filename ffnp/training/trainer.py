"""Training: epochs of shuffled batches with fresh wrong labels, stopped and resumed anywhere."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from ffnp.backends.activity import Array
from ffnp.data.arrays import check_whole
from ffnp.data.dataset import Split
from ffnp.errors import InputError, brief
from ffnp.model import Model
from ffnp.network.labels import candidate_labels
from ffnp.network.network import Batch
from ffnp.randomness import NEGATIVES, SHUFFLE, stream
from ffnp.training import guards
from ffnp.training.optimizers import Earlier
from ffnp.training.schedules import learning_rate, make_schedule
from ffnp.training.sources import Pixels, Source, make_source
from ffnp.training.views import Views

GUARD_EVERY = 100  # batches between two checks
NOTHING = Earlier()


@dataclass
class Position:
    """How far a training has come: batches done in this epoch, epochs in this phase, phases."""

    phase: int = 0
    epoch: int = 0
    batch: int = 0


class Trainer:
    """Trains a model on a split, batch by batch.

    Parameters
    ----------
    model : Model
        Its weights are updated in place.
    split : Split
        `InputError` if it does not fit the model, or is smaller than a batch.
    earlier : Earlier, optional
        What trainings of the model have left: this one goes on as if it were part of them. Two
        halves give the bits of a whole, where the learning rate is constant.

    Attributes
    ----------
    position : Position
    phases, epochs, batches : int
        Phases of the schedule, epochs of a phase, batches of an epoch.
    """

    def __init__(self, model: Model, split: Split, earlier: Earlier = NOTHING) -> None:
        config = model.config
        model.data.check(split)
        if config.batch_size > len(split):
            raise InputError(
                f"batch_size is {config.batch_size}, more than the {len(split)} training images"
            )
        self.model, self.split = model, split
        self.schedule = make_schedule(config, model.method)
        self.phases, self.epochs = self.schedule.phases, config.epochs
        self.batches = -(-len(split) // config.batch_size)
        self.position = Position()
        self._size, self._seed, self._room = config.batch_size, config.seed, 1e6 * config.cache_mb
        self._lr = partial(learning_rate, config.lr_schedule, config.lr)
        self._totals = self._zeros(self.position)
        self._earlier = earlier
        if earlier.steps:
            self._load_optimizers(earlier.steps, earlier.moments)
        self._images = model.backend.to_device(split.images)
        self._views = Views(model.data.shape, config.shift, config.flip) if config.moves else None
        table = self._views and model.backend.to_device(self._views.table)
        self._source: Source = Pixels(model.method, self._images, model.data.scaling, table)
        self._buffers: dict[int, Batch] = {}  # by size: the last of an epoch may be smaller

    @property
    def finished(self) -> bool:
        """Whether all phases are done."""
        return self.position.phase == self.phases

    @property
    def epochs_done(self) -> int:
        """Whole epochs, over all phases."""
        position = self.position
        whole = position.batch == self.batches
        return position.phase * self.epochs + position.epoch + whole

    def run(self) -> Iterator[Position]:
        """Train to the end from where it stands, yielding after each batch.

        `position` names the batch last done (its `batch` counts from 1 when yielded); after the
        last batch of an epoch, `losses` are that epoch's. Whatever is saved
        between two batches and loaded again continues to the same bits.

        Raises
        ------
        TrainingError
            Loss or weights are no longer finite, or no gradient is left while errors are.
        StorageError
            Images are mapped from a file that has been cut short.
        """
        position, phase = self.position, None
        while not self.finished:
            check_whole(self.split.name, self.split.images)
            if phase != position.phase:
                phase = position.phase
                frozen = self.schedule.frozen(phase)
                if not self._source.advance(frozen):
                    del self._source  # before the next one takes its memory
                    self._source = make_source(
                        self.model.method, self._images, self.model.data.scaling,
                        frozen, self.epochs, self._room,
                    )  # fmt: skip
            drawn = self._draw()
            while position.batch < self.batches:
                check_whole(self.split.name, self.split.images)
                self._step(*drawn)
                position.batch += 1
                if position.batch % GUARD_EVERY == 0 or position.batch == self.batches:
                    self.check()
                yield position
            self._next_epoch()

    @property
    def where(self) -> str:
        """Where the training stands, in words."""
        position = self.position
        layer = f"layer {position.phase + 1}, " if self.phases > 1 else ""
        return f"{layer}epoch {position.epoch + 1}, batch {position.batch}"

    @property
    def totals_on_host(self) -> bool:
        """Whether `losses` costs nothing: on a GPU it would wait for the device."""
        return isinstance(self._totals, np.ndarray)

    def losses(self) -> tuple[list[float], float]:
        """Mean loss of each objective, and pair error in %, of this epoch's batches so far."""
        seen = min(self.position.batch * self._size, len(self.split))
        totals = self.model.backend.to_host(self._totals) / max(seen, 1)
        return totals[:-1].tolist(), 100 * float(totals[-1])

    def check(self) -> None:
        """Raise `TrainingError` if loss or weights are not finite, or the network has died."""
        phase, parameters = self.position.phase, self.model.method.parameters
        goodness = self._buffers[self._rows_done()].goodness
        if self.phases > 1:  # layers above are yet to be trained
            goodness = goodness[: phase + 1]
        spans = [optimizer.span for optimizer in self.schedule.active(phase)]
        gradient = parameters.flat_gradient[spans[0].start : spans[-1].stop]
        signs = self.model.backend.examine(self._totals, parameters.flat, gradient, goodness)
        rows = goodness.shape[2]
        if not guards.all_well(signs, rows):  # else nothing is read back from a GPU
            losses, error = self.losses()
            guards.check_finite(losses, self.model.weights(), self.where)
            guards.check_alive(signs, rows, error, self.where)

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Copies of all arrays, by name, and plain values: `load_state` continues from them."""

        def to_host(array: Array) -> Any:
            return np.array(self.model.backend.to_host(array))  # on the CPU it would go on changing

        tensors = {name: np.array(tensor) for name, tensor in self.model.weights().items()}
        tensors["totals"] = to_host(self._totals)
        tensors |= {name: to_host(array) for name, array in self._moments().items()}
        return tensors, {"position": asdict(self.position), "steps": self._steps_made()}

    def left(self) -> Earlier:
        """What this training, now at the end of an epoch, leaves to one that goes on from it."""
        moments = {
            name: np.array(self.model.backend.to_host(array))
            for name, array in self._moments().items()
        }
        before, done = self._earlier, self.epochs_done
        batches = before.batches + done * self.batches
        return Earlier(before.epochs + done, batches, tuple(self._steps_made()), moments)

    def _moments(self) -> dict[str, Array]:
        """What the optimisers remember, by name, on the device."""
        optimizers = enumerate(self.schedule.optimizers)
        states = ((f"optimizer{i}.{name}", a) for i, o in optimizers for name, a in o.state.items())
        return dict(states)

    def _steps_made(self) -> list[int]:
        return [optimizer.steps for optimizer in self.schedule.optimizers]

    def _load_optimizers(self, steps: Sequence[int], moments: Mapping[str, Any]) -> None:
        for optimizer, made in zip(self.schedule.optimizers, steps, strict=True):
            optimizer.steps = made
        for name, array in self._moments().items():
            array[...] = self.model.backend.to_device(moments[name])

    def load_state(self, tensors: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Go back to where `state` was taken; `InputError` if no training of this model was there.

        Until then nothing is changed.
        """
        position = self._position(values.get("position"))
        steps = self._steps(position)
        if values.get("steps") != steps or not all(type(n) is int for n in values["steps"]):
            raise InputError(f"steps {brief(values.get('steps'))} are not {steps}")
        own = dict(self.model.method.parameters.weights, totals=self._zeros(position))
        own |= self._moments()
        for name, array in own.items():
            saved = tensors.get(name)
            if saved is None or (saved.shape, saved.dtype) != (array.shape, array.dtype):
                wanted = f"'{name}' of {array.dtype} {array.shape}"
                raise InputError(f"no fitting tensor {wanted} in the saved state")
        backend = self.model.backend
        self.position = position
        self.model.method.parameters.load(tensors)
        self._totals = backend.to_device(np.array(tensors["totals"]))
        self._load_optimizers(steps, tensors)

    def _position(self, values: Any) -> Position:
        """A saved position; `InputError` if the training does not come by it."""
        names = asdict(self.position)
        if not isinstance(values, dict) or values.keys() != names.keys():
            raise InputError(f"the position {brief(values)} does not have {', '.join(names)}")
        most = Position(self.phases, self.epochs - 1, self.batches)
        if values["phase"] == self.phases:
            most = Position(self.phases, 0, 0)
        for name, count in values.items():
            if type(count) is not int or not 0 <= count <= getattr(most, name):
                raise InputError(f"{name} {brief(count)} is not in 0..{getattr(most, name)}")
        return Position(**values)

    def _steps(self, position: Position) -> list[int]:
        """How many updates each optimiser has made when training stands at a position."""
        before = self._earlier.steps or [0] * len(self.schedule.optimizers)
        steps = dict(zip(self.schedule.optimizers, before, strict=True))
        for phase in range(min(position.phase + 1, self.phases)):
            done = self.epochs * self.batches
            if phase == position.phase:
                done = position.epoch * self.batches + position.batch
            for optimizer in self.schedule.active(phase):
                steps[optimizer] += done
        return list(steps.values())

    @property
    def _epoch(self) -> int:
        """The number of this epoch, over all phases."""
        return self.position.phase * self.epochs + self.position.epoch

    @property
    def _number(self) -> int:
        """The number of this epoch, over all trainings, by which it draws."""
        return self._earlier.epochs + self._epoch

    def _rows_done(self) -> int:
        """How many images the last batch had."""
        return min(self._size, len(self.split) - (self.position.batch - 1) * self._size)

    def _step(self, index: Array, labels: Array, sample_weight: Array | None) -> None:
        model, position = self.model, self.position
        start = position.batch * self._size
        rows = index[start : start + self._size]
        weight = None if sample_weight is None else sample_weight[start : start + len(rows)]
        if len(rows) not in self._buffers:
            self._buffers[len(rows)] = model.method.training_batch(len(rows))
        batch = self._buffers[len(rows)]
        step = self._earlier.batches + self._epoch * self.batches + position.batch
        batch.take(labels[start : start + len(rows)], rows, step, weight)
        lr = self._lr((position.epoch + position.batch / self.batches) / self.epochs)
        with np.errstate(over="ignore", invalid="ignore"):  # `check` reports what comes of it
            self.schedule.step(batch, self._source, self._totals, position.phase, lr)

    def _draw(self) -> tuple[Array, Array, Array | None]:
        """This epoch's shuffled source indices, label rows and weights, alike on all backends."""
        model, seed = self.model, self._seed
        order = stream(seed, SHUFFLE, self._number).permutation(len(self.split))
        labels = candidate_labels(
            self.split.labels[order],
            model.data.classes,
            model.method.rows,
            stream(seed, NEGATIVES, self._number),
        )
        index = self._source.index(order, labels)
        if self._views:
            index = self._views.index(index, seed, self._number)
        weight = self.split.sample_weight
        if weight is not None:
            dtype = model.method.parameters.flat.dtype
            weight = model.backend.to_device(weight[order].astype(dtype))
        return model.backend.to_device(index), model.backend.to_device(labels), weight

    def _next_epoch(self) -> None:
        position = self.position
        position.batch = 0
        position.epoch += 1
        if position.epoch == self.epochs:
            position.epoch = 0
            position.phase += 1
        self._totals = self._zeros(self.position)

    def _zeros(self, position: Position) -> Array:
        """Totals of an epoch that begins."""
        phase = min(position.phase, self.phases - 1)
        return self.model.backend.to_device(np.zeros(self.schedule.losses(phase) + 1))
