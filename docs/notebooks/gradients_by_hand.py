# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Gradients by hand
#
# A layer learns from its own rows alone, so its gradient takes three lines. We write them, and
# let finite differences say whether they are right. Every word is defined in
# [concepts](../concepts.md).

# %%
import numpy as np

from ffnp import exercises

# %% [markdown]
# ## What a layer is told: the coefficient
#
# With logit = goodness + gamma - theta and p = 1 / (1 + exp(-logit)), the objective is a mean
# over N images,
#
#     J = mean of  -log p(true row)  -  log(1 - p(wrong row))
#
# **Exercise 1.** `coefficient(goodness, gamma, theta)`: dJ/dg of (N, 2) goodness, the true
# label's in column 0. (The derivative of -log p by the logit is p - 1; that of -log(1 - p) is p.)


# %%
def coefficient(goodness, gamma, theta):
    return ...  # your answer


exercises.coefficient(coefficient)


# %% tags=["solution"]
def coefficient(goodness, gamma, theta):
    p = 1 / (1 + np.exp(-(goodness + gamma - theta)))
    return (p - [1, 0]) / len(goodness)


exercises.coefficient(coefficient)

# %% [markdown]
# ## From goodness to the weights
#
# In the forward pass this was  z = h W + b,  a = max(z, 0),  g = sum of a².
#
# **Exercise 2.** `delta(coefficients, a)`: dJ/dz of (M, H), where `coefficients` (M,) has dJ/dg
# of each row. relu lets a gradient pass where a > 0; what does that do to 2 a?


# %%
def delta(coefficients, a):
    return ...  # your answer


exercises.delta(delta)


# %% tags=["solution"]
def delta(coefficients, a):
    return 2 * coefficients[:, None] * a


exercises.delta(delta)

# %% [markdown]
# **Exercise 3.** `weights_gradient(h, delta)`: dJ/dW, in the shape of W (in, out), from the
# layer's input (M, in) and delta (M, out).


# %%
def weights_gradient(h, delta):
    return ...  # your answer


exercises.weights_gradient(weights_gradient)


# %% tags=["solution"]
def weights_gradient(h, delta):
    return h.T @ delta


exercises.weights_gradient(weights_gradient)

# %% [markdown]
# ## Is it right?
#
# A derivative can be measured: move a number up and down by a small step, and see how far the
# value moves.
#
# **Exercise 4.** `difference(f, x, step)`: for a function f of a vector x the central
# differences, a vector.


# %%
def difference(f, x, step):
    return ...  # your answer


exercises.difference(difference)


# %% tags=["solution"]
def difference(f, x, step):
    slopes = np.empty(len(x))
    for i in range(len(x)):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        slopes[i] = (f(up) - f(down)) / (2 * step)
    return slopes


exercises.difference(difference)

# %% [markdown]
# Now all together: one layer, three images with two labels each, against differences.

# %%
random = np.random.default_rng(0)
images, width_in, width, theta = 3, 5, 4, 2.0
h = random.normal(size=(images * 2, width_in))  # rows: true, wrong, true, wrong, ...
gamma = random.uniform(0, 1, (images, 2))
W = random.normal(0, 0.4, (width_in, width))


def goodness_of(W):
    return (np.maximum(h @ W, 0) ** 2).sum(axis=1).reshape(images, 2)


def value(flat):
    p = 1 / (1 + np.exp(-(goodness_of(flat.reshape(W.shape)) + gamma - theta)))
    return -np.log(p[:, 0]).mean() - np.log(1 - p[:, 1]).mean()


c = coefficient(goodness_of(W), gamma, theta)
by_hand = weights_gradient(h, delta(c.ravel(), np.maximum(h @ W, 0)))
measured = difference(value, W.ravel(), 1e-5).reshape(W.shape)
print("largest difference:", abs(by_hand - measured).max(), "of", abs(by_hand).max())

# %% [markdown]
# How small should the step be? Too large, and the curve is not straight; too small, and the
# difference drowns in rounding.

# %%
for step in 10.0 ** -np.arange(1, 12, 2):
    error = abs(by_hand - difference(value, W.ravel(), step).reshape(W.shape)).max()
    print(f"step {step:.0e}: {error:.1e}")

# %% [markdown]
# `ffnp gradcheck` does the same for every objective, gamma, activation and layer:
# [gradients](../gradients.md).
