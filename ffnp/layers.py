"""Dense layers: forward passes and local gradients, on buffers that the caller owns."""

from ffnp.activations import Activation
from ffnp.backends.activity import Activity, Array, Product
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

    def delta(
        self, coefficients: Array, inputs: Activity, out: Activity, out_d_bias: Array
    ) -> None:
        """Delta of `out`, and gradient of the bias, from the coefficients dJ/dg (N, R)."""
        self.backend.delta(coefficients, inputs.scale, out, out_d_bias)

    def product(self, inputs: Activity, out: Activity) -> Product:
        """The product that gives the gradient of the weights, after `delta` or `backward`."""
        # In the forward pass this was z = (a_prev W) * scale + b; the delta is scale * dJ/dz.
        return inputs.rows.T, out.delta_rows, self.d_weights

    def backward(self, out: Activity) -> None:
        """By the chain rule, from dJ/da in the delta of `out`, of inputs with scale 1."""
        self.backend.backpropagate(out, self.d_bias)

    def input_gradient(self, d_z: Array, out: Array) -> None:
        """dJ/da_prev = (dJ/dz) W^T of rows (M, out) into `out` (M, in)."""
        self.backend.matmuls([(d_z, self.weights.T, out)])


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
        self.activate_labelled(product, labels, out)

    def activate_labelled(self, product: Array, labels: Array, out: Activity) -> None:
        """Activate images whose x W_x (N, H) is known, joined with labels (N, R)."""
        self.backend.activate_labelled(
            product, self.label_weights, labels, self.label_scale, self.bias, self.activation, out
        )  # fmt: skip

    def delta_labelled(
        self,
        coefficients: Array,
        labels: Array,
        out: Activity,
        out_sum: Array,
        out_d_label_weights: Array,
        out_d_bias: Array,
    ) -> None:
        """Gradients but the pixel weights', from dJ/dg (N, R); `out_sum` (N, H) is for those."""
        self.backend.delta_labelled(
            coefficients, out, labels, self.label_scale,
            out_sum, out_d_label_weights, out_d_bias,
        )  # fmt: skip

    def backward_labelled(self, labels: Array, out: Activity, out_sum: Array) -> None:
        """As `delta_labelled`, by the chain rule, from dJ/da in the delta of `out`."""
        self.backend.backpropagate(out, self.d_bias)
        self.backend.reduce_labelled(
            out.delta, labels, self.label_scale, out_sum, self.d_label_weights, self.d_bias
        )

    def product_labelled(self, x: Array, total: Array) -> Product:
        """The product that gives the pixel weights' gradient, from `delta_labelled`'s sum."""
        # In the forward pass this was z = x W_x + ... for all rows of an image.
        return x.T, total, self.d_pixel_weights
