"""Are the gradients right, and how far can that be seen? Three ways to know better.

For every method, the engine's gradient by hand against

- central differences of its loss, over step sizes, in float64 and in float32: the U-shaped curve
  between truncation (step^2) and rounding (1 / step);
- the complex step, Im J(w + i step) / step, which subtracts nothing and so is right to rounding;
- PyTorch's autograd, where it is installed (it is never required).

The last two differentiate the plain formulas below, which share nothing with the engine: rows are
joined with one label each, and `detach` cuts what training holds constant, the inputs h and gamma.

    python benchmarks/gradients.py --figure gradients.svg
"""

import argparse
import importlib.util
import sys
import time
from pathlib import Path

import numpy as np

from ffnp.backends.reference import EPSILON
from ffnp.backends.selection import BACKENDS, make_backend
from ffnp.gradcheck import CHECKS, cases, name_of
from ffnp.gradcheck.checking import relative_error
from ffnp.gradcheck.drawing import draw
from ffnp.gradcheck.subject import STEP, Subject
from ffnp.plotting import styles

STEPS = 10.0 ** np.arange(-1, -12.5, -0.5)
IMAGINARY = 1e-30
FLOOR, POWER = 1e-3, 8.0  # of the entropy objective, said once more
AGREEMENT = 1e-10  # of the complex step and of autograd

# --- the plain formulas, in NumPy or PyTorch ------------------------------------------------------


def softplus(t, xp):
    return xp.log(1 + xp.exp(t))


def gelu(z, xp, detach):
    return 0.5 * z * (1 + xp.tanh(0.7978845608028654 * (z + 0.044715 * z**3)))


ACTIVATIONS = {
    "relu": lambda z, xp, detach: z * (detach(z) > 0),
    "leaky_relu": lambda z, xp, detach: 0.01 * z + 0.99 * z * (detach(z) > 0),
    "tanh": lambda z, xp, detach: xp.tanh(z),
    "gelu": gelu,
    "softplus": lambda z, xp, detach: softplus(z, xp),
    "sigmoid": lambda z, xp, detach: 1 / (1 + xp.exp(-z)),
}


OBJECTIVES = {  # of h = g + gamma, (N, R); theta and alpha are the case's
    "sigmoid": lambda h, case, xp, detach: (
        softplus(case.theta - h[:, 0], xp).mean() + softplus(h[:, 1:] - case.theta, xp).mean()
    ),
    "sigmoid-literal": lambda h, case, xp, detach: (
        softplus(case.theta - h[:, 0], xp).mean() - softplus(case.theta - h[:, 1:], xp).mean()
    ),
    "softmax": lambda h, case, xp, detach: (xp.log(xp.exp(h).sum(-1)) - h[:, 0]).mean(),
    "pairwise": lambda h, case, xp, detach: softplus(case.alpha * (h[:, 1:] - h[:, :1]), xp).mean(),
    "entropy": lambda h, case, xp, detach: (
        xp.log(((h + FLOOR) ** POWER).sum(-1)) - POWER * xp.log(h[:, 0] + FLOOR)
    ).mean(),
}


def cross_entropy(z, labels, xp):
    """-log softmax(z)[label], a mean over images."""
    return (xp.log(xp.exp(z).sum(-1)) - z[range(len(labels)), labels]).mean()


def plain_loss(case, weights, x, labels, xp, detach):
    """Sum of all layers' local losses, or a baseline's one loss, from (name, tensor) weights."""
    phi = ACTIVATIONS[case.activation]
    depth = sum(f"layer{i}.weights" in weights for i in range(len(weights) + 1))
    h, goodness, z, heads = x, [], None, 0
    for i in range(1, depth + 1):
        z = h @ weights[f"layer{i}.weights"] + weights[f"layer{i}.bias"]
        a = phi(z, xp, detach)
        if case.method == "local-heads":
            logits = a @ weights[f"layer{i}.head.weights"] + weights[f"layer{i}.head.bias"]
            heads, h = heads + cross_entropy(logits, labels[:, 0], xp), detach(a)
            continue
        g = (a * a).sum(-1)
        goodness.append(g.reshape(labels.shape))
        h = (
            a
            if case.is_baseline
            else detach(case.hidden_length * a / (xp.sqrt(g) + EPSILON)[:, None])
        )
        if case.joined == "every":
            h = xp.concatenate([x, h], 1)
    if case.method == "local-heads":
        return heads
    if case.method == "backprop-label":
        return cross_entropy(z, labels[:, 0], xp)
    if case.method == "backprop-pairwise":
        return OBJECTIVES["pairwise"](goodness[-1], case, xp, detach)
    gamma = name_of(case)[1]
    total = 0
    for i, g in enumerate(goodness):
        heard = {
            "none": [],
            "previous": goodness[:i],
            "next": goodness[i + 1 :],
            "others": goodness[:i] + goodness[i + 1 :],
        }
        h = g + sum(detach(other) for other in heard[gamma])
        total = total + OBJECTIVES[case.objective](h, case, xp, detach)
    return total


def joined(case, sample):
    """What the first layer reads, a row for each label: [x, s onehot(label)]."""
    if not case.labelled:
        return sample.x.astype(float)
    onehot = case.label_scale * np.eye(len(sample.weights["layer1.weights"]) - sample.x.shape[1])
    rows = [
        np.concatenate([x, onehot[label]])
        for x, candidates in zip(sample.x, sample.labels, strict=True)
        for label in candidates
    ]
    return np.array(rows)


# --- three ways to differentiate ------------------------------------------------------------------


def by_complex_step(case, sample):
    """The gradient, one parameter at a time; what `detach` drops is the imaginary part."""
    weights = {name: tensor.astype(complex) for name, tensor in sample.weights.items()}
    x, gradient = joined(case, sample), {}
    for name, tensor in weights.items():
        gradient[name] = np.empty(tensor.shape)
        for place in np.ndindex(tensor.shape):
            tensor[place] += 1j * IMAGINARY
            value = plain_loss(case, weights, x, sample.labels, np, np.real)
            gradient[name][place] = value.imag / IMAGINARY
            tensor[place] = tensor[place].real
    return gradient


def by_autograd(case, sample):
    """The gradient by PyTorch, in float64."""
    import torch

    weights = {
        name: torch.tensor(tensor, dtype=torch.float64, requires_grad=True)
        for name, tensor in sample.weights.items()
    }
    x, labels = torch.tensor(joined(case, sample)), torch.tensor(sample.labels, dtype=torch.int64)
    plain_loss(case, weights, x, labels, torch, torch.Tensor.detach).backward()
    return {name: tensor.grad.numpy() for name, tensor in weights.items()}


def disagreement(case, backend, differentiate):
    """The engine's largest relative error over its layers, against another gradient."""
    sample = draw(case)
    subject = Subject(case, sample, backend, "float64")
    gradient, expected = subject.gradient(), differentiate(case, sample)
    errors = []
    for i, indices in enumerate(subject.indices(), start=1):
        parts = [each.ravel() for name, each in expected.items() if name.startswith(f"layer{i}.")]
        errors.append(relative_error(gradient[indices], np.concatenate(parts)))
    return max(errors)


def curve(case, backend, dtype):
    """The largest relative error of central differences for each step size, in a dtype."""
    sample = draw(case)
    exact = Subject(case, sample, backend, "float64").gradient()
    subject = Subject(case, sample, backend, dtype)
    errors = []
    for step in STEPS:
        worst = 0.0
        for layer, indices in enumerate(subject.indices()):
            loss = subject.loss(layer)
            numeric = [subject.difference(loss, i, 1.0, float(step)) for i in indices]
            worst = max(worst, relative_error(exact[indices], np.array(numeric)))
        errors.append(worst)
    return np.array(errors)


# --- table and figure -----------------------------------------------------------------------------


def draw_figure(curves, path):
    """Error against step size, a line a method, float64 beside float32."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "ffnp"
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
    for panel, dtype in zip(panels, ("float64", "float32"), strict=True):
        for (name, by_dtype), style in zip(curves.items(), styles(), strict=False):
            panel.loglog(
                STEPS, by_dtype[dtype], lw=1.2, label=name, markersize=4, markevery=4, **style
            )
        panel.set(title=dtype, xlabel="step", ylim=(1e-11, 10))
        panel.grid(alpha=0.3)
    panels[0].axvline(STEP, color="0.5", lw=0.8)
    panels[0].text(STEP / 1.2, 3, "step of ffnp gradcheck", rotation=90, ha="right", va="top",
                   color="0.4", fontsize=8)  # fmt: skip
    panels[0].axhline(CHECKS["parameters"], color="0.5", lw=0.8, ls=":")
    panels[0].text(0.3, 1.3e-6, "its tolerance", ha="right", color="0.4", fontsize=8)
    panels[0].set_ylabel("largest relative error of central differences")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--backend", choices=BACKENDS, default="numpy")
    parser.add_argument("--activation", choices=ACTIVATIONS, default="tanh", help="of the curves")
    parser.add_argument("--figure", type=Path, help="draw the curves into this .svg or .png file")
    options = parser.parse_args()
    backend = make_backend(options.backend)
    torch = importlib.util.find_spec("torch") is not None
    print(
        f"error against float64 gradients by hand (backend {backend.name}); curves: gamma others, "
        f"{options.activation};\ncomplex step and autograd: the worst over every gamma and "
        f"activation, {'with' if torch else 'without'} PyTorch\n"
    )
    print(f"{'':19}  {'float64 differences':>21}  {'float32 differences':>21}  complex  autograd")
    print(f"{'method':19}" + 2 * f"  {'best':>7} {'at step':>13}" + f"  {'step':>7}")
    references = [by_complex_step, by_autograd][: 1 + torch]
    start, worst, curves, by_method = time.perf_counter(), 0.0, {}, {}
    compared = [case for case in cases() if not case.unit_dropout]  # the formulas drop nothing
    for case in compared:
        by_method.setdefault(name_of(case)[0], []).append(case)
    for name, group in by_method.items():
        shown = [c for c in group if name_of(c)[1] == "others" or c.is_baseline]
        case = next(c for c in shown if c.activation == options.activation)
        curves[name] = {dtype: curve(case, backend, dtype) for dtype in ("float64", "float32")}
        line = f"{name:19}"
        for errors in curves[name].values():
            best = errors.argmin()
            line += f"  {errors[best]:7.1e} {STEPS[best]:13.0e}"
        for width, differentiate in enumerate(references, start=7):
            error = max(disagreement(c, backend, differentiate) for c in group)
            line += f"  {error:{width}.1e}"
            worst = max(worst, error)
        print(line, flush=True)
    print(f"\n{len(compared)} cases, {time.perf_counter() - start:.0f} s")
    if options.figure:
        draw_figure(curves, options.figure)
    if not worst <= AGREEMENT:
        sys.exit(f"Error: a gradient disagrees by {worst:.1e}, more than {AGREEMENT:.0e}")


if __name__ == "__main__":
    main()
