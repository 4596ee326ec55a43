"""Training schedules: which layers a batch updates, and in what order."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from ffnp.backends.activity import Array
from ffnp.network import Method
from ffnp.network.network import Batch
from ffnp.network.sharing import Filled, Source, learn
from ffnp.training.optimizers import Optimizer

MakeOptimizer = Callable[[slice], Optimizer]  # over a span of the flat parameters


class Schedule(Protocol):
    """How a batch updates the layers.

    Attributes
    ----------
    phases : int
        Training repeats its epochs so many times.
    optimizers : sequence of Optimizer
        All of them, in a fixed order; their state is saved with a run.
    """

    phases: int
    optimizers: Sequence[Optimizer]

    def losses(self, phase: int) -> int:
        """How many loss values a phase reports."""
        ...

    def active(self, phase: int) -> Sequence[Optimizer]:
        """The optimisers that step in a phase."""
        ...

    def frozen(self, phase: int) -> int:
        """How many layers, from the first, no longer change in a phase."""
        ...

    def step(self, batch: Batch, source: Source, totals: Array, phase: int, lr: float) -> None:
        """Update the layers from the images that a batch has taken, filled by a source.

        For `totals` see `Backend.evaluate`.
        """
        ...


class Simultaneous:
    """One forward pass, then every layer from what it held (the paper's algorithm 2)."""

    phases = 1

    def __init__(self, method: Method, make_optimizer: MakeOptimizer) -> None:
        self._method = method
        self.optimizers: Sequence[Optimizer] = [make_optimizer(slice(None))]

    def losses(self, phase: int) -> int:
        """One for each of the method's objectives."""
        return self._method.losses

    def active(self, phase: int) -> Sequence[Optimizer]:
        """The one optimiser of all parameters."""
        return self.optimizers

    def frozen(self, phase: int) -> int:
        """None: every batch trains every layer."""
        return 0

    def step(self, batch: Batch, source: Source, totals: Array, phase: int, lr: float) -> None:
        """Forward, all gradients, one update of all parameters."""
        products = learn(self._method, batch, source, totals, range(self._method.depth))
        self.optimizers[0].step(lr, products)


class Sequential:
    """Update a layer, recompute, then the next: the literal loop of the paper's algorithm 2."""

    phases = 1

    def __init__(self, method: Method, make_optimizer: MakeOptimizer) -> None:
        self._method = method
        self.optimizers: Sequence[Optimizer] = _one_each(method, make_optimizer)
        self._ignored = method.parameters.backend.to_device(np.zeros(method.losses + 1))

    def losses(self, phase: int) -> int:
        """One for each of the method's objectives."""
        return self._method.losses

    def active(self, phase: int) -> Sequence[Optimizer]:
        """All the layers' optimisers."""
        return self.optimizers

    def frozen(self, phase: int) -> int:
        """None: every batch trains every layer."""
        return 0

    def step(self, batch: Batch, source: Source, totals: Array, phase: int, lr: float) -> None:
        """Forward, then layer by layer: gradient, update, forward from there."""
        method = self._method
        self.optimizers[0].step(lr, learn(method, batch, source, totals, [0]))
        for layer in range(1, method.depth):  # the batch is counted once
            products = learn(method, batch, Filled(layer - 1), self._ignored, [layer])
            self.optimizers[layer].step(lr, products)


class LayerByLayer:
    """Train layer 1, freeze it, train layer 2 on what it gives, and so on: a phase a layer."""

    def __init__(self, method: Method, make_optimizer: MakeOptimizer) -> None:
        self._method = method
        self.phases = method.depth
        self.optimizers: Sequence[Optimizer] = _one_each(method, make_optimizer)

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


def _one_each(method: Method, make_optimizer: MakeOptimizer) -> list[Optimizer]:
    layers = range(1, method.depth + 1)
    return [make_optimizer(method.parameters.span(f"layer{i}.")) for i in layers]
