"""The loops of the numba backend: each operation of the reference in one sweep over memory.

Arrays are C-contiguous and of one float dtype, except where said. The loops are serial; they run
side by side, on parts of the arrays, since they hold no lock of the interpreter's.

FAST lets the compiler reorder a sum and fuse multiply with add, which is what vectorises it. It
assumes nothing of NaN and infinity: they pass through as in the reference.
"""

import math

from ffnp.backends.compiling import compiled

FAST = {"reassoc", "contract", "nsz", "arcp"}
fast = compiled(fastmath=FAST, error_model="numpy")


@fast
def look(images, rows, views, out):
    """Image `rows[n] // T` in way `rows[n] % T` of the T `views`, as it is stored."""
    for n in range(len(out)):
        pixels, x = images[rows[n] // len(views)], out[n]
        way = views[rows[n] % len(views)]
        for d in range(len(x)):
            x[d] = pixels[way[d]]


@fast
def standardise(images, rows, mean, deviation, length, out):
    """out = x * length / sqrt(|x|^2 + 1), x = (images[rows] - mean) / deviation.

    `images` (M, D) of any dtype, `rows` (N,) integers, `out` (N, D). Length 0: out = x.
    """
    number = out.dtype.type
    shift = number(mean)
    for n in range(len(out)):
        pixels, x = images[rows[n]], out[n]
        squares = number(0)
        for d in range(len(x)):
            centred = number(pixels[d]) - shift
            squares += centred * centred
        if length == 0:
            factor = number(1 / deviation)
        else:  # |x|^2 is squares / deviation^2
            factor = number(length / math.sqrt(squares + deviation * deviation))
        for d in range(len(x)):
            x[d] = factor * (number(pixels[d]) - shift)


@fast
def relu_labelled(
    shared, label_weights, labels, label_scale, bias, row_scale, kept, epsilon,
    values, goodness, scale,
):  # fmt: skip
    """a = kept * relu(z), z = shared[n] + label_scale * label_weights[label] + bias; g, 1 / |a|.

    With `row_scale` (N, R), row_scale * values is added to z. It and `kept` (N, H) may be None:
    compiled without them, then.
    """
    number = values.dtype.type
    s, e = number(label_scale), number(epsilon)
    for n in range(values.shape[0]):
        image = shared[n]
        for r in range(values.shape[1]):
            a, w = values[n, r], label_weights[labels[n, r]]
            g = number(0)
            for h in range(len(a)):
                z = image[h] + s * w[h] + bias[h]
                if row_scale is not None:
                    z += row_scale[n, r] * a[h]
                positive = number(0) if z <= 0 else z  # NaN stays NaN
                if kept is not None:
                    positive *= kept[n, h]
                a[h] = positive
                g += positive * positive
            goodness[n, r] = g
            scale[n, r] = number(1) / (math.sqrt(g) + e)


@fast
def relu(row_scale, bias, kept, epsilon, values, goodness, scale):
    """a = kept * relu(z), z = row_scale * values + bias, in place; g, 1 / |a|; see above."""
    number = values.dtype.type
    e = number(epsilon)
    for n in range(values.shape[0]):
        for r in range(values.shape[1]):
            a, s = values[n, r], row_scale[n, r]
            g = number(0)
            for h in range(len(a)):
                z = s * a[h] + bias[h]
                positive = number(0) if z <= 0 else z  # NaN stays NaN
                if kept is not None:
                    positive *= kept[n, h]
                a[h] = positive
                g += positive * positive
            goodness[n, r] = g
            scale[n, r] = number(1) / (math.sqrt(g) + e)


@fast
def delta(coefficients, row_scale, values, out, d_bias):
    """d_z = 2 c a; d_bias = sum of d_z over rows; out = row_scale * d_z."""
    number = values.dtype.type
    d_bias[:] = 0
    for n in range(values.shape[0]):
        for r in range(values.shape[1]):
            a, o, s = values[n, r], out[n, r], row_scale[n, r]
            c = number(2) * coefficients[n, r]
            for h in range(len(a)):
                d_z = c * a[h]
                d_bias[h] += d_z
                o[h] = s * d_z


@fast
def reduce_labelled(factor, values, labels, label_scale, out_sum, d_label_weights, d_bias):
    """d_z = factor * values: its sums over an image's rows, over a label's, and over all rows."""
    s = values.dtype.type(label_scale)
    d_label_weights[:] = 0
    for n in range(values.shape[0]):
        total = out_sum[n]
        total[:] = 0
        for r in range(labels.shape[1]):
            a, of_label, c = values[n, r], d_label_weights[labels[n, r]], factor[n, r]
            for h in range(len(a)):
                d_z = c * a[h]
                total[h] += d_z
                of_label[h] += d_z
    d_bias[:] = 0
    for k in range(len(d_label_weights)):
        of_label = d_label_weights[k]
        for h in range(len(d_bias)):
            d_bias[h] += of_label[h]
            of_label[h] *= s


@fast
def adam(weights, gradient, mean, variance, rate, keep, beta1, beta2, epsilon):
    """m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2.

    w = keep w - rate m / (sqrt(v) + e).
    """
    number = weights.dtype.type
    b1, c1 = number(beta1), number(1 - beta1)
    b2, c2 = number(beta2), number(1 - beta2)
    lr, kept, e = number(rate), number(keep), number(epsilon)
    for i in range(len(weights)):
        g = gradient[i]
        m = b1 * mean[i] + c1 * g
        v = b2 * variance[i] + c2 * g * g
        mean[i] = m
        variance[i] = v
        weights[i] = kept * weights[i] - lr * (m / (math.sqrt(v) + e))


@fast
def sgd(weights, gradient, velocity, lr, keep, momentum):
    """velocity = momentum velocity + g; w = keep w - lr velocity."""
    number = weights.dtype.type
    rate, kept, slow = number(lr), number(keep), number(momentum)
    for i in range(len(weights)):
        v = slow * velocity[i] + gradient[i]
        velocity[i] = v
        weights[i] = kept * weights[i] - rate * v
