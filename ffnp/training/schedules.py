"""Training schedules: which layers a batch updates, and in what order."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from ffnp.backends.activity import Array
from ffnp.config import Config
from ffnp.network import Batch, Method
from ffnp.network.sharing import Filled, Source, learn
from ffnp.training.optimizers import SGD, Adam, Optimizer

MakeOptimizer = Callable[[slice], Optimizer]  # over a span of the flat parameters


class Schedule:
    """How a batch updates the layers.

    Attributes
    ----------
    phases : int
        How many times training goes through all its epochs.
    optimizers : sequence of Optimizer
        All of them, in a fixed order; their state is saved with a run.
    """

    phases = 1

    def __init__(self, method: Method, make_optimizer: MakeOptimizer) -> None:
        self._method = method
        layers = range(1, method.depth + 1)
        self.optimizers = [make_optimizer(method.parameters.span(f"layer{i}.")) for i in layers]

    def losses(self, phase: int) -> int:
        """How many loss values a phase reports."""
        return self._method.losses

    def active(self, phase: int) -> Sequence[Optimizer]:
        """The optimisers that step in a phase."""
        return self.optimizers

    def frozen(self, phase: int) -> int:
        """How many layers, from the first, no longer change in a phase."""
        return 0

    def step(self, batch: Batch, source: Source, totals: Array, phase: int, lr: float) -> None:
        """Update the layers from the images that a batch has taken, filled by a source.

        For `totals` see `Backend.evaluate`.
        """
        raise NotImplementedError


class Simultaneous(Schedule):
    """One forward pass, and all layers are updated from it (the paper's algorithm 2)."""

    def __init__(self, method: Method, make_optimizer: MakeOptimizer) -> None:
        self._method = method
        self.optimizers = [make_optimizer(slice(None))]

    def step(self, batch: Batch, source: Source, totals: Array, phase: int, lr: float) -> None:
        """Forward, all gradients, one update of all parameters."""
        products = learn(self._method, batch, source, totals, range(self._method.depth))
        self.optimizers[0].step(lr, products)


class Sequential(Schedule):
    """Update a layer, recompute, then the next: the literal loop of the paper's algorithm 2."""

    def __init__(self, method: Method, make_optimizer: MakeOptimizer) -> None:
        super().__init__(method, make_optimizer)
        self._ignored = method.backend.to_device(np.zeros(method.losses + 1))

    def step(self, batch: Batch, source: Source, totals: Array, phase: int, lr: float) -> None:
        """Forward, then layer by layer: gradient, update, forward from there."""
        for layer, optimizer in enumerate(self.optimizers):
            optimizer.step(lr, learn(self._method, batch, source, totals, [layer]))
            source, totals = Filled(layer), self._ignored  # totals count the batch once


class LayerByLayer(Schedule):
    """Train layer 1, freeze it, train layer 2 on its output, and so on: a phase a layer."""

    def __init__(self, method: Method, make_optimizer: MakeOptimizer) -> None:
        super().__init__(method, make_optimizer)
        self.phases = method.depth

    def losses(self, phase: int) -> int:
        """The layers up to the one in training."""
        return phase + 1

    def active(self, phase: int) -> Sequence[Optimizer]:
        """The optimiser of the layer in training."""
        return self.optimizers[phase : phase + 1]

    def frozen(self, phase: int) -> int:
        """The layers below the one in training."""
        return phase

    def step(self, batch: Batch, source: Source, totals: Array, phase: int, lr: float) -> None:
        """Forward up to the layer in training, and update that one."""
        products = learn(self._method, batch, source, totals, [phase], stop=phase + 1)
        self.optimizers[phase].step(lr, products)


def learning_rate(schedule: str, lr: float, fraction: float) -> float:
    """The learning rate when `fraction` (0..1) of the phase's batches are done."""
    if schedule == "cosine":
        return lr * (1 + math.cos(math.pi * fraction)) / 2
    return lr if schedule == "constant" else lr * min(1.0, 2 * (1 - fraction))


def make_schedule(config: Config, method: Method) -> Schedule:
    """The schedule of a configuration, with its optimisers."""

    def make_optimizer(span: slice) -> Optimizer:
        if config.optimizer == "sgd":
            return SGD(method.parameters, span, config.weight_decay, config.momentum)
        return Adam(method.parameters, span, config.weight_decay)

    if config.schedule == "layer":
        return LayerByLayer(method, make_optimizer)
    if config.update == "sequential":
        return Sequential(method, make_optimizer)
    return Simultaneous(method, make_optimizer)
