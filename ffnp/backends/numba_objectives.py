"""The sigmoid objective of all layers and its coefficients, compiled, in one sweep.

Other objectives run as the reference. All loops are over single numbers: an array assigned to
another, or summed, is compiled with all that might be said of its shape, which takes seconds.
"""

import math

from ffnp.backends.compiling import compiled

NONE, OTHERS, PREVIOUS, NEXT = range(4)
HEARD = {"none": NONE, "others": OTHERS, "previous": PREVIOUS, "next": NEXT}


@compiled()
def evaluate(theta, heard, gamma_scale, goodness, sample_weight, coefficients, totals):
    """As `Backend.evaluate`; gamma is one of HEARD."""
    layers, images, rows = goodness.shape
    scale = goodness.dtype.type(gamma_scale)
    for n in range(images):
        value = 0.0
        for i in range(layers):
            if heard == OTHERS and scale == 1 and i > 0:  # every layer has the same total
                totals[i] += value
                for r in range(rows):
                    coefficients[i, n, r] = coefficients[0, n, r]
                continue
            for r in range(rows):
                total = goodness[i, n, r]  # with gamma
                for j in range(layers):
                    if (
                        (heard == OTHERS and j != i)
                        or (heard == PREVIOUS and j < i)
                        or (heard == NEXT and j > i)
                    ):
                        total += scale * goodness[j, n, r]
                coefficients[i, n, r] = total
            value = sigmoid_of_image(theta, images, coefficients[i, n])
            totals[i] += value
            if sample_weight is not None:
                for r in range(rows):
                    coefficients[i, n, r] *= sample_weight[n]
        totals[layers] += is_wrong(goodness, n)


@compiled()
def is_wrong(goodness, n):
    """Whether some wrong label of image n has at least the total goodness of the true one."""
    layers, _, rows = goodness.shape
    true = goodness.dtype.type(0)
    for r in range(rows):
        total = goodness.dtype.type(0)
        for i in range(layers):
            total += goodness[i, n, r]
        if r == 0:
            true = total
        elif total >= true:
            return 1
    return 0


@compiled()
def sigmoid_of_image(theta, images, out):
    """Softplus(-(total[0] - theta)) + mean over r > 0 of softplus(total[r] - theta).

    `out` holds one image's rows' total, goodness + gamma, and is given their dJ/dg / images.
    """
    number = out.dtype.type
    rows = len(out)
    value = 0.0
    for r in range(rows):
        sign, share = (number(-1), number(1)) if r == 0 else (number(1), number(rows - 1))
        z = sign * (out[r] - number(theta))
        e = math.exp(-abs(z))  # never overflows
        sigmoid = (number(1) if z >= 0 else e) / (number(1) + e)
        value += (max(z, number(0)) + math.log1p(e)) / share
        out[r] = sign * sigmoid / (share * number(images))
    return value
