"""`ffnp info`: what this machine offers."""

import platform
from json import dumps

import click
import numpy as np
from threadpoolctl import threadpool_info

from ffnp import __version__
from ffnp.backends.selection import BACKENDS, unavailable

from .options import json_option
from .plain import Plain


@click.command(cls=Plain)
@json_option
def info(json: bool) -> None:
    """Versions, BLAS and its threads, backends and why one is not available.

    \b
    Example:
      ffnp info
    """
    pools = [
        {name: pool[name] for name in ("internal_api", "version", "num_threads")}
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]
    backends = {name: unavailable(name) or "available" for name in BACKENDS if name != "auto"}
    versions = {
        "ffnp": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }
    if json:
        click.echo(dumps(versions | {"blas": pools, "backends": backends}))
        return
    for name, version in versions.items():
        click.echo(f"{name:8} {version}")
    for pool in pools:
        library, threads = f"{pool['internal_api']} {pool['version']}", pool["num_threads"]
        click.echo(f"{'blas':8} {library}, {threads} threads")
    if not pools:
        click.echo(f"{'blas':8} none that threadpoolctl knows: the backends take one thread")
    for name, reason in backends.items():
        click.echo(f"backend  {name}: {reason}")
