"""Make the runs in a folder here with the ffnp that is installed.

    OPENBLAS_NUM_THREADS=1 python make_stored.py /stored/0.1

and move that folder here. Those of 0.1 were made by e5f9c94, the last commit before the changes of
0.2.0. Never make them anew with a later ffnp: they test that it reads what the earlier one wrote.
"""

import sys
from pathlib import Path

import numpy as np

import ffnp

folder = Path(sys.argv[1])
folder.mkdir(parents=True)
random = np.random.default_rng(0)
images = random.integers(0, 100, (90, 4, 4), dtype=np.uint8)
labels = random.integers(0, 3, 90)
images[np.arange(90), labels] += 100  # a bright row tells the class
data = folder / "rows.npz"
parts = {"train": slice(60), "test": slice(60, None)}
images_by_part = {f"x_{name}": images[part] for name, part in parts.items()}
np.savez(data, **images_by_part, **{f"y_{name}": labels[part] for name, part in parts.items()})
RUNS = {
    "others": {},
    "previous-layer": {"gamma": "previous", "schedule": "layer"},
    "entropy": {"method": "ff", "objective": "entropy"},
    "softmax": {"objective": "softmax", "labels": "all", "activation": "tanh"},
    "pairwise": {"objective": "pairwise", "evaluate_every": 1, "analyse_every": 1},
    "backprop-label": {"method": "backprop-label"},
    "backprop-pairwise": {"method": "backprop-pairwise", "optimizer": "sgd"},
}


class Stop:
    """Stops a training after its eighth batch, in the middle of its third epoch."""

    batches = 0

    def start(self, trainer):
        """Do nothing."""

    def batch(self, trainer):
        """Stop at the eighth."""
        self.batches += 1
        return self.batches == 8

    def epoch(self, record):
        """Do nothing."""


expected = {}
small = {"hidden": (6, 5), "epochs": 3, "batch_size": 20, "backend": "numpy"}
for name, options in RUNS.items():
    config = ffnp.Config(**{**small, **options, "dataset": str(data)})
    result = ffnp.train(config, folder / name)
    scores = ffnp.scores(result.model, images[60:])
    expected[f"{name} scores"] = np.concatenate(list(scores), axis=1)
    expected[f"{name} errors"] = np.array(result.test.layers)
try:
    ffnp.train(ffnp.Config(**{**small, "dataset": str(data)}), folder / "stopped", Stop())
except ffnp.errors.FFNPError:
    pass
np.savez_compressed(folder / "expected.npz", **expected)
