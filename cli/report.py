"""Tables on standard output."""

from ffnp.scoring.evaluation import Evaluation


def error_table(test: Evaluation, layers: list[int], split: str) -> str:
    """Errors of each layer alone and of the first layers together, a line a layer.

    `split` names the rows: test, or validation.
    """
    images = int(test.confusion.sum())
    if len(layers) == 1:
        return f"{split} error {test.all:.2f}% of {images} images"
    lines = ["layer   alone %   with all before it %"]
    for layer, alone, group in zip(layers, test.layers, test.groups, strict=True):
        lines.append(f"{layer:5d}   {alone:7.2f}   {group:7.2f}")
    lines.append(f"{split} error {test.all:.2f}% of {images} images, by the vote of all")
    return "\n".join(lines)
