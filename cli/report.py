"""Tables on standard output."""

from collections.abc import Sequence

import numpy as np

from ffnp.scoring.evaluation import Evaluation

MOST_COLUMNS = 20  # classes of a whole confusion matrix
MOST_LINES = 20  # errors of a larger one


def error_table(
    test: Evaluation,
    split: str,
    layers: list[int] | None = None,
    candidates: int | None = None,
    output: bool = False,
) -> str:
    """Errors of each layer alone and of the first layers together, a line a layer.

    `split` names the rows: test, or validation. `layers` are those that were chosen to vote, on so
    many `candidates`; with `output` the one that there is is no layer.
    """
    total = f"{split} error {test.all:.2f}% of {int(test.confusion.sum())} images"
    names = layers or list(range(1, len(test.layers) + 1))
    among = ""
    if candidates is not None:
        count = f"{candidates} labels" if candidates > 1 else "label"
        among = f", on the {count} that layer 1 finds best"
    if len(names) == 1:
        voter = "the output" if output else f"layer {names[0]} alone"
        return f"{total}{among}" if layers is None else f"{total}, by {voter}{among}"
    lines = [f"layer   alone %   with {'all' if layers is None else 'those'} before it %"]
    for layer, alone, group in zip(names, test.layers, test.groups, strict=True):
        lines.append(f"{layer:5d}   {alone:7.2f}   {group:7.2f}")
    *first, last = map(str, names)
    voters = "all" if layers is None else f"layers {', '.join(first)} and {last}"
    lines.append(f"{total}, by the vote of {voters}{among}")
    return "\n".join(lines)


def columns(head: Sequence[str], lines: Sequence[Sequence[str]], sides: str) -> str:
    """Texts in columns, two spaces apart; `sides` has a < or a > a column."""
    every = [head, *lines]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    forms = list(zip(sides, widths, strict=True))
    return "\n".join(
        "  ".join(f"{text:{side}{width}}" for text, (side, width) in zip(line, forms, strict=True))
        .rstrip()
        for line in every
    )  # fmt: skip


def confusion_table(test: Evaluation) -> str:
    """Images by true and predicted class; of many classes, the commonest errors alone."""
    names, counts = test.names, test.confusion
    if len(names) <= MOST_COLUMNS:
        lines = [[name, *map(str, row)] for name, row in zip(names, counts.tolist(), strict=True)]
        return columns(["true, predicted:", *names], lines, "<" + ">" * len(names))
    wrong = np.where(np.eye(len(names), dtype=bool), 0, counts)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_LINES]
    pairs = [(i, j) for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True)]
    lines = [[names[i], names[j], str(wrong[i, j])] for i, j in pairs if wrong[i, j]]
    return columns(["true", "predicted", "images"], lines, "<<>")
