"""`ffnp gradcheck` passes on every backend, and finds and names what is planted."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ffnp.backends import Backend
from ffnp.backends.selection import make_backend, unavailable
from ffnp.errors import FFNPError
from ffnp.gradcheck import CHECKS, cases, check, drawing, name_of
from ffnp.gradcheck.checking import relative_error
from ffnp.gradcheck.subject import gamma_of
from ffnp.objectives import OBJECTIVES
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.objectives.collaboration import GAMMAS, gamma_of_layers
from ffnp_cli import gradcheck as command

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CASES = {(*name_of(case), case.activation): case for case in cases()}
SIGMOID = CASES["sigmoid", "others", "tanh"]
LABEL = CASES["backprop-label", "none", "tanh"]
PAIRWISE = CASES["backprop-pairwise", "none", "tanh"]


def failures(case, backend):
    """(layer, check) of what fails."""
    return {(each.layer, each.check) for each in check(case, backend) if not each.passed}


def differences(*layers):
    return {(layer, name) for layer in layers for name in ("parameters", "direction")}


def test_every_combination_is_there():
    methods = {(objective, gamma) for objective in OBJECTIVES for gamma in GAMMAS}
    methods |= {("backprop-label", "none"), ("backprop-pairwise", "none")}
    methods |= {("softmax dropout", "others"), ("softmax joined", "others")}
    methods |= {("softmax scaled", "previous")}
    methods |= {("backprop-label dropout", "none"), ("local-heads dropout", "none")}
    methods |= {("local-heads", "none")}
    assert set(CASES) == {(*method, name) for method in methods for name in ACTIVATIONS}


def assert_right(chosen, backend):
    assert [each for case in chosen for each in check(case, backend) if not each.passed] == []


# numba compiles relu, numpy takes the others; the backends' own tests compare all activations.
CHECKED = {"reference": "tanh", "numpy": "gelu", "numba": "relu", "cupy": "gelu"}


@pytest.mark.parametrize("name", CHECKED)
def test_all_gradients_are_right(name):
    if reason := unavailable(name):
        pytest.skip(reason)
    chosen = [case for case in cases() if case.activation == CHECKED[name]]
    assert_right(chosen, make_backend(name))


def test_the_gradients_of_all_activations_are_right():
    chosen = [CASES["softmax joined", "others", name] for name in ACTIVATIONS]
    assert_right(chosen, make_backend("reference"))


@pytest.mark.slow
def test_all_gradients_of_all_activations_are_right():
    assert_right(cases(), make_backend("reference"))


@pytest.mark.parametrize(("case", "depth"), [(SIGMOID, 3), (PAIRWISE, 3), (LABEL, 4)])
def test_every_layer_is_checked_in_every_way(case, depth):
    places = [(each.layer, each.check) for each in check(case, Backend())]
    assert places == [(layer, name) for layer in range(1, depth + 1) for name in CHECKS]


@pytest.mark.parametrize("case", [SIGMOID, LABEL, PAIRWISE], ids=lambda case: name_of(case)[0])
def test_gradients_of_one_hidden_layer_are_right(case):
    assert failures(replace(case, hidden=(5,)), Backend()) == set()


ONE_EACH = [CASES[name, "previous", "gelu"] for name in OBJECTIVES] + [LABEL, PAIRWISE]
ONE_EACH += [CASES["softmax joined", "others", "gelu"], CASES["local-heads", "none", "gelu"]]


@pytest.mark.parametrize("case", ONE_EACH, ids=lambda case: name_of(case)[0])
def test_gradients_agree_with_the_complex_step_of_plain_formulas(case):
    """The benchmark's formulas share nothing with the engine; they are right to rounding."""
    benchmark = runpy.run_path(str(BENCHMARKS / "gradients.py"))
    assert benchmark["disagreement"](case, Backend(), benchmark["by_complex_step"]) < 1e-12


# --- planted errors -----------------------------------------------------------------------------


class HalfDelta(Backend):
    """A dropped factor 2, above the first layer."""

    def delta(self, coefficients, scale, activity, out_d_bias):
        super().delta(coefficients / 2, scale, activity, out_d_bias)


class OppositeDelta(Backend):
    """A sign."""

    def delta_labelled(self, coefficients, *rest):
        super().delta_labelled(-coefficients, *rest)


class NoSlope(Backend):
    """A missing phi'."""

    @staticmethod
    def _d_z(coefficients, activity):
        return 2 * coefficients[:, :, None] * activity.values


class ReversedRows(Backend):
    """The batch reversed in dW, but not in db."""

    def multiply(self, products):
        super().multiply(
            [(a if a.flags.c_contiguous else a[:, ::-1], b, out) for a, b, out in products]
        )


class AveragedBias(Backend):
    """The bias gradient averaged over rows."""

    def delta(self, coefficients, scale, activity, out_d_bias):
        super().delta(coefficients, scale, activity, out_d_bias)
        out_d_bias /= coefficients.size


class FirstLabels(Backend):
    """Label rows of an earlier batch in the first layer's gradient."""

    labels = None

    def delta_labelled(self, coefficients, activity, labels, *rest):
        self.labels = labels if self.labels is None else self.labels
        super().delta_labelled(coefficients, activity, self.labels, *rest)


class GammaOfThePositive(Backend):
    """Every row hears what the true label's row hears."""

    def evaluate(self, objective, goodness, out_coefficients, out_totals, sample_weight=None):
        gammas = gamma_of_layers(objective.gamma, goodness)
        for g, gamma, out in zip(goodness, gammas, out_coefficients, strict=True):
            out[...] = objective.objective(g, np.broadcast_to(gamma[:, :1], g.shape))[1]


class ThroughGamma(Backend):
    """Gradient let through gamma: each layer's loss counts in all the others' coefficients."""

    def evaluate(self, objective, goodness, out_coefficients, out_totals, sample_weight=None):
        super().evaluate(objective, goodness, out_coefficients, out_totals)
        out_coefficients[...] = out_coefficients.sum(axis=0)


class RoundedAdd(Backend):
    """float32 that is really float16."""

    def multiply(self, products):
        half = {np.dtype(np.float32): np.float16}
        super().multiply(
            [
                (a.astype(half.get(a.dtype, a.dtype)).astype(a.dtype), b, out)
                for a, b, out in products
            ]
        )


class NoCrossEntropyMean(Backend):
    """A sum where the value is a mean."""

    def cross_entropy(self, logits, bias, labels, out_totals, out_d_bias, sample_weight=None):
        super().cross_entropy(logits, bias, labels, out_totals, out_d_bias)
        logits *= len(logits)


class NoSlopeInTheChain(Backend):
    """A missing phi' on the way back."""

    def backpropagate(self, activity, out_d_bias):
        ones = np.ones_like(activity.values)
        super().backpropagate(replace(activity, slope=ones), out_d_bias)


class NotANumber(Backend):
    """NaN in a gradient."""

    def delta(self, coefficients, scale, activity, out_d_bias):
        super().delta(coefficients, scale, activity, out_d_bias)
        out_d_bias[0] = np.nan


@pytest.mark.parametrize(
    ("backend", "case", "found"),
    [
        (HalfDelta, SIGMOID, differences(2, 3)),
        (OppositeDelta, SIGMOID, differences(1)),
        (NoSlope, SIGMOID, differences(1, 2, 3)),
        (ReversedRows, SIGMOID, differences(1, 2, 3)),
        (AveragedBias, SIGMOID, differences(2, 3)),
        (FirstLabels, SIGMOID, differences(1)),
        (GammaOfThePositive, SIGMOID, differences(1, 2, 3)),
        (ThroughGamma, SIGMOID, differences(1, 2, 3)),
        (RoundedAdd, SIGMOID, {(1, "float32"), (2, "float32"), (3, "float32")}),
        (NoCrossEntropyMean, LABEL, differences(1, 2, 3, 4)),
        (NoSlopeInTheChain, LABEL, differences(1, 2, 3)),
        (NoSlopeInTheChain, PAIRWISE, differences(1, 2)),
        (ReversedRows, PAIRWISE, differences(1, 2, 3)),
        (NotANumber, SIGMOID, differences(2, 3) | {(2, "float32"), (3, "float32")}),
    ],
)
def test_planted_error_is_found_where_it_is(backend, case, found):
    subject = backend()
    list(check(CASES["softmax", "none", "tanh"], subject))  # an earlier batch
    assert failures(case, subject) == found


def test_without_a_fit_draw_it_is_an_error_and_not_a_pass(monkeypatch):
    """No draw is fit, and the redraws are bounded."""
    monkeypatch.setattr(drawing, "REDRAWS", 3)
    monkeypatch.setattr(drawing, "LEAST_DERIVATIVE", 1e9)
    with pytest.raises(FFNPError, match="no draw of 3 is fit to check sigmoid others tanh"):
        drawing.draw(SIGMOID)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gamma_is_said_twice_alike(gamma):
    goodness = np.random.default_rng(0).random((4, 3, 2))
    gammas = gamma_of_layers(gamma, goodness)
    for layer in range(4):
        mine = gamma_of(CASES["sigmoid", gamma, "relu"], goodness, layer)
        np.testing.assert_allclose(gammas[layer], mine, atol=1e-15)


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def gradcheck(ffnp, monkeypatch):
    """Run `ffnp gradcheck` on few cases and a backend: exit status, stdout and stderr."""

    def run(backend, *options):
        monkeypatch.setattr(command, "cases", lambda: [SIGMOID, LABEL])
        monkeypatch.setattr(command, "make_backend", lambda name, device: backend)
        return ffnp("gradcheck", *options)

    return run


def test_command_prints_a_line_a_method(gradcheck):
    status, out, err = gradcheck(Backend())
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[2:4]] == ["sigmoid", "backprop-label"]
    assert out.splitlines()[-1] == "21 of 21 checks passed on backend reference"


def test_command_names_what_failed(gradcheck):
    status, out, err = gradcheck(HalfDelta())
    assert status == 1
    assert "FAILED: sigmoid, gamma others, tanh, layer" in out
    assert err.startswith("Error: 4 of 21 checks failed on backend reference, by most sigmoid")
    assert err.endswith("in sigmoid gamma others\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(("backend", "status"), [(Backend, 0), (NotANumber, 1)])
def test_command_prints_one_json_object(gradcheck, backend, status):
    found, out, _ = gradcheck(backend(), "--json")
    report = json.loads(out, parse_constant=pytest.fail)
    assert found == status
    assert report["passed"] == (status == 0)
    assert report["backend"] == "reference"
    assert set(report["largest_errors"]) == set(CHECKS)
    assert len(report["results"]) == 21
    assert set(report["results"][0]) == {
        "method", "gamma", "activation", "layer", "check", "error", "tolerance", "passed",
    }  # fmt: skip


def test_relative_error_of_nothing_is_nothing():
    assert relative_error(np.zeros(2), np.zeros(2)) == 0
    assert relative_error(np.array([1.0, 4.0]), np.array([1.0, 5.0])) == 0.2
