"""Seconds an epoch and peak memory of a whole training, beside its matrix products alone.

    python benchmarks/epoch.py --epochs 3
"""

import argparse
import json
import resource
import time

from ffnp import Config, train
from ffnp.backends import Backend
from ffnp.benchmark import Shapes, interleaved, machine, products

BATCH, ROWS, STEPS = 200, 2, 300


def main() -> None:
    """Measure the floor before and after training, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    config = Config(epochs=options.epochs, backend=options.backend)
    start = time.perf_counter()
    result = train(config)
    wall = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    floor = products(Backend(), Shapes(), result.model.weights()["layer1.bias"].dtype)
    step = interleaved({"floor": floor}, 400)["floor"]
    epoch = result.seconds / options.epochs
    found = {
        "machine": machine(),
        "backend": result.model.backend.name,
        "seconds_per_epoch": epoch,
        "floor_seconds_per_epoch": STEPS * step,
        "floor_ratio": STEPS * step / epoch,
        "seconds_with_loading_and_testing": wall,
        "peak_memory_mb": peak,
        "test_error": result.test.all,
    }
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:34} {value:.3f}" if isinstance(value, float) else f"{name:34} {value}")


if __name__ == "__main__":
    main()
