"""One Forward-Forward step with collaboration, line by line, and the library's beside it.

    python examples/one_step.py

Everything that learns is here: no gradient passes from one layer to another. It prints what the
step did to goodness, and how far the weights are from those of `ffnp` after the same step.
"""

import numpy as np

import ffnp
from ffnp.backends.selection import make_backend
from ffnp.model import DataDescription, Model
from ffnp.network.labels import candidate_labels
from ffnp.randomness import NEGATIVES, SHUFFLE, stream
from ffnp.training.trainer import Trainer

IMAGES = 100


def main() -> float:
    """Take the step twice; the largest difference of a weight."""
    config = ffnp.Config(
        hidden=(64, 32), optimizer="sgd", momentum=0.0, lr=0.02, dtype="float64",
        limit_train=IMAGES, batch_size=IMAGES, epochs=1,
    )  # fmt: skip
    data = ffnp.load("mnist").limited(IMAGES, 1)
    model = Model.create(config, DataDescription.of(data, config), make_backend("reference"))
    weights = {name: array.copy() for name, array in model.weights().items()}

    # Images of one length, in the epoch's order, each joined with its label and a wrong one.
    order = stream(config.seed, SHUFFLE, 0).permutation(IMAGES)
    labels = candidate_labels(
        data.train.labels[order], data.classes, 2, stream(config.seed, NEGATIVES, 0)
    )
    scaling = model.data.scaling
    x = (data.train.images[order] - scaling.mean) / scaling.deviation
    x *= config.input_length / np.sqrt((x**2).sum(axis=1, keepdims=True) + 1)

    def joined(column: int) -> np.ndarray:
        return np.hstack([x, config.label_scale * np.eye(data.classes)[labels[:, column]]])

    # Forward: a layer's input has length 1, so that it cannot read its predecessor's goodness.
    rows = np.vstack([joined(0), joined(1)])  # true labels above, wrong ones below
    true = np.arange(len(rows)) < IMAGES

    def forward() -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        inputs, activities, goodness = [], [], []
        h = rows
        for layer in ("layer1", "layer2"):
            inputs.append(h)
            a = np.maximum(h @ weights[f"{layer}.weights"] + weights[f"{layer}.bias"], 0)
            activities.append(a)
            goodness.append((a**2).sum(axis=1))
            h = a / (np.linalg.norm(a, axis=1, keepdims=True) + 1e-8)
        return inputs, activities, goodness

    inputs, activities, goodness = forward()

    # Objective: each layer's logit is its goodness, plus the other's (gamma), less theta.
    for i, layer in enumerate(("layer1", "layer2")):
        gamma = goodness[1 - i]  # a constant: no gradient goes through it
        p = 1 / (1 + np.exp(-(goodness[i] + gamma - config.theta)))
        coefficient = np.where(true, p - 1, p) / IMAGES  # dJ/dg
        delta = 2 * coefficient[:, None] * activities[i]  # g = sum a^2, and relu
        weights[f"{layer}.weights"] -= config.lr * inputs[i].T @ delta
        weights[f"{layer}.bias"] -= config.lr * delta.sum(axis=0)

    for _ in Trainer(model, data.train).run():  # one epoch of one batch
        pass
    difference = max(abs(model.weights()[name] - weights[name]).max() for name in weights)
    print("mean goodness    true labels: before, after    wrong labels: before, after")
    for i, (before, after) in enumerate(zip(goodness, forward()[2], strict=True), start=1):
        shown = (f"{g[rows].mean():9.4f}" for rows in (true, ~true) for g in (before, after))
        print("layer {}            {} {}         {} {}".format(i, *shown))
    print(f"theta is {config.theta:g}: far above all, so this first step pushes true labels alone")
    print(f"largest difference of a weight: {difference:.1e}")
    return difference


if __name__ == "__main__":
    main()
