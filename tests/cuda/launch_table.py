"""What the device does in a training step: `python tests/cuda/launch_table.py` prints it."""

import sys

import numpy as np
import strict_cupy

from ffnp.bench import Shapes, Step


def operations_of_a_step(backend):
    """The operations of the second step of the paper's network on MNIST, batch 200."""
    step = Step(backend, Shapes(), np.dtype(np.float32))
    step()
    strict_cupy.DEVICE.operations.clear()
    with strict_cupy.steady_state():
        step()
    return list(strict_cupy.DEVICE.operations)


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

    print(table(operations_of_a_step(CupyBackend())), end="")
