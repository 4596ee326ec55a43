"""What is recorded of a training: is a record that comes from a file what it should be?"""

from typing import Any

from ffnp.scoring.analysis import KINDS

COUNTS = range(1, 10**9)  # of phases and epochs
MOST = 1e100  # more is no number that any training gives


def is_epoch(record: Any) -> bool:
    """Whether this is what a training records of an epoch: sensible numbers, by name."""
    try:
        old = "pair_error" not in record  # ffnp 0.1 called it train_error
        tested = {"test_error"} if old else {"test_error", "train_error"}
        counts = [record["phase"], record["epoch"]]
        numbers = [record["seconds"], *record["losses"]]
        if "analysis" in record:
            numbers += [record["analysis"][f"entropy_{kind}"]["total"] for kind in KINDS]
        return (
            all(type(count) is int and count in COUNTS for count in counts)
            and _within([record["train_error" if old else "pair_error"]], 0, 100)
            and _within(numbers, -MOST, MOST)
            and all(is_errors(record[name]) for name in tested & set(record))
        )
    except (KeyError, TypeError):
        return False


def is_errors(values: Any) -> bool:
    """Whether these are errors on a split: of all, of layers and of groups."""
    try:
        layers, groups = values["layers"], values["groups"]
        return _within([values["all"], *layers, *groups], 0, 100) and 0 < len(layers) == len(groups)
    except (KeyError, TypeError):
        return False


def is_seconds(value: Any) -> bool:
    """Whether this is a time."""
    return _within([value], 0, MOST)


def is_extra(values: Any) -> bool:
    """Whether this is what a training says of itself beside its state."""
    return (
        isinstance(values, dict)
        and is_seconds(values.get("seconds", 0))
        and isinstance(values.get("on", ""), str)
        and type(values.get("threads", 1)) is int
    )


def _within(numbers: list[Any], low: float, high: float) -> bool:
    """Whether all are numbers in that range; NaN is not."""
    return all(type(number) in (int, float) and low <= number <= high for number in numbers)
