"""What has no kernel is computed on the host, by the reference."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ffnp.backends.activity import Activity
from ffnp.backends.reference import Backend


@contextmanager
def on_host(backend: Backend, out: Activity) -> Iterator[Activity]:
    """A layer's activity, copied to the host; what is written there is copied back."""

    def copied(name: str) -> Any | None:
        array = getattr(out, name)
        return None if array is None else np.array(backend.to_host(array))

    names = ("values", "slope", "goodness", "scale")
    found = {name: copied(name) for name in names}
    kept = copied("kept")
    yield Activity(found["values"], found["slope"], None, found["goodness"], found["scale"], kept)
    for name in names:
        if found[name] is not None:
            getattr(out, name)[...] = backend.to_device(found[name])
