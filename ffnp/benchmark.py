"""How close a training step and prediction come to their matrix products alone."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ffnp.activations import ACTIVATIONS
from ffnp.backends.activity import Array
from ffnp.backends.base import Backend
from ffnp.backends.selection import make_backend
from ffnp.collaboration import LayerObjective
from ffnp.data.scaling import Scaling
from ffnp.labels import candidate_labels
from ffnp.methods import ForwardForward
from ffnp.network import Network
from ffnp.objectives import SigmoidGoodness
from ffnp.optimizers import Adam

WARM_UP = 2  # calls of a turn that are not counted
TURN = 10  # calls of a function before the next has its turn
PAUSE = 0.05  # seconds; OpenBLAS's threads spin for 2^26 cycles
LOSS_TOLERANCE = 1e-4  # relative, of the loss after a few steps from the same weights


@dataclass(frozen=True)
class Shapes:
    """The sizes of one training step.

    Attributes
    ----------
    pixels, classes, rows, batch : int
        D, K, R and N.
    hidden : tuple of int
        H_1..H_L.
    """

    pixels: int = 784
    classes: int = 10
    rows: int = 2
    batch: int = 200
    hidden: tuple[int, ...] = (500, 500, 500)

    @property
    def flop(self) -> int:
        """Floating-point operations of a training step's matrix products."""
        return 2 * self._forward(self.rows)

    @property
    def sweep_flop(self) -> int:
        """Floating-point operations of predicting a batch: all labels, forward only."""
        return self._forward(self.classes)

    def _forward(self, rows: int) -> int:
        first = 2 * self.batch * self.pixels * self.hidden[0]
        pairs = zip(self.hidden[:-1], self.hidden[1:], strict=True)
        return first + sum(2 * self.batch * rows * i * o for i, o in pairs)


class Step:
    """One training step on random images, repeated by calling it.

    Parameters
    ----------
    backend : Backend
    shapes : Shapes
    dtype : numpy.dtype
    """

    def __init__(self, backend: Backend, shapes: Shapes, dtype: np.dtype[Any]) -> None:
        random = np.random.default_rng(0)
        network = Network(
            backend, shapes.pixels, shapes.classes, shapes.hidden, ACTIVATIONS["relu"], 3.0, dtype
        )
        network.parameters.initialise(random)
        objective = LayerObjective(SigmoidGoodness(20.0), "others")
        self.method = ForwardForward(network, objective, shapes.rows)
        self.optimizer = Adam(network.parameters, slice(None))
        count = 10 * shapes.batch
        images = random.integers(0, 256, (count, shapes.pixels), dtype=np.uint8)
        order = random.permutation(count)
        true = random.integers(0, shapes.classes, count)
        labels = candidate_labels(true, shapes.classes, shapes.rows, random)
        self.images, self.order, self.labels = map(backend.to_device, (images, order, labels))
        self.scaling = Scaling(127.5, 73.9, 10.0)
        self.batch = self.method.training_batch(shapes.batch)
        self.totals = backend.to_device(np.zeros(self.method.depth + 1))
        self.start = 0

    def __call__(self) -> None:
        """Train on the next batch, as `Trainer.epoch` does."""
        size, method = len(self.batch.x), self.method
        rows = self.order[self.start : self.start + size]
        self.batch.labels = self.labels[self.start : self.start + size]
        self.start = (self.start + size) % len(self.order)
        method.parameters.backend.standardise(self.images, rows, self.scaling, out=self.batch.x)
        method.forward(self.batch)
        method.evaluate(self.batch, self.totals)
        method.gradient(self.batch, range(method.depth))
        self.optimizer.step(1e-3)


class Sweep:
    """Prediction of one batch by all its labels, repeated by calling it.

    Parameters
    ----------
    step : Step
        Whose network and images are used.
    """

    def __init__(self, step: Step) -> None:
        self._step = step
        self._size = len(step.batch.x)
        self._batch = step.method.scoring_batch(self._size)

    def __call__(self) -> None:
        """Score every label of the first images, as `ffnp.evaluation.sweep` does."""
        step = self._step
        step.method.parameters.backend.standardise(
            step.images, slice(0, self._size), step.scaling, out=self._batch.x
        )
        step.method.forward(self._batch)


def products(backend: Backend, shapes: Shapes, dtype: np.dtype[Any]) -> Callable[[], None]:
    """The matrix products of a step alone, on arrays of their own: the floor."""
    random = np.random.default_rng(0)
    matmul = backend.matmul

    def draw(*shape: int) -> Array:
        return backend.to_device((random.random(shape) / shape[0]).astype(dtype))

    rows = shapes.batch * shapes.rows
    x, product = draw(shapes.batch, shapes.pixels), draw(shapes.batch, shapes.hidden[0])
    values = [draw(rows, width) for width in shapes.hidden]
    first = draw(shapes.pixels, shapes.hidden[0])
    later = [draw(i, o) for i, o in zip(shapes.hidden[:-1], shapes.hidden[1:], strict=True)]
    d_first, d_later = draw(*first.shape), [draw(*weights.shape) for weights in later]

    def floor() -> None:
        matmul(x, first, out=product)
        for i, weights in enumerate(later):
            matmul(values[i], weights, out=values[i + 1])
        for i in reversed(range(len(later))):
            matmul(values[i].T, values[i + 1], out=d_later[i])
        matmul(x.T, product, out=d_first)

    return floor


def sweep_products(backend: Backend, shapes: Shapes, dtype: np.dtype[Any]) -> Callable[[], None]:
    """The matrix products of predicting a batch alone."""
    rows = shapes.batch * shapes.classes
    x = backend.to_device(np.ones((shapes.batch, shapes.pixels), dtype))
    first = backend.to_device(np.ones((shapes.pixels, shapes.hidden[0]), dtype))
    product = backend.empty((shapes.batch, shapes.hidden[0]), dtype)
    values = [backend.to_device(np.ones((rows, width), dtype)) for width in shapes.hidden]
    pairs = zip(shapes.hidden[:-1], shapes.hidden[1:], strict=True)
    later = [backend.to_device(np.full(pair, 1 / pair[0], dtype)) for pair in pairs]

    def floor() -> None:
        backend.matmul(x, first, out=product)
        for i, weights in enumerate(later):
            backend.matmul(values[i], weights, out=values[i + 1])

    return floor


def validate(backend: Backend, shapes: Shapes, dtype: np.dtype[Any], steps: int = 3) -> None:
    """Raise AssertionError if a few steps' losses are not the reference backend's."""
    expected, got = (Step(each, shapes, dtype) for each in (Backend(), backend))
    for _ in range(steps):
        expected()
        got()
    totals = backend.to_host(got.totals)
    np.testing.assert_allclose(totals[:-1], expected.totals[:-1], rtol=LOSS_TOLERANCE)


def interleaved(functions: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median seconds of each function; a few calls in turn, so that a machine's drift cancels.

    Before its turn there is a pause, until BLAS's threads, which spin for a while when they have
    nothing to do, no longer take a core from the next.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(-(-rounds // TURN)):
        for name, function in functions.items():
            time.sleep(PAUSE)
            for call in range(-WARM_UP, TURN):
                start = time.perf_counter()
                function()
                if call >= 0:
                    times[name].append(time.perf_counter() - start)
    return {name: float(np.median(seconds)) for name, seconds in times.items()}


def compare(
    names: Sequence[str], shapes: Shapes, dtype: np.dtype[Any], rounds: int
) -> dict[str, Any]:
    """Time a step of each CPU backend against its matrix products alone, after validating it.

    Returns
    -------
    dict
        `floor_seconds`, `gflops` (of the floor) and, by backend, `seconds`, `floor_ratio`
        (floor time / step time: 1 is the limit) and `gflops`.
    """
    functions: dict[str, Callable[[], None]] = {"floor": products(Backend(), shapes, dtype)}
    for name in names:
        validate(make_backend(name), shapes, dtype)
        functions[name] = Step(make_backend(name), shapes, dtype)
    seconds = interleaved(functions, rounds)
    floor = seconds["floor"]
    return {
        "floor_seconds": floor,
        "gflops": shapes.flop / floor / 1e9,
        "backends": {
            name: {
                "seconds": seconds[name],
                "floor_ratio": floor / seconds[name],
                "gflops": shapes.flop / seconds[name] / 1e9,
            }
            for name in names
        },
    }


def bench(backend: Backend, shapes: Shapes, dtype: np.dtype[Any], rounds: int) -> dict[str, Any]:
    """Validate a backend, then time its training step and prediction against their floors.

    On a GPU the device's own time is taken, by `cupyx.profiler.benchmark`; on the CPU the four
    functions are called in turn.

    Returns
    -------
    dict
        For `step` and `prediction` of one batch: `seconds`, `floor_seconds`, `floor_ratio` and
        `gflops`.
    """
    validate(backend, shapes, dtype)
    step = Step(backend, shapes, dtype)
    functions: dict[str, Callable[[], None]] = {
        "step": step,
        "step_floor": products(backend, shapes, dtype),
        "prediction": Sweep(step),
        "prediction_floor": sweep_products(backend, shapes, dtype),
    }
    if backend.name == "cupy":
        seconds = {name: on_device(function, rounds) for name, function in functions.items()}
    else:
        seconds = interleaved(functions, rounds)
    return {
        name: {
            "seconds": seconds[name],
            "floor_seconds": seconds[f"{name}_floor"],
            "floor_ratio": seconds[f"{name}_floor"] / seconds[name],
            "gflops": flop / seconds[name] / 1e9,
        }
        for name, flop in (("step", shapes.flop), ("prediction", shapes.sweep_flop))
    }


def on_device(function: Callable[[], None], rounds: int) -> float:
    """Median seconds of a function on the GPU (not yet run on one)."""
    from cupyx.profiler import benchmark

    times = benchmark(function, n_repeat=rounds, n_warmup=WARM_UP)
    return float(np.median(times.gpu_times))


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "variables": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(("OPENBLAS_", "OMP_", "MKL_", "NUMBA_"))
        },
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor()
