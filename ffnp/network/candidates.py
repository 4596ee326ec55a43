"""The labels that the first layer finds best for an image."""

from dataclasses import replace

from ffnp.backends.activity import Activity
from ffnp.network.labels import every_label
from ffnp.network.layers import Joined, LabelledDense

NUMBERS = 1 << 21  # that the trial of some images may hold at a time


class Candidates:
    """Tries all K labels on the first layer, some images at a time, and keeps the best.

    The first layer is the cheap one: the K label rows of an image share its product x W_x.

    Parameters
    ----------
    layer : LabelledDense
        The first one.
    images : int
        N, at most.
    kept : int
        1: the label in column 0, the true one, stays, and is not chosen again; or 0.
    """

    def __init__(self, layer: LabelledDense, images: int, kept: int) -> None:
        self._layer, self._kept = layer, kept
        backend, classes = layer.backend, len(layer.label_weights)
        dtype = layer.weights.dtype
        self._together = max(1, min(images, NUMBERS // (classes * layer.width)))
        self._goodness = backend.empty((images, classes), dtype)
        self._labels = backend.to_device(every_label(self._together, classes))
        self._trial = layer.activity(self._goodness[: self._together], training=False)

    def forward(self, inputs: Joined, out: Activity) -> None:
        """The first layer's forward pass, on the labels that it has most goodness for.

        They are written into `inputs.labels` (N, R), the best first.
        """
        layer, images = self._layer, len(inputs.x)
        layer.backend.multiply([(inputs.x, layer.pixel_weights, inputs.shared)])
        for start in range(0, images, self._together):
            some = slice(start, min(start + self._together, images))
            count = some.stop - some.start
            trial = self._trial.part(slice(0, count))
            own = replace(inputs.part(some), labels=self._labels[:count])
            layer.activate(own, replace(trial, goodness=self._goodness[some]))
        layer.backend.best_labels(self._goodness[:images], self._kept, inputs.labels)
        layer.activate(inputs, out)
