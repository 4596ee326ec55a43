"""Golden values: every method trained for ten steps by the formulas alone, in float64.

This script shares no code with ffnp. The joined input is built, rows are images joined with one
label each, in the order (image, label), and nothing is shared, fused or in place. Run

    python tests/golden/make_golden.py

to write golden.npz beside it; tests/network/test_golden.py reproduces every tensor with the engine.
"""

from pathlib import Path

import numpy as np

D, K, N, HIDDEN = 6, 4, 5, (5, 4, 3)
STEPS, LR, THETA, ALPHA, LABEL_ENTRY = 10, 0.01, 2.0, 0.5, 3.0
EPSILON = 1e-8  # of the length, of the mean goodness and of Adam


def relu(z):
    return np.maximum(z, 0), (z > 0).astype(float)


def tanh(z):
    return np.tanh(z), 1 - np.tanh(z) ** 2


def logistic(t):
    return 1 / (1 + np.exp(-t))


# --- coefficients dJ/dh, h = g + gamma, (N, R), the true label first ---


def sigmoid(h):
    c = np.zeros_like(h)
    n, r = h.shape
    for i in range(n):
        c[i, 0] = -(1 - logistic(h[i, 0] - THETA)) / n
        for j in range(1, r):
            c[i, j] = logistic(h[i, j] - THETA) / (n * (r - 1))
    return c


def sigmoid_literal(h):
    c = np.zeros_like(h)
    n, r = h.shape
    for i in range(n):
        c[i, 0] = -(1 - logistic(h[i, 0] - THETA)) / n
        for j in range(1, r):
            c[i, j] = (1 - logistic(h[i, j] - THETA)) / (n * (r - 1))
    return c


def softmax(h):
    c = np.zeros_like(h)
    n, r = h.shape
    for i in range(n):
        p = np.exp(h[i]) / np.exp(h[i]).sum()
        c[i] = p / n
        c[i, 0] -= 1 / n
    return c


def pairwise(h):
    c = np.zeros_like(h)
    n, r = h.shape
    for i in range(n):
        for j in range(1, r):
            push = ALPHA * logistic(-ALPHA * (h[i, 0] - h[i, j])) / (n * (r - 1))
            c[i, j] += push
            c[i, 0] -= push
    return c


def entropy(h):
    """-log of the true row's share of (h + 0.001)^8: by the chain rule through every share."""
    c = np.zeros_like(h)
    n, r = h.shape
    for i in range(n):
        powers = (h[i] + 0.001) ** 8
        share = powers / powers.sum()
        for j in range(r):
            c[i, j] = (share[j] - (j == 0)) * 8 / (h[i, j] + 0.001) / n
    return c


def entropy_conditional(h):
    """Of u = h / m, m the image's own mean: by the chain rule through every u of the image."""
    c = np.zeros_like(h)
    n, r = h.shape
    for i in range(n):
        m = h[i].mean() + EPSILON
        u = h[i] / m
        for j in range(r):
            if u[j] == 0:
                continue  # a silent row: it has no gradient, and u f'(u) = 0
            weight = -1 / n if j == 0 else 1 / (n * (r - 1))
            f_slope = np.log(u[j]) + 1
            for k in range(r):
                c[i, k] += weight * f_slope * ((j == k) - u[j] / r) / m
    return c


def signs(h):
    s = -np.ones_like(h)
    s[:, 0] = 1
    return s


def entropy_unsigned(h):
    h = h + EPSILON
    return -np.log(h / h.mean()) / h.size


def entropy_signed(h):
    h = h + EPSILON
    return -signs(h) * (np.log(h / h.mean()) + 1) / h.size


def entropy_difference(h):
    h = h + EPSILON
    true, wrong = h[:, :1], h[:, 1:]
    return np.hstack(
        [-np.log(true / true.mean()) / true.size, np.log(wrong / wrong.mean()) / wrong.size]
    )


def entropy_normalised(h):
    h = (h + EPSILON).ravel()
    s, c, mean, m = signs(np.zeros((N, len(h) // N))).ravel(), np.zeros_like(h), h.mean(), len(h)
    for j in range(m):
        f_slope = np.log(h[j] / mean) + 1
        for k in range(m):
            c[k] -= s[j] * f_slope * ((j == k) / mean - h[j] / (m * mean**2)) / m
    return c.reshape(N, -1)


# --- forward-forward ------------------------------------------------------------------------------


def joined(x, labels):
    rows = []
    for image, candidates in zip(x, labels, strict=True):
        for label in candidates:
            onehot = np.zeros(K)
            onehot[label] = LABEL_ENTRY
            rows.append(np.concatenate([image, onehot]))
    return np.array(rows)


def forward(weights, rows, phi):
    """What each layer reads, its a and phi'(z), and its goodness, one a row."""
    layers, h = [], rows
    for i in range(1, len(HIDDEN) + 1):
        a, slope = phi(h @ weights[f"layer{i}.weights"] + weights[f"layer{i}.bias"])
        g = (a * a).sum(axis=1)
        layers.append((h, a, slope, g))
        h = a / (np.sqrt(g) + EPSILON)[:, None]
    return layers


def local_gradient(layers, i, gamma, coefficient):
    """Gradient of layer i (from 0) alone: gamma and what the layer reads are numbers here."""
    gs = [layer[3].reshape(N, -1) for layer in layers]
    heard = np.zeros_like(gs[i])
    for j, g in enumerate(gs):
        if (
            (gamma == "others" and j != i)
            or (gamma == "previous" and j < i)
            or (gamma == "next" and j > i)
        ):
            heard += g
    h, a, slope, _ = layers[i]
    c = coefficient(gs[i] + heard).reshape(-1, 1)
    delta = c * 2 * a * slope
    return {f"layer{i + 1}.weights": h.T @ delta, f"layer{i + 1}.bias": delta.sum(axis=0)}


class Adam:
    """One step count, and two moments, for every tensor by itself."""

    def __init__(self):
        self.moments = {}

    def update(self, weights, gradients):
        for name, gradient in gradients.items():
            m, v, t = self.moments.get(name, (0.0, 0.0, 0))
            m, v, t = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2, t + 1
            self.moments[name] = m, v, t
            m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
            weights[name] = weights[name] - LR * m_hat / (np.sqrt(v_hat) + EPSILON)


def train_forward_forward(weights, xs, labels, gamma, coefficient, phi, schedule):
    weights, adam, depth = dict(weights), Adam(), len(HIDDEN)
    batches = [joined(x, rows) for x, rows in zip(xs, labels, strict=True)]
    if schedule == "layer":
        for i in range(depth):
            for batch in batches:
                layers = forward(weights, batch, phi)
                adam.update(weights, local_gradient(layers, i, gamma, coefficient))
    for batch in batches:
        if schedule == "simultaneous":
            layers = forward(weights, batch, phi)
            for i in range(depth):
                adam.update(weights, local_gradient(layers, i, gamma, coefficient))
        elif schedule == "sequential":
            for i in range(depth):
                layers = forward(weights, batch, phi)
                adam.update(weights, local_gradient(layers, i, gamma, coefficient))
    goodness = [layer[3].reshape(N, -1) for layer in forward(weights, batches[0], phi)]
    return weights | {"goodness": np.array(goodness)}


# --- baselines ------------------------------------------------------------------------------------


def train_backpropagation(weights, xs, labels, phi, top):
    """The chain rule through all layers; `top` gives dJ/dz of the last from its z."""
    weights, adam = dict(weights), Adam()
    depth = len(weights) // 2
    for x, true in zip(xs, labels, strict=True):
        hs, slopes, z = [x], [], None
        for i in range(1, depth + 1):
            z = hs[-1] @ weights[f"layer{i}.weights"] + weights[f"layer{i}.bias"]
            a, slope = phi(z)
            hs.append(a)
            slopes.append(slope)
        gradients = {}
        delta = top(z, hs[-1], slopes[-1], true)
        for i in range(depth, 0, -1):
            gradients[f"layer{i}.weights"] = hs[i - 1].T @ delta
            gradients[f"layer{i}.bias"] = delta.sum(axis=0)
            if i > 1:
                delta = (delta @ weights[f"layer{i}.weights"].T) * slopes[i - 2]
        adam.update(weights, gradients)
    return weights


def cross_entropy_top(z, a, slope, true):
    delta = np.zeros_like(z)
    for i, label in enumerate(true):
        delta[i] = np.exp(z[i]) / np.exp(z[i]).sum() / len(z)
        delta[i, label] -= 1 / len(z)
    return delta


def ranking_top(z, a, slope, true):
    g = (a * a).sum(axis=1).reshape(N, -1)
    return pairwise(g).reshape(-1, 1) * 2 * a * slope


# --- what is stored -------------------------------------------------------------------------------


def initial(random, widths):
    weights = {}
    for i, (inputs, outputs) in enumerate(zip(widths[:-1], widths[1:], strict=True), start=1):
        weights[f"layer{i}.weights"] = random.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        weights[f"layer{i}.bias"] = random.normal(size=outputs) / 4
    return weights


def make():
    """Every tensor by name: inputs, initial weights, and each method's results."""
    random = np.random.default_rng(2305_12393)
    xs = random.normal(size=(STEPS, N, D))
    labels = np.array([[random.permutation(K) for _ in range(N)] for _ in range(STEPS)])
    local = initial(random, [D + K, *HIDDEN])
    label = initial(random, [D, *HIDDEN, K])
    golden = {"x": xs, "labels": labels.astype(np.int32)}

    def store(name, tensors):
        golden.update({f"{name}/{key}": tensor for key, tensor in tensors.items()})

    def forward_forward(name, gamma, coefficient, rows, schedule="simultaneous", phi=relu):
        trained = train_forward_forward(
            local, xs, labels[:, :, :rows], gamma, coefficient, phi, schedule
        )
        store(name, trained)

    store("initial", local)
    store("initial-label", label)
    forward_forward("sigmoid none", "none", sigmoid, 2)
    forward_forward("sigmoid others", "others", sigmoid, 2)
    forward_forward("sigmoid previous", "previous", sigmoid, 2)
    forward_forward("sigmoid next", "next", sigmoid, 2)
    forward_forward("sigmoid next three rows tanh", "next", sigmoid, 3, phi=tanh)
    forward_forward("sigmoid others sequential", "others", sigmoid, 2, "sequential")
    forward_forward("sigmoid previous sequential", "previous", sigmoid, 2, "sequential")
    forward_forward("sigmoid none layer", "none", sigmoid, 2, "layer")
    forward_forward("sigmoid previous layer", "previous", sigmoid, 2, "layer")
    forward_forward("sigmoid-literal others", "others", sigmoid_literal, 3)
    forward_forward("softmax none", "none", softmax, 4)
    forward_forward("softmax previous", "previous", softmax, 3)
    forward_forward("pairwise others", "others", pairwise, 3)
    forward_forward("entropy none", "none", entropy, 2)
    forward_forward("entropy others", "others", entropy, 3, phi=tanh)
    forward_forward("entropy-conditional others", "others", entropy_conditional, 3, phi=tanh)
    forward_forward("entropy-unsigned others", "others", entropy_unsigned, 2)
    forward_forward("entropy-signed none", "none", entropy_signed, 2)
    forward_forward("entropy-difference others", "others", entropy_difference, 3)
    forward_forward("entropy-normalised none", "none", entropy_normalised, 3)
    store(
        "backprop-label",
        train_backpropagation(label, xs, labels[:, :, 0], relu, cross_entropy_top),
    )
    batches = [joined(x, rows) for x, rows in zip(xs, labels[:, :, :3], strict=True)]
    store(
        "backprop-pairwise",
        train_backpropagation(local, batches, labels[:, :, 0], tanh, ranking_top),
    )
    return golden


if __name__ == "__main__":
    np.savez_compressed(Path(__file__).with_name("golden.npz"), **make())
