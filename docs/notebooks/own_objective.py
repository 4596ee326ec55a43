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
# # An objective of one's own
#
# All that a layer needs to know of what it is to learn is one function, (goodness, gamma) ->
# (value, coefficient). We write two, check them, and train with them. Every word is defined in
# [concepts](../concepts.md).

# %%
import numpy as np

import ffnp
from ffnp import exercises

# %% [markdown]
# ## A hinge
#
# With G = goodness + gamma, and the true label in column 0: J = mean over images and wrong labels
# of max(0, margin - (G_true - G_wrong)).
#
# **Exercise 1.** `hinge(goodness, gamma, margin)` of (N, R) arrays: `return value, coefficient`,
# with the coefficient dJ/dg.


# %%
def hinge(goodness, gamma, margin):
    return ...  # your answer


exercises.hinge(hinge)


# %% tags=["solution"]
def hinge(goodness, gamma, margin):
    total = goodness + gamma
    gap = margin - (total[:, :1] - total[:, 1:])  # (N, R - 1)
    active = (gap > 0).astype(goodness.dtype) / gap.size
    coefficient = np.hstack([-active.sum(axis=1, keepdims=True), active])
    return float(np.maximum(gap, 0).mean()), coefficient


exercises.hinge(hinge)

# %% [markdown]
# Train with it, next to the sigmoid objective of the paper:

# %%
options = dict(hidden=(200, 200, 200), epochs=4, limit_train=5000, limit_test=1000, backend="numpy")
config = ffnp.Config(**options)


def my_hinge(goodness, gamma):
    return hinge(goodness, gamma, 10.0)


print("hinge:  ", ffnp.train(config, objective=my_hinge).test.all)
print("sigmoid:", ffnp.train(config).test.all)

# %% [markdown]
# ## Your own
#
# **Exercise 2.** `objective(goodness, gamma)`: anything that raises the true label's goodness and
# lowers the wrong ones'. The check compares the coefficient with finite differences of the value.
# (A start: the squared gap, where it is open.)


# %%
def objective(goodness, gamma):
    return ...  # your answer


exercises.objective(objective)


# %% tags=["solution"]
def objective(goodness, gamma):
    total = goodness + gamma
    gap = np.maximum(10 - (total[:, :1] - total[:, 1:]), 0)
    # In the value this was the mean of gap²; so dJ/dgap = 2 gap / (N (R - 1)).
    slope = 2 * gap / gap.size
    return float((gap**2).mean()), np.hstack([-slope.sum(axis=1, keepdims=True), slope])


exercises.objective(objective)

# %% [markdown]
# **Exercise 3.** Does it give for a batch what its parts give, put together? Then ffnp may share
# a batch among threads (`by_image = True`). Hand your objective to the check; one that compares
# with the batch's mean would not pass.


# %%
def for_parts(goodness, gamma):
    return ...  # your answer


exercises.by_image(for_parts)


# %% tags=["solution"]
for_parts = objective
exercises.by_image(for_parts)

# %%
print("yours:  ", ffnp.train(config, objective=objective).test.all)

# %% [markdown]
# In a file, the command line takes it, too: `ffnp train --objective FILE.py:NAME`, and `ffnp
# gradcheck --objective FILE.py:NAME` checks it with every gamma, activation and layer: [from
# Python](../python.md).
