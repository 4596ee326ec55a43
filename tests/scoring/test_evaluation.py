"""Prediction against K plain passes, votes of subsets of layers, and the paper's figure 2."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from small_training import make_trainer, small_dataset

from ffnp import Config, analyse, evaluate, from_arrays, load, predict, train
from ffnp.backends.numpy_backend import NumpyBackend
from ffnp.data import Split
from ffnp.errors import InputError, TrainingError
from ffnp.scoring.evaluation import candidate_scores, scores
from ffnp.scoring.sweep import check_candidates
from ffnp.training.sources import BLOCK

SMALL = Config(limit_train=300, hidden=(20, 15, 10), epochs=2, batch_size=100, dtype="float64")


@pytest.fixture(scope="module")
def model():
    return train(SMALL).model


@pytest.fixture(scope="module")
def test_rows():
    return load("mnist").test.first(BLOCK + 7)  # a whole block and a ragged one


def plain_goodness(model, images, label):
    """One full pass over the joined input, as in the paper's section 2."""
    x = (images.astype(float) - model.data.scaling.mean) / model.data.scaling.deviation
    x *= 10 / np.sqrt((x * x).sum(axis=1, keepdims=True) + 1)
    onehot = np.zeros((len(x), 10))
    onehot[:, label] = 3
    h, goodness = np.concatenate([x, onehot], axis=1), []
    weights = model.weights()
    for i in (1, 2, 3):
        a = np.maximum(h @ weights[f"layer{i}.weights"] + weights[f"layer{i}.bias"], 0)
        goodness.append((a * a).sum(axis=1))
        h = a / (np.sqrt(goodness[-1])[:, None] + 1e-8)
    return np.array(goodness)


def test_label_sweep_equals_one_full_pass_a_label(model, test_rows):
    swept = np.concatenate(list(scores(model, test_rows.images)), axis=1)  # (L, N, K)
    plain = [plain_goodness(model, test_rows.images, label) for label in range(10)]
    np.testing.assert_allclose(swept, np.stack(plain, axis=2), rtol=1e-10, atol=1e-12)


def test_every_subset_of_layers_can_vote(model, test_rows):
    goodness = np.concatenate(list(scores(model, test_rows.images)), axis=1)
    for layers in ([1], [3], [1, 3], [3, 2], [1, 2, 3]):
        votes = goodness[[i - 1 for i in layers]].sum(axis=0).argmax(axis=1)
        found = evaluate(model, test_rows, layers)
        assert found.all == pytest.approx(100 * (votes != test_rows.labels).mean())
        assert found.groups[-1] == found.all
        assert len(found.layers) == len(layers)


@pytest.mark.parametrize("layers", [[0], [4], [], [1, 1]])
def test_layers_that_cannot_vote_are_refused(model, test_rows, layers):
    with pytest.raises(InputError, match="layer"):
        evaluate(model, test_rows, layers)


def test_images_that_do_not_fit_are_refused(model, test_rows):
    for images in (test_rows.images[:, :9], test_rows.images.astype(np.float32)):
        for measure in (evaluate, analyse):
            with pytest.raises(InputError, match="the split has .* model"):
                measure(model, Split(images, test_rows.labels))


def test_images_that_do_not_fit_are_not_scored(model, test_rows):
    for images in (test_rows.images[0], test_rows.images[:, :9], test_rows.images / 255):
        with pytest.raises(InputError, match="the input has"):
            scores(model, images)  # before the first block is asked for


def test_scores_that_are_not_finite_are_reported(test_rows):
    broken = train(replace(SMALL, epochs=1)).model
    broken.weights()["layer2.bias"][0] = np.nan
    with pytest.raises(TrainingError, match="NaN"):
        evaluate(broken, test_rows)


def test_images_whose_scores_are_not_finite_are_named():
    images = np.random.default_rng(0).random((BLOCK + 7, 5), dtype=np.float32)
    dataset = from_arrays(images, np.arange(BLOCK + 7) % 4, images, np.arange(BLOCK + 7) % 4)
    model = make_trainer(Config(hidden=(6,)), dataset).model
    dataset.test.images[BLOCK + 3] = np.nan  # as a mapped file may have it
    for measure in (evaluate, analyse, partial(evaluate, candidates=2)):
        with pytest.raises(TrainingError, match=f"score of images {BLOCK}..{BLOCK + 6} is NaN"):
            measure(model, dataset.test)


def test_a_label_that_the_model_does_not_know_is_refused(model, test_rows):
    labels = test_rows.labels.copy()
    labels[3] = 10
    for measure in (evaluate, analyse):
        with pytest.raises(InputError, match="has label 10, but the model knows only 0..9"):
            measure(model, replace(test_rows, labels=labels))


@pytest.mark.slow
def test_collaboration_makes_the_vote_better_than_every_layer():
    """The paper's figure 2: plain layers do not cooperate, layers that hear of each other do."""
    config = Config(limit_train=10_000, epochs=20, lr_schedule="linear")
    plain = train(replace(config, method="ff")).test
    assert plain.layers[0] < min(plain.layers[1:])
    assert plain.layers[0] <= plain.all
    collaborative = train(config).test
    assert collaborative.all < min(collaborative.layers)


@pytest.mark.parametrize("candidates", [1, 3, 9])
def test_layers_vote_on_the_labels_that_the_first_one_takes_for_likeliest(
    model, test_rows, candidates
):
    images = test_rows.images
    goodness = np.concatenate(list(scores(model, images)), axis=1)  # (L, N, K)
    outside = np.argsort(goodness[0], axis=1)[:, : 10 - candidates]
    np.put_along_axis(goodness, np.broadcast_to(outside, (3, *outside.shape)), 0, axis=2)
    votes = goodness.sum(axis=0).argmax(axis=1)
    np.testing.assert_array_equal(predict(model, images, candidates=candidates), votes)
    found = evaluate(model, test_rows, candidates=candidates)
    assert found.all == pytest.approx(100 * (votes != test_rows.labels).mean())
    of_third = 100 * (goodness[2].argmax(axis=1) != test_rows.labels).mean()
    assert found.layers[2] == pytest.approx(of_third)
    for some, labels in candidate_scores(model, images[:5], candidates):
        assert (np.diff(some[0], axis=1) < 0).all()
        every = np.broadcast_to(labels, some.shape)
        expected = np.take_along_axis(goodness[:, :5], every, axis=2)
        np.testing.assert_allclose(some, expected, rtol=1e-10)


@pytest.mark.parametrize("joined", ["first", "every"])
def test_all_labels_as_candidates_are_no_choice(joined):
    dataset = small_dataset(train=50, test=23)
    config = Config(hidden=(6, 5), joined=joined, batch_size=20)
    model = make_trainer(config, dataset, NumpyBackend()).model
    assert check_candidates(model, 4) is None  # the first layer is not asked twice
    (every,) = scores(model, dataset.test.images)
    ((found, labels),) = candidate_scores(model, dataset.test.images, 4)
    assert found.tobytes() == every.tobytes()
    np.testing.assert_array_equal(labels, np.tile(np.arange(4), (23, 1)))


@pytest.mark.parametrize("joined", ["first", "every"])
def test_candidates_are_scored_as_among_all(joined):
    """By layers that read the label too, and in parts of a batch."""
    dataset = small_dataset(train=50, test=23)
    config = Config(hidden=(60, 50), joined=joined, batch_size=20, dtype="float64")
    model = make_trainer(config, dataset, NumpyBackend()).model
    (every,) = scores(model, dataset.test.images)
    ((found, labels),) = candidate_scores(model, dataset.test.images, 2)
    expected = np.take_along_axis(every, np.broadcast_to(labels, found.shape), axis=2)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize(
    "method, lacks",
    [
        ("backprop-pairwise", "has no first layer that votes"),
        ("backprop-label", "reads no label"),
        ("local-heads", "reads no label"),
    ],
)
def test_candidates_are_refused_by_what_is_no_forward_forward(method, lacks):
    dataset = small_dataset()
    model = make_trainer(Config(hidden=(6, 5), method=method, batch_size=20), dataset).model
    for measure, rows in ((evaluate, dataset.test), (predict, dataset.test.images)):
        with pytest.raises(InputError, match=f"method {method} {lacks}: leave it out"):
            measure(model, rows, candidates=2)


@pytest.mark.parametrize("candidates", [0, -1, "3", 2.5, True])
def test_candidates_are_a_number_from_one(model, test_rows, candidates):
    with pytest.raises(InputError, match="candidates is"):
        evaluate(model, test_rows, candidates=candidates)
