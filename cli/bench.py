"""`ffnp bench`: how close a backend comes to its matrix products alone, and against PyTorch."""

from json import dumps
from typing import Any

import click
import numpy as np

from ffnp.backends.reference import Backend
from ffnp.backends.selection import make_backend
from ffnp.bench import Shapes, is_busy, machine, peak_memory
from ffnp.bench import bench as measure
from ffnp.errors import in_short

from .options import Decorator, backend_option, config_option, device_option, json_option
from .plain import Plain


def _count(flag: str, default: int, help: str, low: int = 1, high: int = 10**6) -> Decorator:
    number = click.IntRange(low, high)
    return click.option(flag, default=default, type=number, show_default=True, help=help)


@click.command(cls=Plain)
@backend_option
@device_option
@config_option("hidden")
@_count("--pixels", 784, "MNIST 784, CIFAR-10 3072.")
@_count("--batch-size", 200, "Images.")
@_count("--labels", 2, "Label rows in training; 10 is softmax over all.", 2, 10)
@config_option("dtype")
@_count("--rounds", 200, "Calls a median is taken of.")
@json_option
def bench(
    backend: str,
    device: int,
    hidden: tuple[int, ...],
    pixels: int,
    batch_size: int,
    labels: int,
    dtype: str,
    rounds: int,
    json: bool,
) -> None:
    """Time a training step and prediction against their matrix products alone.

    The results are validated first. A floor ratio of 1 would be nothing but products. On the CPU
    the same is timed in PyTorch too, where that is installed; its compilation takes a while.

    \b
    Example:
      ffnp bench --backend numba
    """
    chosen = make_backend(backend, device)
    shapes = Shapes(pixels=pixels, rows=labels, batch=batch_size, hidden=hidden)
    work = (chosen, shapes, np.dtype(dtype), rounds)
    found = measure(*work)
    peak = peak_memory()
    if json:
        head = {"backend": chosen.name, "machine": machine(), "dtype": dtype}
        against = _against_pytorch(*work)
        click.echo(dumps(head | found | {"peak_memory_mb": peak, "pytorch": against}))
        return
    memory = "" if peak is None else f"; peak memory {peak:.0f} MB"
    click.echo(f"{chosen.name}, {dtype}, a batch of {batch_size}{memory}")
    click.echo("                  ms    floor ms   floor ratio   GFLOP/s   spread")
    for name, figures in found.items():
        ratio = "busy machine" if is_busy(figures) else f"{figures['floor_ratio']:.3f}"
        click.echo(
            f"{name:11} {1e3 * figures['seconds']:8.3f} {1e3 * figures['floor_seconds']:11.3f}"
            f" {ratio:>13} {figures['gflops']:9.0f} {figures['spread']:8.0%}"
        )
    if any(map(is_busy, found.values())):
        text = "other work shared the cores: no ratio can be told; measure again"
        click.echo(f"Note: {text}", err=True)
    if against := _against_pytorch(*work):
        click.echo(f"\n{'PyTorch ' + against['version']:27}     ms   {chosen.name}'s speed")
        for name in ("step", "prediction"):
            for style, figures in against.get(name, {}).items():
                ms, faster = 1e3 * figures["seconds"], figures["times_faster"]
                click.echo(f"{f'{name}, {style}':26}{ms:8.3f}{faster:13.2f} x")


def _against_pytorch(
    backend: Backend, shapes: Shapes, dtype: np.dtype[Any], rounds: int
) -> dict[str, Any] | None:
    """What PyTorch takes, where it is installed and the backend computes on the CPU."""
    if backend.name == "cupy":
        return None
    try:
        from ffnp.bench.pytorch import VERSION, compare
    except ModuleNotFoundError:
        return None
    except Exception as error:
        click.echo(f"PyTorch does not work here: {in_short(error)}: not measured", err=True)
        return None
    found, failures = compare(backend, shapes, dtype, rounds)
    for style, reason in failures.items():
        click.echo(f"PyTorch, {style}: not measured: {reason}", err=True)
    return {"version": VERSION} | found
