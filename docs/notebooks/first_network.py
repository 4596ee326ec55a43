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
# # A first network
#
# We train a Forward-Forward network on handwritten digits, look at what its layers say, and build
# the parts by hand. Every word is defined in [concepts](../concepts.md). Each exercise has a
# check, which says what is wrong, and a solution to unfold.

# %%
import numpy as np

import ffnp
from ffnp import exercises

mnist = ffnp.load("mnist")
print(mnist.train.images.shape, mnist.train.labels[:10])

# %% [markdown]
# An image is a row of 784 numbers, 28 x 28. Three layers of 200 units, 5,000 images, four epochs
# take a few seconds.

# %%
config = ffnp.Config(
    hidden=(200, 200, 200), epochs=4, limit_train=5000, limit_test=1000, backend="numpy"
)
result = ffnp.train(config)
print("error of the vote:", result.test.all, "% of 1000 test images; guessing has 90%")

# %% [markdown]
# ## Rows
#
# The network is never asked "what is this?" but "is this a 4?". The label is written behind the
# pixels, as a list of K entries that are 0 but for its own, which is `scale`.
#
# **Exercise 1.** `joined(images, labels, classes, scale)`: images (N, D) and labels (N,) give
# rows (N, D + classes).


# %%
def joined(images, labels, classes, scale):
    return ...  # your answer


exercises.joined(joined)


# %% tags=["solution"]
def joined(images, labels, classes, scale):
    return np.hstack([images, scale * np.eye(classes)[labels]])


exercises.joined(joined)

# %% [markdown]
# In training every image is joined with its true label, and with a wrong one: a negative.
#
# **Exercise 2.** `negatives(labels, classes, random)`: for each label a wrong one, each of them
# as likely, drawn from `random`, a generator (`random.integers(low, high, size)` gives low ..
# high - 1).


# %%
def negatives(labels, classes, random):
    return ...  # your answer


exercises.negatives(negatives)


# %% tags=["solution"]
def negatives(labels, classes, random):
    return (labels + random.integers(1, classes, len(labels))) % classes


exercises.negatives(negatives)

# %% [markdown]
# ## Goodness
#
# What a layer says of a row is one number: the sum of its squared activities.
#
# **Exercise 3.** `goodness(a)`: activities (M, H) of M rows give (M,).


# %%
def goodness(a):
    return ...  # your answer


exercises.goodness(goodness)


# %% tags=["solution"]
def goodness(a):
    return (a**2).sum(axis=1)


exercises.goodness(goodness)

# %% [markdown]
# If the next layer read the activities as they are, it could read off the goodness, and learn
# nothing of its own. So each row is scaled to length 1.
#
# **Exercise 4.** `normalised(a)`: (M, H) rows of length 1; a row without any activity stays 0.


# %%
def normalised(a):
    return ...  # your answer


exercises.normalised(normalised)


# %% tags=["solution"]
def normalised(a):
    return a / (np.sqrt((a**2).sum(axis=1, keepdims=True)) + 1e-8)


exercises.normalised(normalised)

# %% [markdown]
# ## The vote
#
# `ffnp.scores` joins images with all labels, and gives the goodness of each layer (layers,
# images, labels).

# %%
digits = mnist.test.first(1000)
scores = np.concatenate(list(ffnp.scores(result.model, digits.images)), axis=1)
print(scores.shape)
print("goodness of the first image, a", digits.labels[0])
print(np.round(scores[:, 0], 1))

# %% [markdown]
# **Exercise 5.** `vote(goodness)`: (L, N, K) goodness gives N labels. All layers' goodness is
# added up.


# %%
def vote(goodness):
    return ...  # your answer


exercises.vote(vote)


# %% tags=["solution"]
def vote(goodness):
    return goodness.sum(axis=0).argmax(axis=1)


exercises.vote(vote)

# %%
print("error of your vote:", 100 * (vote(scores) != digits.labels).mean())
print("as measured by ffnp:", result.test.all)
print("of each layer alone:", result.test.layers)

# %% [markdown]
# Does a layer alone do as well as the vote? Why not: [the third notebook](why_depth_fails.py).
