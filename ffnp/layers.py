"""Dense layers: forward passes and local gradients, on buffers that the caller owns."""

from ffnp.activations import Activation
from ffnp.backends.activity import Activity, Array
from ffnp.parameters import Parameters


class Dense:
    """A fully connected layer: z = h W + b, a = phi(z).

    Parameters
    ----------
    parameters : Parameters
        Holds `<name>.weights` (in, out) and `<name>.bias` (out,).
    name : str
    activation : Activation
    """

    def __init__(self, parameters: Parameters, name: str, activation: Activation) -> None:
        self.backend = parameters.backend
        self.activation = activation
        self.weights = parameters.weights[f"{name}.weights"]
        self.bias = parameters.weights[f"{name}.bias"]
        self.d_weights = parameters.gradients[f"{name}.weights"]
        self.d_bias = parameters.gradients[f"{name}.bias"]
        self.width = len(self.bias)

    def forward(self, inputs: Activity, out: Activity) -> None:
        """Activate the length-normalised `inputs`, (N, R, in), into `out`, (N, R, out)."""
        self.backend.matmul(inputs.rows, self.weights, out=out.rows)
        self.backend.activate(inputs.scale, self.bias, self.activation, out)

    def gradient(self, coefficients: Array, inputs: Activity, out: Activity) -> None:
        """Local gradient from the coefficients dJ/dg (N, R). Overwrites `out.values`."""
        self.backend.delta(coefficients, inputs.scale, out, self.d_bias)
        # In the forward pass this was z = (a_prev W) * scale + b, and out holds scale * dJ/dz.
        self.backend.matmul(inputs.rows.T, out.rows, out=self.d_weights)

    def backward(self, d_values: Array, inputs: Activity, out: Activity) -> None:
        """Gradient by the chain rule from dJ/da (N, R, out), of inputs with scale 1.

        Overwrites `out.values` with dJ/dz, from which `input_gradient` goes on.
        """
        self.backend.backpropagate(d_values, out, self.d_bias)
        # In the forward pass this was z = a_prev W + b.
        self.backend.matmul(inputs.rows.T, out.rows, out=self.d_weights)

    def input_gradient(self, d_z: Array, out: Array) -> None:
        """dJ/da_prev = (dJ/dz) W^T of rows (M, out) into `out` (M, in)."""
        self.backend.matmul(d_z, self.weights.T, out=out)


class LabelledDense(Dense):
    """The first layer: z = x W_x + s W_y[label] + b, with [W_x; W_y] stored as (D + K, H).

    The joined input [x, s onehot(label)] is never built: the R rows of an image share x W_x.

    Parameters
    ----------
    parameters, name, activation
        As for `Dense`.
    pixels : int
        D: the first D rows of the weights are W_x.
    label_scale : float
        s, the label's entry in the joined input.
    """

    def __init__(
        self,
        parameters: Parameters,
        name: str,
        activation: Activation,
        pixels: int,
        label_scale: float,
    ) -> None:
        super().__init__(parameters, name, activation)
        self.label_scale = label_scale
        self.pixel_weights, self.label_weights = self.weights[:pixels], self.weights[pixels:]
        self.d_pixel_weights, self.d_label_weights = (
            self.d_weights[:pixels],
            self.d_weights[pixels:],
        )

    def forward_labelled(self, x: Array, labels: Array, product: Array, out: Activity) -> None:
        """Activate images x (N, D) joined with labels (N, R); `product` (N, H) is written."""
        self.backend.matmul(x, self.pixel_weights, out=product)
        self.backend.activate_labelled(
            product, self.label_weights, labels, self.label_scale, self.bias, self.activation, out
        )  # fmt: skip

    def gradient_labelled(
        self, coefficients: Array, x: Array, labels: Array, product: Array, out: Activity
    ) -> None:
        """Local gradient from dJ/dg (N, R). Overwrites `out.values` and `product`."""
        self.backend.delta_labelled(
            coefficients, out, labels, self.label_scale,
            product, self.d_label_weights, self.d_bias,
        )  # fmt: skip
        self.backend.matmul(x.T, product, out=self.d_pixel_weights)

    def backward_labelled(
        self, d_values: Array, x: Array, labels: Array, product: Array, out: Activity
    ) -> None:
        """Gradient by the chain rule from dJ/da (N, R, H). Overwrites `out.values`, `product`."""
        self.backend.backpropagate(d_values, out, self.d_bias)
        self.backend.reduce_labelled(
            out.values, labels, self.label_scale, product, self.d_label_weights, self.d_bias
        )
        self.backend.matmul(x.T, product, out=self.d_pixel_weights)
