"""Training on more rows than memory should hold: five million mapped images against 60,000 loaded.

Writes a folder of .npy files (3.9 GB with the default size) in --folder, trains some hundred
steps on it and on the same images in memory, in turn, and prints what mapping costs:

    python benchmarks/out_of_core.py --folder ROWS
"""

import argparse
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from ffnp import Config, load
from ffnp.backends.selection import make_backend
from ffnp.model import DataDescription, Model
from ffnp.training.trainer import Trainer

PART = 50_000
STEPS = 100  # a turn
TURNS = 7


def write(folder: Path, rows: int) -> None:
    """MNIST again and again, each image rolled by its number so that no two need be equal."""
    folder.mkdir(parents=True, exist_ok=True)
    mnist = load("mnist")
    for name, split, count in (("train", mnist.train, rows), ("test", mnist.test, 10_000)):
        images = open_memmap(folder / f"x_{name}.npy", "w+", np.uint8, (count, 784))
        labels = open_memmap(folder / f"y_{name}.npy", "w+", np.uint8, (count,))
        for start in range(0, count, PART):
            which = np.arange(start, min(start + PART, count)) % len(split)
            images[start : start + PART] = np.roll(split.images[which], start // PART, axis=1)
            labels[start : start + PART] = split.labels[which]


class Peak(threading.Thread):
    """Watches for the most memory of this process that is not pages of mapped files, in MB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0.0

    def run(self) -> None:
        """Look a hundred times a second."""
        while True:
            lines = Path("/proc/self/status").read_text().splitlines()  # Linux only
            pages = next(line for line in lines if line.startswith("RssAnon"))
            self.most = max(self.most, int(pages.split()[1]) / 1024)
            time.sleep(0.01)


def turns(trainer: Trainer) -> Iterator[float]:
    """Seconds a step, of each turn of STEPS steps."""
    steps = iter(trainer.run())
    while True:
        start = time.perf_counter()
        for _ in range(STEPS):
            next(steps)
        yield (time.perf_counter() - start) / STEPS


def make_trainer(dataset_name: str, backend: str) -> Trainer:
    """A trainer of the default network on a data set."""
    config = Config(dataset=dataset_name, backend=backend, epochs=150)
    dataset = load(dataset_name)
    model = Model.create(config, DataDescription.of(dataset, config), make_backend(backend))
    return Trainer(model, dataset.train)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for 3.9 GB of data; kept")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not (options.folder / "y_test.npy").exists():
        write(options.folder, options.rows)
    peak = Peak()
    peak.start()
    start = time.perf_counter()
    mapped = make_trainer(str(options.folder), options.backend)
    fitted = time.perf_counter() - start
    one = turns(mapped)
    next(one)  # draws the epoch's order and labels
    memory = peak.most  # before other data are in memory
    other = turns(make_trainer("mnist", options.backend))
    next(other)
    ours, theirs = np.median([(next(one), next(other)) for _ in range(TURNS)], axis=0)
    found = {
        "rows": options.rows,
        "backend": options.backend,
        "fit_scaling_seconds": fitted,
        "mapped_ms_per_step": 1000 * ours,
        "loaded_ms_per_step": 1000 * theirs,
        "ratio": ours / theirs,
        "memory_mb": memory,
    }
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:20} {value:.3f}" if isinstance(value, float) else f"{name:20} {value}")


if __name__ == "__main__":
    main()
