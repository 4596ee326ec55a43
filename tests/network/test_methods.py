"""What the baselines predict."""

import gc
import weakref

import numpy as np
import pytest

from ffnp.backends import Backend
from ffnp.errors import InputError
from ffnp.network import BackpropLabel, BackpropPairwise, LocalHeads
from ffnp.network.building import headed_network, labelled_network, perceptron
from ffnp.network.dropout import Dropout
from ffnp.network.labels import candidate_labels
from ffnp.objectives import Pairwise
from ffnp.objectives.activations import ACTIVATIONS

IMAGES, PIXELS, CLASSES, HIDDEN = 30, 7, 4, (6, 20, 8)
NAMES = ["backprop-label", "backprop-pairwise", "local-heads"]
DOUBLE = np.dtype(np.float64)


def make(name, dtype=DOUBLE, hidden=HIDDEN, activation="relu", **options):
    sizes, phi = (Backend(), PIXELS, CLASSES, hidden), ACTIVATIONS[activation]
    if name == "backprop-label":
        method = BackpropLabel(perceptron(*sizes, phi, dtype, **options))
    elif name == "local-heads":
        method = LocalHeads(*headed_network(*sizes, phi, dtype, **options))
    else:
        network = labelled_network(*sizes, phi, 3.0, dtype, normalised=False, **options)
        method = BackpropPairwise(network, Pairwise(0.5), rows=3)
    random = np.random.default_rng(3)
    method.parameters.initialise(random)
    batch = method.training_batch(IMAGES)
    batch.x[...] = random.normal(size=batch.x.shape)
    true = random.integers(0, CLASSES, IMAGES)
    batch.take(candidate_labels(true, CLASSES, method.rows, random))
    return method, batch


def scored(method, x):
    """(V, N, K): what the method's voters say of images."""
    batch = method.scoring_batch(len(x))
    batch.x[...] = x
    method.forward(batch)
    return method.scores(batch)


def plain(name, weights, x):
    """(V, N, K): the same by plain formulas, of one row at a time."""

    def layers(h):
        for i in range(1, len(HIDDEN) + 1):
            h = np.maximum(h @ weights[f"layer{i}.weights"] + weights[f"layer{i}.bias"], 0)
            yield h

    if name == "backprop-pairwise":
        labelled = [[np.concatenate([row, 3 * one]) for one in np.eye(CLASSES)] for row in x]
        *_, last = layers(np.array(labelled))
        return (last**2).sum(axis=2)[None]
    if name == "backprop-label":
        *_, last = layers(x)
        return (last @ weights["layer4.weights"] + weights["layer4.bias"])[None]
    return np.array([
        h @ weights[f"layer{i}.head.weights"] + weights[f"layer{i}.head.bias"]
        for i, h in enumerate(layers(x), start=1)
    ])  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_those_of_the_plain_formulas(name):
    method, batch = make(name, dropout=Dropout(units=0.5))
    expected = plain(name, method.parameters.weights, batch.x)
    assert len(expected) == method.losses
    np.testing.assert_allclose(scored(method, batch.x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_scores_rank_the_labels_as_the_training_error_does(name):
    method, batch = make(name)
    totals = np.zeros(method.losses + 1)
    method.forward(batch)
    method.evaluate(batch, totals)
    scores = scored(method, batch.x)[-1:]
    true, wrong = batch.labels[:, :1], batch.labels[:, 1:]
    if method.rows == 1:
        wrong = (true + np.arange(1, CLASSES)) % CLASSES
    own, others = (np.take_along_axis(scores[0], labels, axis=1) for labels in (true, wrong))
    assert totals[-1] == (others.max(axis=1) >= own[:, 0]).sum() > 0


@pytest.mark.parametrize("name", ["backprop-label", "local-heads"])
def test_losses_are_the_cross_entropies_of_the_voters(name):
    method, batch = make(name)
    totals = np.zeros(method.losses + 1)
    method.forward(batch)
    method.evaluate(batch, totals)
    exp = np.exp(scored(method, batch.x))
    shares = np.take_along_axis(exp, batch.labels[None], axis=2)[:, :, 0] / exp.sum(axis=2)
    np.testing.assert_allclose(totals[:-1], -np.log(shares).sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_only_the_layers_asked_for_are_computed(name):
    method, batch = make(name)
    method.forward(batch)
    arrays = [each.values for each in (*batch.activities, *batch.logits)]
    for array in arrays:
        array += 0.5
    before = [array.copy() for array in arrays]
    method.forward(batch, 1, 2)
    changed = [(now != then).any() for now, then in zip(arrays, before, strict=True)]
    second = [i == 1 for i in range(method.depth)]
    assert changed == second + (second if name == "local-heads" else [])


@pytest.mark.parametrize("name", NAMES)
def test_one_layer_is_enough(name):
    method, batch = make(name, hidden=(6,))
    assert scored(method, batch.x).shape == (1, IMAGES, CLASSES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("training", [True, False])
def test_float32_stays_float32(name, training):
    method, _ = make(name, np.dtype(np.float32), dropout=Dropout(units=0.5))
    batch = method.training_batch(3) if training else method.scoring_batch(3)
    arrays = [batch.x, batch.goodness, batch.coefficients, *batch.kept.values()]
    arrays += [inputs.scale for inputs in batch.inputs]
    for activity in (*batch.activities, *batch.logits):
        arrays += [each for each in vars(activity).values() if isinstance(each, np.ndarray)]
    if not training:
        arrays.append(scored(method, np.zeros((3, PIXELS), np.float32)))
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize("activation, keeps_slope", [("relu", False), ("tanh", True)])
def test_only_a_training_batch_holds_what_gradients_need(activation, keeps_slope):
    method, training = make("backprop-pairwise", activation=activation)
    scoring = method.scoring_batch(3)
    assert training.coefficients.shape == training.goodness.shape
    assert scoring.coefficients.size == 0
    for ours, theirs in zip(training.activities, scoring.activities, strict=True):
        assert ours.delta.shape == ours.values.shape
        assert (ours.slope is not None) == keeps_slope
        assert theirs.delta is theirs.slope is None


def test_an_output_has_no_goodness():
    """What `examine` looks at, too."""
    method, batch = make("backprop-label")
    method.forward(batch)
    assert not batch.goodness[-1].any()


@pytest.mark.parametrize(
    "name, options, length",
    [
        ("local-heads", {}, 1),
        ("backprop-pairwise", {}, 1),
        ("backprop-pairwise", {"length": 2.0}, 2),
        ("backprop-pairwise", {"length": 2.0, "joined": "every"}, 2),
    ],
)
def test_the_rows_that_a_layer_reads_have_the_length_asked_for(name, options, length):
    method, batch = make(name, **options)
    method.forward(batch)
    for activity in batch.activities[:-1]:
        lengths = np.linalg.norm(activity.values * activity.scale[:, :, None], axis=2)
        assert lengths[activity.goodness > 0.01] == pytest.approx(length, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_activities_have_their_goodness_in_the_batchs_array(name):
    method, batch = make(name)
    assert len(batch.activities) == len(batch.goodness) == method.depth
    for activity, goodness in zip(batch.activities, batch.goodness, strict=True):
        assert activity.goodness.ctypes.data == goodness.ctypes.data


@pytest.mark.parametrize("name", NAMES)
def test_a_network_knows_its_pixels_and_classes(name):
    """By them it is decided how many images are scored at once."""
    network = make(name)[0].network
    assert (network.pixels, network.classes) == (PIXELS, CLASSES)


def test_a_layer_that_reads_all_has_weights_for_pixels_labels_and_the_layer_below():
    layer = make("backprop-pairwise", joined="every")[0].network.layers[1]
    for parts, whole in [
        ((layer.pixel_weights, layer.label_weights, layer.below_weights), layer.weights),
        ((layer.d_pixel_weights, layer.gradient.label_weights, layer.d_below_weights),
         layer.d_weights),
    ]:  # fmt: skip
        whole[...] = np.arange(whole.size).reshape(whole.shape)
        assert [len(part) for part in parts] == [PIXELS, CLASSES, HIDDEN[0]]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_layer_and_its_head_are_one_span():
    parameters = make("local-heads")[0].parameters
    parameters.flat[...] = 0
    parameters.flat[parameters.span("layer2.")] = 1
    for name, tensor in parameters.weights.items():
        assert (tensor == name.startswith("layer2.")).all(), name


def test_tensors_start_at_multiples_of_16_numbers_and_waste_none():
    parameters = make("local-heads")[0].parameters
    tensors = parameters.views(np.arange(len(parameters.flat))).values()
    starts = [int(tensor.min()) for tensor in tensors]
    ends = [int(tensor.max()) + 1 for tensor in tensors]
    assert starts == [0, *(-(-end // 16) * 16 for end in ends[:-1])]
    assert parameters.flat.shape == parameters.flat_gradient.shape == (-(-ends[-1] // 16) * 16,)


def test_weights_and_bias_are_drawn_up_to_one_by_the_root_of_what_a_unit_reads():
    weights = make("local-heads", hidden=(300, 900))[0].parameters.weights
    for layer, inputs in {"layer1": PIXELS, "layer2": 300, "layer2.head": 900}.items():
        for tensor in (weights[f"{layer}.weights"], weights[f"{layer}.bias"]):
            bound = 1 / np.sqrt(inputs)
            assert tensor.min() < 0 < tensor.max()
            assert (0.2 if len(tensor) == CLASSES else 0.9) * bound < np.abs(tensor).max() <= bound


@pytest.mark.parametrize(
    "change, message",
    [
        ({"layer2.bias": None}, "no tensor 'layer2.bias' among layer1.bias, layer1.weights, lay"),
        ({"layer2.bias": np.zeros(3)}, r"'layer2.bias' has shape \(3,\), the network \(20,\)"),
    ],
)
def test_tensors_of_another_network_are_refused_and_change_nothing(change, message):
    parameters = make("backprop-pairwise")[0].parameters
    before = parameters.flat.copy()
    tensors = {name: np.ones(shape) for name, shape in parameters.shapes.items()} | change
    with pytest.raises(InputError, match=message):
        parameters.load({name: each for name, each in tensors.items() if each is not None})
    np.testing.assert_array_equal(parameters.flat, before)


def test_a_batch_is_freed_as_soon_as_nobody_holds_it():
    _, batch = make("backprop-pairwise")
    alive = weakref.ref(batch.parts[0])
    gc.disable()
    try:
        del batch
        assert alive() is None
    finally:
        gc.enable()
