"""What the device does in a training step: `python tests/cuda/launch_table.py` prints it."""

import sys
from pathlib import Path

import numpy as np
import strict_cupy

sys.path.append(str(Path(__file__).parents[1]))  # as pytest has it
from small_training import make_trainer, small_dataset

from ffnp import Config
from ffnp.bench import Shapes, Step
from ffnp.objectives import OBJECTIVES
from ffnp.recipes import recipe, recipe_names

METHODS = ("ff", "backprop-label", "backprop-pairwise", "local-heads")
TRAININGS = {
    **{f"objective {name}": {"objective": name} for name in OBJECTIVES},
    **{f"method {name}": {"method": name} for name in METHODS},
    "joined every": {"joined": "every"},
    "hardest negatives": {"labels": 4, "negatives": "hardest"},
    "gamma scaled": {"gamma_scale": 0.5},
    "pixel dropout": {"pixel_dropout": 0.2},
    "unit dropout": {"unit_dropout": 0.5},
    "weight decay, cosine": {"weight_decay": 0.1, "lr_schedule": "cosine"},
    **{f"recipe {name}": recipe(name) for name in recipe_names()},
}


def operations_of_a_step(backend):
    """The operations of the second step of the paper's network on MNIST, batch 200."""
    step = Step(backend, Shapes(), np.dtype(np.float32))
    step()
    strict_cupy.DEVICE.operations.clear()
    with strict_cupy.steady_state():
        step()
    return list(strict_cupy.DEVICE.operations)


def operations_of_trainings(backend):
    """By configuration, the operations of a step of `Trainer`; none may allocate, copy or wait."""
    small = {"hidden": (8, 8, 8), "batch_size": 10, "epochs": 1}
    found = {}
    for name, changes in TRAININGS.items():
        config, dataset = Config(**changes | small), small_dataset(train=50, classes=5)
        trainer = make_trainer(config, dataset, backend)
        running = trainer.run()
        next(running)
        strict_cupy.DEVICE.operations.clear()
        with strict_cupy.steady_state():
            next(running)
        found[name] = [operation.name for operation in strict_cupy.DEVICE.operations]
    return found


def trainings_table(found):
    """Markdown."""
    lines = ["| training | operations | products |", "|---|---|---|"]
    for name, names in found.items():
        lines.append(f"| {name} | {len(names)} | {names.count('matmul')} |")
    return "\n".join(lines) + "\n"


def work(operation):
    """Floating-point operations of a product, and bytes read or written by any operation.

    An array counts once, whether read, written or both.
    """
    sizes = [np.prod(shape) for _, shape in operation.arrays]
    if operation.name.startswith("standardise"):
        sizes[0] = sizes[-1]  # of the images, those that are gathered
    pairs = zip(operation.arrays, sizes, strict=True)
    bytes_moved = sum(dtype.itemsize * size for (dtype, _), size in pairs)
    if operation.name != "matmul":
        return 0, bytes_moved
    (_, (n, k)), _, (_, (_, m)) = operation.arrays
    return 2 * n * k * m, bytes_moved


def table(operations):
    """Markdown."""
    lines = ["| # | operation | blocks x threads | MFLOP | kB |", "|---|---|---|---|---|"]
    total = np.zeros(2)
    for i, operation in enumerate(operations, start=1):
        flop, moved = work(operation)
        total += flop, moved
        if operation.name == "matmul":
            (_, a), (_, b), _ = operation.arrays
            name, launch = f"product {a[0]}x{a[1]} by {b[0]}x{b[1]}", "cuBLAS"
        else:
            name = f"`{operation.name}`"
            sizes = (operation.grid, operation.block)
            launch = " x ".join(",".join(map(str, size)) for size in sizes)
        figures = f"{flop / 1e6:.1f} | {moved / 1e3:,.0f}" if flop else f" | {moved / 1e3:,.0f}"
        lines.append(f"| {i} | {name} | {launch} | {figures} |")
    lines.append(f"| | together | | {total[0] / 1e6:,.1f} | {total[1] / 1e3:,.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.modules["cupy"] = strict_cupy
    from ffnp.backends.cupy_backend import CupyBackend

    print(table(operations_of_a_step(CupyBackend())))
    print(trainings_table(operations_of_trainings(CupyBackend())), end="")
