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
# # Collaboration, and why depth fails
#
# Plain layers do not cooperate: the vote of three errs more often than the first alone. Here is
# why, in numbers, and what gamma does about it. Every word is defined in
# [concepts](../concepts.md), where the same settings are measured.

# %%
import matplotlib.pyplot as plt
import numpy as np

import ffnp
from ffnp import exercises
from ffnp.runs.experiment import Watcher

test = ffnp.load("mnist").test.first(2000)


def train(epochs, watcher=None, **options):
    config = ffnp.Config(
        hidden=(200, 200, 200), epochs=epochs, limit_train=10_000, limit_test=2000,
        backend="numpy", **options,
    )  # fmt: skip
    return ffnp.train(config, watcher=watcher)


def goodness_of(model, split=test):
    """(layers, images, labels)"""
    return np.concatenate(list(ffnp.scores(model, split.images)), axis=1)


# %%
plain = train(epochs=15, method="ff")
collab = train(epochs=15, method="collab", gamma="others")
for name, result in (("plain", plain), ("gamma others", collab)):
    print(f"{name:13} layers alone {result.test.layers}, vote {result.test.all}")

# %% [markdown]
# ## What a layer hears
#
# **Exercise 1.** `gamma_others(goodness)`: for (L, N, R) goodness what each layer hears of all
# others, (L, N, R).


# %%
def gamma_others(goodness):
    return ...  # your answer


exercises.gamma_others(gamma_others)


# %% tags=["solution"]
def gamma_others(goodness):
    return goodness.sum(axis=0) - goodness


exercises.gamma_others(gamma_others)

# %% [markdown]
# **Exercise 2.** `gamma_previous(goodness)`: of the layers below alone. The first hears nothing,
# 0.


# %%
def gamma_previous(goodness):
    return ...  # your answer


exercises.gamma_previous(gamma_previous)


# %% tags=["solution"]
def gamma_previous(goodness):
    return np.cumsum(goodness, axis=0) - goodness


exercises.gamma_previous(gamma_previous)

# %% [markdown]
# How hard would each layer be pushed, were these test images a batch? A coefficient near 0 leaves
# a row alone.

# %%
theta = 20
for name, result in (("plain", plain), ("gamma others", collab)):
    g = goodness_of(result.model)
    true = np.take_along_axis(g, test.labels[None, :, None], axis=2)
    hears = 0 if name == "plain" else gamma_others(true)
    p = 1 / (1 + np.exp(-(true + hears - theta)))
    print(f"{name:13} mean push on true rows, layer by layer:", np.round((1 - p).mean((1, 2)), 2))

# %% [markdown]
# Every plain layer goes on pushing rows that layer 1 has settled: it does not know. With gamma
# others all are pushed alike, where the sum is not enough.
#
# ## Mended and spoiled
#
# When the others join layer 1 in the vote, some images that it had wrong become right, and some
# that it had right, wrong.
#
# **Exercise 3.** `mended_and_spoiled(first, vote, labels)`: two shares of *all* images, in %;
# each argument is (N,) labels.


# %%
def mended_and_spoiled(first, vote, labels):
    return ...  # your answer


exercises.mended_and_spoiled(mended_and_spoiled)


# %% tags=["solution"]
def mended_and_spoiled(first, vote, labels):
    was, now = first == labels, vote == labels
    return 100 * (~was & now).mean(), 100 * (was & ~now).mean()


exercises.mended_and_spoiled(mended_and_spoiled)

# %%
for name, result in (("plain", plain), ("gamma others", collab)):
    g = goodness_of(result.model)
    first, second, vote = g[0].argmax(1), g[1].argmax(1), g.sum(axis=0).argmax(1)
    wrong = first != test.labels
    mended, spoiled = mended_and_spoiled(first, vote, test.labels)
    helped = 100 * (second == test.labels)[wrong].mean()
    print(f"{name:13} the vote mends {mended:.2f}% and spoils {spoiled:.2f}%;", end=" ")
    print(f"where layer 1 is wrong, layer 2 is right in {helped:.0f}%")

# %% [markdown]
# The plain layer 2 has little to add: it knows the image only through layer 1, and was taught the
# same task.
#
# ## Worse than chance
#
# We look at the goodness of a plain layer 2 batch by batch: does it have more for the true label?


# %%
class Watch(Watcher):
    """Mean goodness of layer 2, true and wrong labels, and its error, every fifth batch."""

    few = test.first(300)

    def __init__(self):
        self.seen, self.batches = [], 0

    def batch(self, trainer):
        if self.batches % 5 == 0:
            g = goodness_of(trainer.model, self.few)[1]
            is_true = np.eye(10, dtype=bool)[self.few.labels]
            error = 100 * (g.argmax(axis=1) != self.few.labels).mean()
            self.seen.append((self.batches, g[is_true].mean(), g[~is_true].mean(), error))
        self.batches += 1
        return False


watch = Watch()
early = train(epochs=3, method="ff", watcher=watch)
print("after 3 epochs, layers alone:", early.test.layers)

# %%
batches, true, wrong, error = np.transpose(watch.seen)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
left.plot(batches, true - wrong, "k-")
left.axhline(0, color="0.6", linewidth=0.8)
left.set(xlabel="batches", ylabel="goodness, true - wrong")
left.set_title("layer 2 has more for wrong labels")
right.plot(batches, error, "k-")
right.axhline(90, color="0.6", linewidth=0.8)
right.set(xlabel="batches", ylabel="error of layer 2 alone, %")
right.set_title("and errs more than guessing, 90%")
plt.show()

# %% [markdown]
# At first all rows look alike to layer 2, and are far below theta: true rows are pushed up with
# all force, wrong ones not at all, and every row's goodness rises. Wrong rows are the blander
# ones, and rise a little more. That is the wrong order, and a layer with the wrong order is
# nearly always wrong.
#
# **Questions.** Is layer 2 still worse than chance after 15 epochs (above)? Why may a layer with
# a pair error of 16% have a ten-way error of 81%? ([concepts](../concepts.md) answers.)
