"""What is recorded of a training: is a record that comes from a file what it should be?"""

import math
from typing import Any

from ffnp.analysis import KINDS


def is_epoch(record: Any) -> bool:
    """Whether this is what `ffnp.experiment` records of an epoch: finite numbers, by name."""
    try:
        numbers = [record[name] for name in ("phase", "epoch", "train_error", "seconds")]
        numbers += record["losses"]
        if "analysis" in record:
            numbers += [record["analysis"][f"entropy_{kind}"]["total"] for kind in KINDS]
        tested = "test_error" not in record or is_errors(record["test_error"])
        return tested and _finite(numbers)
    except (KeyError, TypeError):
        return False


def is_errors(values: Any) -> bool:
    """Whether these are errors on a split: of all, of layers and of groups."""
    try:
        layers, groups = values["layers"], values["groups"]
        return _finite([values["all"], *layers, *groups]) and 0 < len(layers) == len(groups)
    except (KeyError, TypeError):
        return False


def _finite(numbers: list[Any]) -> bool:
    return all(type(number) in (int, float) and math.isfinite(number) for number in numbers)
