"""Functional entropy: an identity, its invariances, and recording that changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ffnp import Config, load, train
from ffnp.analysis import analyse, decompose, functional_entropy
from ffnp.errors import InputError, TrainingError

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


def test_analysis_of_a_network_agrees_with_plain_sums():
    model = train(SMALL).model
    model.weights()["layer2.weights"][:, 3] = 0
    model.weights()["layer2.bias"][3] = -1  # a unit that never speaks
    split = load("mnist").test.first(250)
    found = analyse(model, split, rows=230)
    assert found.images == 230
    assert found.dead_units[1] >= 1
    assert found.dead_units[1] < 15
    assert found.goodness[0].true_mean != found.goodness[0].wrong_mean
    assert found.entropy_all.total == pytest.approx(
        found.entropy_all.between_layers + np.mean(found.entropy_all.within_layers), rel=1e-9
    )
    assert found == analyse(model, split, rows=230)


def test_recording_changes_no_training():
    plain, recorded = train(SMALL), train(replace(SMALL, analyse_every=1, evaluate_every=1))
    for name, tensor in plain.model.weights().items():
        assert tensor.tobytes() == recorded.model.weights()[name].tobytes()
    assert [
        sorted(set(r) - set(p)) for p, r in zip(plain.metrics, recorded.metrics, strict=True)
    ] == [["analysis", "test_error"]] * 2
    assert (
        recorded.metrics[-1]["analysis"]
        == analyse(recorded.model, load("mnist").test.first(150)).to_dict()
    )


def test_a_baseline_has_nothing_to_analyse():
    with pytest.raises(InputError, match="no goodness"):
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
