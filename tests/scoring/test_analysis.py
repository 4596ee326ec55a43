"""Functional entropy: an identity, its invariances, and recording that changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from data_files import small_arrays
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_training import make_trainer, same_bits

from ffnp import Config, from_arrays, load, train
from ffnp.errors import InputError, TrainingError
from ffnp.network.labels import candidate_labels
from ffnp.randomness import ANALYSIS, stream
from ffnp.scoring.analysis import analyse, decompose, functional_entropy
from ffnp.training.sources import BLOCK

SMALL = Config(limit_train=300, limit_test=150, hidden=(20, 15), epochs=2, batch_size=100)
goodness_arrays = arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(1, 9)),
    elements=st.just(0.0) | st.floats(1e-6, 50),
)


@given(goodness=goodness_arrays)
def test_decomposition_is_an_identity(goodness):
    """The paper's equation 12."""
    found = decompose(goodness)
    parts = found.between_layers + np.mean(found.within_layers)
    assert found.total == pytest.approx(parts, rel=1e-9, abs=1e-9)


@given(goodness=goodness_arrays, scale=st.floats(0.01, 100))
def test_functional_entropy_is_nonnegative_and_scales_with_goodness(goodness, scale):
    entropy = functional_entropy(goodness)
    assert entropy >= -1e-9
    assert functional_entropy(scale * goodness) == pytest.approx(
        scale * entropy, rel=1e-9, abs=1e-9
    )


def test_functional_entropy_of_known_arrays():
    assert functional_entropy(np.full(5, 3.0)) == 0
    assert functional_entropy(np.zeros(4)) == 0
    assert functional_entropy(np.array([0.0, 2.0])) == pytest.approx(np.log(2))


IMAGES, CLASSES = BLOCK + 30, 4  # a whole block and a ragged one


@pytest.fixture(scope="module")
def sampled():
    """Images of which every second is analysed: pixel 0 is lit in the first, 1 in the last."""
    dataset = from_arrays(*small_arrays(4, 4, train=50, test=2 * IMAGES, classes=CLASSES))
    images = dataset.test.images
    images[:, :2] = 0
    images[0, 0] = images[2 * IMAGES - 2, 1] = 255
    return dataset


@pytest.fixture(scope="module")
def partly_dead(sampled):
    """Of seven units of layer 1, two never speak, and two for one image each."""
    config = Config(hidden=(7, 5), batch_size=10, dtype="float64", seed=3)
    model = make_trainer(config, sampled).model
    weights = model.weights()
    weights["layer1.weights"][:, :4] = 0
    weights["layer1.bias"][:4] = 0, 0, 0, -1
    weights["layer1.weights"][0, 0] = weights["layer1.weights"][1, 1] = 1
    weights["layer2.weights"][:, 3] = 0
    weights["layer2.bias"][3] = -1
    return model


@pytest.fixture(scope="module")
def plain(partly_dead, sampled):
    """Goodness with true and wrong label, (L, N, 2), and units that never speak, by plain sums."""
    images = sampled.test.images[::2].astype(float)
    scaling, weights = partly_dead.data.scaling, partly_dead.weights()
    x = (images - scaling.mean) / scaling.deviation
    x *= 10 / np.sqrt((x * x).sum(axis=1, keepdims=True) + 1)
    joined = [np.hstack([x, np.tile(3 * row, (IMAGES, 1))]) for row in np.eye(CLASSES)]
    h, goodness, dead = np.stack(joined, axis=1), [], []  # (N, K, D + K)
    for i in (1, 2):
        a = np.maximum(h @ weights[f"layer{i}.weights"] + weights[f"layer{i}.bias"], 0)
        goodness.append((a * a).sum(axis=2))
        dead.append(int((a == 0).all(axis=(0, 1)).sum()))
        h = a / (np.sqrt(goodness[-1])[..., None] + 1e-8)
    rows = candidate_labels(sampled.test.labels[::2], CLASSES, 2, stream(3, ANALYSIS))
    return np.take_along_axis(np.stack(goodness), rows[None], axis=2), dead


@pytest.fixture
def found(partly_dead, sampled):
    return analyse(partly_dead, sampled.test, rows=IMAGES)


def test_entropies_are_those_of_all_rows_of_true_and_of_wrong_ones(found, plain):
    def entropy(h):
        return np.mean(h * np.log(np.maximum(h, 1e-300) / np.mean(h)))  # 0 log 0 is 0

    both, _ = plain
    for entropies, h in (
        (found.entropy_all, both),
        (found.entropy_true, both[:, :, 0]),
        (found.entropy_wrong, both[:, :, 1]),
    ):
        assert entropies.total == pytest.approx(entropy(h))
        assert entropies.between_layers == pytest.approx(
            entropy(np.array([np.mean(layer) for layer in h]))
        )
        assert entropies.within_layers == pytest.approx([entropy(layer) for layer in h])


def test_goodness_is_described_with_true_and_with_wrong_labels(found, plain):
    for goodness, layer in zip(found.goodness, plain[0], strict=True):
        true, wrong = layer.T
        assert goodness.true_mean == pytest.approx(true.sum() / IMAGES)
        assert goodness.wrong_mean == pytest.approx(wrong.sum() / IMAGES)
        variances = goodness.true_deviation**2, goodness.wrong_deviation**2
        for variance, of in zip(variances, (true, wrong), strict=True):
            assert variance == pytest.approx(((of - of.sum() / IMAGES) ** 2).sum() / IMAGES)


def test_units_are_dead_that_are_0_for_every_image_with_every_label(found, plain):
    assert found.dead_units == plain[1]
    assert found.dead_units[0] == 2  # and not those that one image of one block wakes


def test_an_analysis_is_the_same_again(found, partly_dead, sampled):
    assert found.images == IMAGES
    assert found == analyse(partly_dead, sampled.test, rows=IMAGES)


def test_recording_changes_no_training():
    plain, recorded = train(SMALL), train(replace(SMALL, analyse_every=1, evaluate_every=1))
    assert same_bits(plain.model, recorded.model)
    assert [
        sorted(set(r) - set(p)) for p, r in zip(plain.metrics, recorded.metrics, strict=True)
    ] == [["analysis", "test_error", "train_error"]] * 2
    assert (
        recorded.metrics[-1]["analysis"]
        == analyse(recorded.model, load("mnist").test.first(150)).to_dict()
    )


def test_a_baseline_has_nothing_to_analyse():
    with pytest.raises(InputError, match="is of goodness"):
        replace(SMALL, method="backprop-label", analyse_every=1)
    model = train(replace(SMALL, method="backprop-label")).model
    with pytest.raises(InputError, match="no goodness"):
        analyse(model, load("mnist").test)


def test_goodness_that_is_not_a_number_is_refused():
    model = train(SMALL).model
    model.method.parameters.flat[:] = np.nan
    with pytest.raises(TrainingError, match="NaN or infinite"):
        analyse(model, load("mnist").test)


def test_layer_by_layer_only_trained_layers_are_recorded():
    config = replace(SMALL, method="ff", schedule="layer", epochs=1, analyse_every=1)
    recorded = [record["analysis"] for record in train(config).metrics]
    for field in ("goodness", "dead_units"):
        assert [len(analysis[field]) for analysis in recorded] == [1, 2]
    assert [len(r["entropy_all"]["within_layers"]) for r in recorded] == [1, 2]


def test_pushes_are_the_coefficients_of_the_objective(partly_dead, sampled, plain):
    """Of gamma others, by plain sums: the mean over images of N |dJ/dg|."""
    goodness, _ = plain
    total = goodness.sum(axis=0)  # (N, 2)
    p = 1 / (1 + np.exp(-(total - partly_dead.config.theta)))
    found = analyse(partly_dead, sampled.test, rows=IMAGES)
    for push, layer in zip(found.push, goodness, strict=True):
        assert push.true == pytest.approx((1 - p[:, 0]).mean(), rel=1e-6)
        assert push.wrong == pytest.approx(p[:, 1].mean(), rel=1e-6)
        assert push.true_gamma == pytest.approx((total - layer)[:, 0].mean(), rel=1e-6)
        assert push.wrong_gamma == pytest.approx((total - layer)[:, 1].mean(), rel=1e-6)


def test_an_objective_of_ones_own_has_no_pushes():
    images = small_arrays(4, 4, train=50, test=20, classes=3)
    dataset = from_arrays(*images)
    config = Config(hidden=(5,), epochs=1, batch_size=10)
    result = train(
        config,
        dataset=dataset,
        objective=lambda goodness, gamma: (float(goodness.sum()), np.ones_like(goodness)),
    )
    assert analyse(result.model, dataset.test).push == []
