"""Times, of functions called in turn in one process."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ffnp.backends.reference import Backend
from ffnp.backends.selection import make_backend
from ffnp.bench.validation import validate, validate_prediction
from ffnp.bench.work import Shapes, memory, prediction_products, products
from ffnp.scoring.sweep import BLOCK

WARM_UP = 2  # calls of a turn that are not counted, and those of SETTLING
SETTLING = 0.1  # seconds from a turn's start
TURN = 10  # calls of a function before the next has its turn
PAUSE = 0.05  # seconds; OpenBLAS's threads spin for 2^26 cycles
POSSIBLE = 1.05  # a floor ratio: nothing is faster than its own products, but for noise
BUSY = 0.3  # a spread from which on other work shares the cores: a floor suffers more by it

Work = Callable[[], object]
Figures = dict[str, dict[str, float]]


def interleaved(functions: Mapping[str, Work], rounds: int) -> dict[str, float]:
    """Median seconds of each function, by `in_turn`."""
    return {name: float(np.median(times)) for name, times in in_turn(functions, rounds).items()}


def spread(times: Sequence[float]) -> float:
    """How far the middle half of the times lies apart, as a share of their median."""
    low, middle, high = np.quantile(times, (0.25, 0.5, 0.75))
    return float((high - low) / middle)


def in_turn(functions: Mapping[str, Work], rounds: int) -> dict[str, list[float]]:
    """Seconds of the calls of each function; a few in turn, so that a machine's drift cancels.

    Before its turn there is a pause, until BLAS's threads, which spin for a while when they have
    nothing to do, no longer take a core from the next. Calls are counted when they have settled:
    Linux wakes other threads than last time on one core first, and takes some 50 ms to part them.
    """
    times = {name: list[float]() for name in functions}
    turn = min(TURN, rounds)
    for _ in range(-(-rounds // turn)):
        for name, function in functions.items():
            time.sleep(PAUSE)
            settled = time.perf_counter() + SETTLING
            for _ in range(WARM_UP):
                function()
            while time.perf_counter() < settled:
                function()
            for _ in range(turn):
                start = time.perf_counter()
                function()
                times[name].append(time.perf_counter() - start)
    return times


def on_device(functions: Mapping[str, Work], rounds: int) -> dict[str, list[float]]:
    """Seconds of the calls of each function on the GPU (not yet run on one)."""
    from cupyx.profiler import benchmark

    found = {}
    for name, function in functions.items():  # named: a callable object has no __name__
        times = benchmark(function, name=name, n_repeat=rounds, n_warmup=WARM_UP)
        found[name] = times.gpu_times.ravel().tolist()
    return found


def against_floor(
    flop: float, floor: Work, works: Mapping[str, Work], rounds: int, timer: Any = in_turn
) -> Figures:
    """Time functions, and the floor in the same turns.

    For `floor` and by the functions' names: `seconds`, `floor_seconds`, `floor_ratio` (floor
    time / time: 1 is nothing but products), `gflops`, and `spread`, the greater one of the
    function's and the floor's: from BUSY on the ratio says little.
    """
    times = timer({"floor": floor, **works}, rounds)
    seconds = {name: float(np.median(each)) for name, each in times.items()}
    return {
        name: {
            "seconds": each,
            "floor_seconds": seconds["floor"],
            "floor_ratio": seconds["floor"] / each,
            "gflops": flop / each / 1e9,
            "spread": max(spread(times[name]), spread(times["floor"])),
        }
        for name, each in seconds.items()
    }


def is_busy(figures: Mapping[str, float]) -> bool:
    """Whether other work shared the cores while this was measured, so that a ratio is wrong.

    Either times spread, or BLAS's own threads, which wait for each other, made the floor slow.
    """
    return figures["spread"] > BUSY or figures["floor_ratio"] > POSSIBLE


def compare_steps(
    names: Sequence[str], shapes: Shapes, dtype: np.dtype[Any], rounds: int
) -> Figures:
    """Validate a step of each CPU backend, then time it: see `against_floor`.

    Beside that there is `limit_ratio`: the floor's time with that of what Adam must move in
    memory, / the step's time.
    """
    works: dict[str, Work] = {n: validate(make_backend(n), shapes, dtype) for n in names}
    works["memory"] = memory(shapes, dtype)
    found = against_floor(shapes.flop, products(Backend(), shapes, dtype), works, rounds)
    moving = found.pop("memory")["seconds"]
    for figures in found.values():
        figures["limit_ratio"] = (figures["floor_seconds"] + moving) / figures["seconds"]
    return found


def compare_predictions(
    names: Sequence[str], shapes: Shapes, dtype: np.dtype[Any], rounds: int, images: int = BLOCK
) -> Figures:
    """Validate the prediction of each CPU backend, then time it: see `against_floor`."""
    works = {n: validate_prediction(make_backend(n), shapes, dtype, images) for n in names}
    floor = prediction_products(Backend(), shapes, dtype, images)
    return against_floor(shapes.forward_flop(images, shapes.classes), floor, works, rounds)


def bench(backend: Backend, shapes: Shapes, dtype: np.dtype[Any], rounds: int) -> Figures:
    """Validate a backend, then time its training step and its prediction of 200 images.

    For `step` and `prediction`: what `against_floor` gives; on a GPU, of the device's own time.
    """
    step = validate(backend, shapes, dtype)
    prediction = validate_prediction(backend, shapes, dtype)
    on_gpu = backend.name == "cupy"
    alone = backend if on_gpu else Backend()  # BLAS with its own threads
    timer = on_device if on_gpu else in_turn

    flop = shapes.forward_flop(BLOCK, shapes.classes)
    works: dict[str, tuple[float, Work, Work]] = {
        "step": (shapes.flop, products(alone, shapes, dtype), step),
        "prediction": (flop, prediction_products(alone, shapes, dtype), prediction),
    }
    return {
        name: against_floor(flop, floor, {name: work}, rounds, timer)[name]
        for name, (flop, floor, work) in works.items()
    }
