"""Dense layers: forward passes and local gradients, on buffers that the caller owns.

Every layer has the same four operations: forward, delta, backward, products. The first layer reads
images joined with labels (`Joined`), the others the activity of the layer below (`Activity`), or
both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ffnp.backends.activity import Activity, Array, Product
from ffnp.network.parameters import Parameters
from ffnp.objectives.activations import Activation


@dataclass
class Joined:
    """Images joined with label rows, and with the activity of the layer below if there is one."""

    x: Array  # (N, D): scaled images
    labels: Array  # (N, R) int32: the true label in column 0 when training
    # (N, H): x W_x, which the R rows of an image share; the gradient overwrites it with the
    # layer's delta, summed over these rows
    shared: Array
    scale: Array  # (N, R): all ones: images are not normalised again
    drops: bool = False  # whether some pixels are left out, as in training
    below: Activity | None = None

    def part(self, images: slice) -> "Joined":
        """Views of some of the images."""
        return Joined(
            x=self.x[images],
            labels=self.labels[images],
            shared=self.shared[images],
            scale=self.scale[images],
            drops=self.drops,
            below=self.below and self.below.part(images),
        )

    @property
    def rows(self) -> Array:
        """The images as rows, for a first layer without labels."""
        return self.x


@dataclass(frozen=True)
class Gradient:
    """Gradients that are sums over a batch: dJ/db (H,), and the first layer's dJ/dW_y (K, H)."""

    bias: Array
    label_weights: Array = None

    @property
    def arrays(self) -> list[Array]:
        """The arrays that are not None."""
        return [array for array in (self.bias, self.label_weights) if array is not None]

    def like(self, empty: Callable[..., Array]) -> "Gradient":
        """A gradient of the same shapes, by `Backend.empty`."""
        return Gradient(*(empty(array.shape, array.dtype) for array in self.arrays))


class Dense:
    """A fully connected layer: z = h W + b, a = phi(z).

    Parameters
    ----------
    parameters : Parameters
        Holds `<name>.weights` (in, out) and `<name>.bias` (out,).
    name : str
    activation : Activation
    length : float
        Of a row of activities, as the next layer reads it.

    Attributes
    ----------
    gradient : Gradient
        Views of the parameters' gradients.
    """

    def __init__(
        self, parameters: Parameters, name: str, activation: Activation, length: float = 1.0
    ) -> None:
        self.backend = parameters.backend
        self.activation, self.length = activation, length
        self.weights = parameters.weights[f"{name}.weights"]
        self.bias = parameters.weights[f"{name}.bias"]
        self.d_weights = parameters.gradients[f"{name}.weights"]
        self.gradient = Gradient(parameters.gradients[f"{name}.bias"])
        self.width = len(self.bias)

    def activity(self, goodness: Array, training: bool, kept: Array | None = None) -> Activity:
        """Buffers for what the layer computes; its goodness goes into the given (N, R) array.

        `kept` is the activity's, of a layer that leaves out units.
        """

        def empty(*shape: int) -> Array:
            return self.backend.empty(shape, goodness.dtype)

        shape = (*goodness.shape, self.width)
        return Activity(
            values=empty(*shape),
            slope=empty(*shape) if training and self.activation.keeps_slope else None,
            delta=empty(*shape) if training else None,
            goodness=goodness,
            scale=empty(*goodness.shape),
            kept=kept,
        )

    def forward(self, inputs: Any, out: Activity) -> None:
        """Activate the length-normalised inputs (N, R, in) into `out` (N, R, H)."""
        self.backend.multiply([(inputs.rows, self.weights, out.rows)])
        self.backend.activate(inputs.scale, self.bias, self.activation, out)
        self._lengthen(out)

    def _lengthen(self, out: Activity) -> None:
        if self.length != 1:
            scale = out.scale
            scale *= self.length

    def delta(self, coefficients: Array, inputs: Any, out: Activity, gradient: Gradient) -> None:
        """The delta, into `out`, and `gradient`, from the coefficients dJ/dg (N, R)."""
        self.backend.delta(coefficients, inputs.scale, out, gradient.bias)

    def backward(self, inputs: Any, out: Activity, gradient: Gradient) -> None:
        """As `delta`, by the chain rule from dJ/da in `out.delta`; inputs are not normalised."""
        self.backend.backpropagate(out, gradient.bias)

    def products(self, inputs: Any, out: Activity) -> list[Product]:
        """The products that give the gradient of the weights, after `delta` or `backward`."""
        # In the forward pass this was z = (a_prev W) * scale + b; the delta is scale * dJ/dz.
        return [(inputs.rows.T, out.delta_rows, self.d_weights)]

    def input_gradient(self, out: Activity, inputs: Activity) -> None:
        """dJ/da_prev = (dJ/dz) W^T, from the delta of `out` into the delta of `inputs`."""
        self.backend.multiply([(out.delta_rows, self.weights.T, inputs.delta_rows)])


class LabelledDense(Dense):
    """z = x W_x + s W_y[label] + b, with [W_x; W_y] stored as (D + K, H).

    The joined input [x, s onehot(label)] is never built: the R rows of an image share x W_x. A
    layer that also reads the one below adds h W_h, with W_h after W_y.

    Parameters
    ----------
    parameters, name, activation, length
        As for `Dense`.
    pixels : int
        D: the first D rows of the weights are W_x.
    classes : int
        K: the next K rows are W_y; what is left is W_h.
    label_scale : float
        s, the label's entry in the joined input.
    """

    def __init__(
        self,
        parameters: Parameters,
        name: str,
        activation: Activation,
        pixels: int,
        classes: int,
        label_scale: float,
        length: float,
    ) -> None:
        super().__init__(parameters, name, activation, length)
        self.label_scale = label_scale
        rows = slice(0, pixels), slice(pixels, pixels + classes), slice(pixels + classes, None)
        self.pixel_weights, self.label_weights, self.below_weights = (
            self.weights[part] for part in rows
        )
        self.d_pixel_weights, d_label_weights, self.d_below_weights = (
            self.d_weights[part] for part in rows
        )
        self.gradient = Gradient(self.gradient.bias, d_label_weights)

    def forward(self, inputs: Joined, out: Activity) -> None:
        """Activate images x (N, D) joined with labels (N, R); `inputs.shared` is written."""
        self.backend.multiply([(inputs.x, self.pixel_weights, inputs.shared)])
        if inputs.below is not None:
            self.backend.multiply([(inputs.below.rows, self.below_weights, out.rows)])
        self.activate(inputs, out)

    def activate(self, inputs: Joined, out: Activity) -> None:
        """Activate images whose x W_x, and a_prev W_h in `out`, are known already."""
        self.backend.activate_labelled(
            inputs.shared, self.label_weights, inputs.labels, self.label_scale,
            self.bias, self.activation, out, inputs.below and inputs.below.scale,
        )  # fmt: skip
        self._lengthen(out)

    def delta(
        self, coefficients: Array | None, inputs: Joined, out: Activity, gradient: Gradient
    ) -> None:
        """See `Dense.delta`; without coefficients `out.delta` holds dJ/dz already."""
        self.backend.delta_labelled(
            coefficients, out, inputs.labels, self.label_scale,
            inputs.shared, gradient.label_weights, gradient.bias,
            inputs.below and inputs.below.scale,
        )  # fmt: skip

    def backward(self, inputs: Joined, out: Activity, gradient: Gradient) -> None:
        super().backward(inputs, out, gradient)
        self.delta(None, inputs, out, gradient)

    def products(self, inputs: Joined, out: Activity) -> list[Product]:
        """See `Dense.products`: for the pixels' weights, and for those of the layer below."""
        # In the forward pass this was z = x W_x + ... for all rows of an image.
        products = [(inputs.x.T, inputs.shared, self.d_pixel_weights)]
        if inputs.below is not None:
            products.append((inputs.below.rows.T, out.delta_rows, self.d_below_weights))
        return products


class Output(Dense):
    """The output layer of a perceptron: z = h W; the loss adds the bias."""

    def activity(self, goodness: Array, training: bool, kept: Array | None = None) -> Activity:
        """See `Dense.activity`: the logits, which their gradient overwrites."""
        shape = (*goodness.shape, self.width)
        logits = self.backend.empty(shape, goodness.dtype)
        return Activity(logits, None, logits, goodness, None)

    def forward(self, inputs: Any, out: Activity) -> None:
        """The product h W, without the bias."""
        self.backend.multiply([(inputs.rows, self.weights, out.rows)])
