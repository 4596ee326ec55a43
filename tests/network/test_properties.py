"""What holds for any network, objective and batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import CLASSES, LABEL_SCALE, goodness, objectives, subjects

from ffnp.backends.reference import EPSILON
from ffnp.objectives.collaboration import GAMMAS, LayerObjective, gamma_of_layers

TOLERANCE = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-11}  # of an array's largest


def close(found, expected, message=""):
    atol = TOLERANCE[found.dtype] * max(np.abs(expected).max(), 1e-3)
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol, err_msg=message)


def perturb(subject, layer):
    """Move the weights of one layer (from 1), by much."""
    for name, tensor in subject.weights.items():
        if name.startswith(f"layer{layer}."):
            tensor += subject.random.normal(size=tensor.shape)


# --- locality -------------------------------------------------------------------------------------


@given(subject=subjects(gammas=("none", "previous")), above=st.integers(2, 3))
def test_layers_above_do_not_reach_a_gradient(subject, above):
    """Through neither h nor gamma: the layers below one that moves keep their bits."""
    subject.evaluate()
    before = subject.gradients()
    perturb(subject, above)
    subject.evaluate()
    after = subject.gradients()
    for name in before:
        if int(name[5]) < above:
            np.testing.assert_array_equal(after[name], before[name], err_msg=name)


@given(subject=subjects(), above=st.integers(2, 3))
def test_layers_above_reach_a_gradient_by_gamma_alone(subject, above):
    """With the coefficients held, so with gamma, the same is true of every gamma."""
    subject.evaluate()
    held = subject.batch.coefficients.copy()
    before = subject.gradients()
    perturb(subject, above)
    subject.method.forward(subject.batch)
    subject.batch.coefficients[...] = held
    after = subject.gradients()
    for name in before:
        if int(name[5]) < above:
            np.testing.assert_array_equal(after[name], before[name], err_msg=name)


@given(subject=subjects())
def test_no_layer_reads_the_goodness_of_the_one_below(subject):
    """Each layer's input has one length, but for EPSILON."""
    subject.method.forward(subject.batch)
    layers = subject.method.network.layers
    for layer, activity in zip(layers, subject.batch.activities, strict=True):
        lengths = np.linalg.norm(activity.values * activity.scale[:, :, None], axis=2)
        before = np.linalg.norm(activity.values, axis=2)
        close(lengths, layer.length * before / (before + EPSILON))


# --- collaboration --------------------------------------------------------------------------------


@given(g=goodness(3), objective=objectives())
def test_the_coefficient_shared_under_others_is_each_layers_own(g, objective):
    values, coefficients = LayerObjective(objective, "others").of_layers(g)
    for i, gamma in enumerate(gamma_of_layers("others", g)):
        value, coefficient = objective(g[i], gamma)
        assert values[i] == pytest.approx(value, rel=1e-9, abs=1e-12)
        close(coefficients[i], coefficient)


@given(g=goodness(4))
def test_gamma_is_a_sum_over_other_layers_of_the_same_row(g):
    hears = {
        "none": lambda i, j: False,
        "others": lambda i, j: i != j,
        "previous": lambda i, j: j < i,
        "next": lambda i, j: j > i,
    }
    for kind in GAMMAS:
        gammas = gamma_of_layers(kind, g)
        for i, gamma in enumerate(gammas):
            for row, value in np.ndenumerate(gamma):
                heard = sum(g[(j, *row)] for j in range(4) if hears[kind](i, j))
                assert value == pytest.approx(heard, abs=1e-12)


# --- what is read only ----------------------------------------------------------------------------


@given(subject=subjects())
def test_only_what_is_documented_is_written(subject):
    method, batch = subject.method, subject.batch
    read_only = {"x": batch.x, "labels": batch.labels, **subject.weights}

    def check(**more):
        for name, array in (read_only | more).items():
            np.testing.assert_array_equal(array, given[name], err_msg=name)

    given = {name: array.copy() for name, array in read_only.items()}
    method.forward(batch)
    check()
    given["goodness"] = batch.goodness.copy()
    method.evaluate(batch, np.zeros(method.depth + 1))
    check(goodness=batch.goodness)
    given["coefficients"] = batch.coefficients.copy()
    given |= {f"a{i}": activity.values.copy() for i, activity in enumerate(batch.activities)}
    for layer in range(method.depth):
        method.delta(batch, [layer])
        method.backend.multiply(method.products(batch, [layer]))
        values = {f"a{i}": activity.values for i, activity in enumerate(batch.activities)}
        check(goodness=batch.goodness, coefficients=batch.coefficients, **values)


# --- invariances ----------------------------------------------------------------------------------


@given(subject=subjects())
def test_shared_first_layer_is_the_joined_input(subject):
    """Values and gradients, for any number of label rows, against [x, s onehot(label)] W."""
    method, batch = subject.method, subject.batch
    subject.evaluate()
    onehot = LABEL_SCALE * np.eye(CLASSES)[batch.labels]
    x = np.broadcast_to(batch.x[:, None], (*batch.labels.shape, batch.x.shape[1]))
    joined = np.concatenate([x, onehot], axis=2)  # (N, R, D + K), float64
    z = joined @ subject.weights["layer1.weights"] + subject.weights["layer1.bias"]
    activation = method.network.layers[0].activation
    a, slope = activation.value(z), activation.slope(z)
    close(batch.goodness[0], (a * a).sum(axis=2))
    delta = 2 * batch.coefficients[0][:, :, None] * a * slope
    gradients = subject.gradients()
    close(gradients["layer1.weights"], np.einsum("nri,nro->io", joined, delta))
    close(gradients["layer1.bias"], delta.sum(axis=(0, 1)))


@given(subject=subjects(dtypes=("float64",)))
def test_a_later_layer_reads_the_joined_input_and_the_layer_below(subject):
    """Goodness and gradients of layer 2 against [x, s onehot(label), h] W, where all are read."""
    method, batch = subject.method, subject.batch
    subject.evaluate()
    h = batch.activities[0].values * batch.activities[0].scale[:, :, None]
    weights = subject.weights["layer2.weights"]
    if len(weights) == h.shape[2]:
        read = h
    else:
        x = np.broadcast_to(batch.x[:, None], (*batch.labels.shape, batch.x.shape[1]))
        read = np.concatenate([x, LABEL_SCALE * np.eye(CLASSES)[batch.labels], h], axis=2)
    z = read @ weights + subject.weights["layer2.bias"]
    activation = method.network.layers[1].activation
    a, slope = activation.value(z), activation.slope(z)
    close(batch.goodness[1], (a * a).sum(axis=2))
    delta = 2 * batch.coefficients[1][:, :, None] * a * slope
    gradients = subject.gradients()
    close(gradients["layer2.weights"], np.einsum("nri,nro->io", read, delta))
    close(gradients["layer2.bias"], delta.sum(axis=(0, 1)))


@given(subject=subjects(activations=("relu", "leaky_relu"), dtypes=("float64",)),
       factor=st.floats(0.1, 10))  # fmt: skip
def test_a_layer_scaled_is_louder_and_says_the_same(subject, factor):
    """relu(s z) = s relu(z): goodness grows by s^2, and no later layer hears of it."""
    subject.method.forward(subject.batch)
    before = subject.batch.goodness.copy()
    for name in ("layer1.weights", "layer1.bias"):
        subject.weights[name][...] *= factor
    subject.method.forward(subject.batch)
    np.testing.assert_allclose(subject.batch.goodness[0], factor**2 * before[0], rtol=1e-12)
    loud = before[0] > 1e-2  # beside EPSILON
    np.testing.assert_allclose(
        subject.batch.goodness[1:, loud], before[1:, loud], rtol=0, atol=1e-5
    )


@given(subject=subjects(dtypes=("float64",)))
def test_order_of_images_and_of_wrong_labels_does_not_matter(subject):
    method, batch = subject.method, subject.batch
    subject.evaluate()
    goodness_before, before = batch.goodness.copy(), subject.gradients()
    images = subject.random.permutation(len(batch.x))
    rows = np.concatenate([[0], 1 + subject.random.permutation(method.rows - 1)])
    batch.x[...] = batch.x[images]
    batch.take(np.ascontiguousarray(batch.labels[images][:, rows]))
    subject.evaluate()
    close(batch.goodness, goodness_before[:, images][:, :, rows])
    for name, gradient in subject.gradients().items():
        close(gradient, before[name], name)


@given(subject=subjects(dtypes=("float64",)))
def test_order_of_hidden_units_does_not_matter(subject):
    subject.method.forward(subject.batch)
    before = subject.batch.goodness.copy()
    units = subject.random.permutation(len(subject.weights["layer1.bias"]))
    first, bias = subject.weights["layer1.weights"], subject.weights["layer1.bias"]
    first[...], bias[...] = first[:, units], bias[units]
    above = subject.weights["layer2.weights"][-len(units) :]  # after the joined input's, if any
    above[...] = above[units]
    subject.method.forward(subject.batch)
    close(subject.batch.goodness, before)


@given(subject=subjects())
def test_prediction_scores_a_label_as_training_did(subject):
    method, batch = subject.method, subject.batch
    method.forward(batch)
    scoring = method.scoring_batch(len(batch.x))
    scoring.x[...] = batch.x
    method.forward(scoring)
    scores = np.take_along_axis(method.scores(scoring), batch.labels[None], axis=2)
    close(scores, batch.goodness)


@given(g=goodness(rows=2), objective=objectives("sigmoid-literal"))
def test_exchange_of_positive_and_negative_flips_the_sign(g, objective):
    value, coefficient = objective(g, 0.0)
    opposite, swapped = objective(np.ascontiguousarray(g[:, ::-1]), 0.0)
    assert opposite == pytest.approx(-value, abs=1e-12)
    close(swapped, -coefficient[:, ::-1])
