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
# # Functional entropy
#
# The paper looks at how unevenly goodness is spread: over rows, and over layers. We write the
# measure, split it, and see why it is a poor thing to maximise as it stands. Every word is
# defined in [concepts](../concepts.md).

# %%
import numpy as np

import ffnp
from ffnp import exercises

# %% [markdown]
# **Exercise 1.** `entropy(h)`: the mean of h log(h / mean h) over (M,) numbers that are 0 or
# more; 0 log 0 counts as 0.


# %%
def entropy(h):
    return ...  # your answer


exercises.entropy(entropy)


# %% tags=["solution"]
def entropy(h):
    positive = h[h > 0]
    return (positive * np.log(positive / h.mean())).sum() / len(h)


exercises.entropy(entropy)

# %%
for h in ([2, 2, 2, 2], [0, 0, 4, 4], [0, 0, 0, 8], [0, 0, 0, 80]):
    print(h, round(float(entropy(np.array(h, float))), 2))

# %% [markdown]
# The last is ten times the one before: Ent[10 h] = 10 Ent[h]. Whoever maximises it can simply
# grow.
#
# ## Between layers and within them
#
# **Exercise 2.** `decomposition(goodness)`: of (L, M) goodness the entropy *between* the layers
# (of their means), and *within* them (the mean of each layer's own).


# %%
def decomposition(goodness):
    return ...  # your answer


exercises.decomposition(decomposition)


# %% tags=["solution"]
def decomposition(goodness):
    between = entropy(goodness.mean(axis=1))
    within = np.mean([entropy(layer) for layer in goodness])
    return between, within


exercises.decomposition(decomposition)

# %% [markdown]
# The two add up to the entropy of everything, an identity (equation 12 of the paper):

# %%
goodness = np.random.default_rng(0).gamma(2.0, 3.0, (3, 1000))
print(sum(decomposition(goodness)), entropy(goodness.ravel()))

# %% [markdown]
# Two networks, plain and collaborative, on a sample of test rows:

# %%
options = dict(
    hidden=(200, 200, 200), epochs=6, limit_train=10_000, limit_test=1000, backend="numpy"
)
test = ffnp.load("mnist").test.first(500)
for method in ("ff", "collab"):
    model = ffnp.train(ffnp.Config(method=method, **options)).model
    scores = np.concatenate(list(ffnp.scores(model, test.images)), axis=1)  # (L, N, K)
    between, within = decomposition(scores.reshape(len(scores), -1))
    print(f"{method:7} between layers {between:.2f}, within {within:.2f}")

# %% [markdown]
# With gamma the layers share the work unevenly, and most of the entropy lies between them.
#
# ## A form that can be learned from
#
# So that growth is not rewarded, each image's goodness is divided by its own mean over labels.
#
# **Exercise 3.** `relative(goodness)`: (N, R) goodness over the mean of its image's R rows.


# %%
def relative(goodness):
    return ...  # your answer


exercises.relative(relative)


# %% tags=["solution"]
def relative(goodness):
    return goodness / goodness.mean(axis=1, keepdims=True)


exercises.relative(relative)

# %%
g = np.array([[9.0, 3.0], [6.0, 6.0]])
print(relative(g))
print(relative(10 * g) - relative(g), "growing changes nothing")

# %% [markdown]
# ffnp's entropy objective is made of this: [entropy](../objectives/entropy.md); readings of the
# paper that do not learn are in [entropy_readings](../../examples/entropy_readings.md).

# %%
entropic = ffnp.train(ffnp.Config(objective="entropy", **options))
print("error with the entropy objective:", entropic.test.all)
