"""What the last bits of a training depend on, beside its configuration."""

from collections.abc import Mapping
from typing import Any

from ffnp.model import Model


def computed(model: Model) -> dict[str, Any]:
    """How sums are divided: the backend, and among how many threads."""
    return {"on": model.backend.name, "threads": model.backend.threads}


def otherwise(model: Model, saved: Mapping[str, Any]) -> str | None:
    """How a training was computed until it was saved, if not as now; None if as now."""
    now = computed(model)
    before = {name: saved.get(name, value) for name, value in now.items()}
    if before == now:
        return None
    words = "{on} with {threads} thread(s)".format
    return (
        f"the run was trained on {words(**before)} and goes on on {words(**now)}: its last bits "
        "are neither's; --backend and OPENBLAS_NUM_THREADS choose"
    )
