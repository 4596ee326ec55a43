"""Activations against what they are by definition; their slopes are checked with gradients."""

from math import erf, sqrt

import numpy as np

from ffnp.objectives.activations import ACTIVATIONS


def test_gelu_is_the_exact_one_to_a_thousandth():
    z = np.linspace(-6, 6, 601)
    exact = z * (1 + np.array([erf(x / sqrt(2)) for x in z])) / 2
    np.testing.assert_allclose(ACTIVATIONS["gelu"].value(z), exact, rtol=0, atol=1e-3)


def test_leaky_relu_leaks_a_hundredth():
    z = np.array([-3.0, 0.0, 2.0])
    np.testing.assert_allclose(ACTIVATIONS["leaky_relu"].value(z), [-0.03, 0, 2], rtol=1e-12)
