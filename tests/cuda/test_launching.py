"""Launches refuse what CuPy would pass on without a word."""

import numpy as np
import pytest

from ffnp.backends.launching import Kernels, declarations

SOURCE = """
KERNEL(32) scale_rows(
    real* x,               // (N, H): what it is
    const double* totals,  // (L + 1)
    const int* pair,       // (2) or null
    real s, int below,
    int N, int H
) {
    x[0] = totals[0];
}
"""


class Module:
    """Records what is launched."""

    def __init__(self):
        self.launched = []

    def get_function(self, name):
        return lambda *launch: self.launched.append((name, *launch))


@pytest.fixture
def launch():
    module = Module()
    kernels = Kernels(module, SOURCE, np.dtype(np.float32))

    def launch(**changes):
        arguments = {
            "x": np.ones((3, 4), np.float32),
            "totals": np.zeros(2),
            "pair": np.zeros(2, np.int32),
            "s": 2.5,
            "below": True,
        }
        kernels.launch("scale_rows", (3,), (32,), **arguments | changes)
        return module.launched[-1]

    return launch


def test_declarations_are_read():
    (parameters,) = declarations(SOURCE).values()
    found = [(p.name, p.type, p.shape, p.nullable) for p in parameters]
    assert found == [
        ("x", "real", (("N", 0), ("H", 0)), False),
        ("totals", "double", (("L", 1),), False),
        ("pair", "int", (("", 2),), True),
        ("s", "real", None, False),
        ("below", "int", None, False),
        ("N", "int", None, False),
        ("H", "int", None, False),
    ]


def test_numbers_are_converted_and_lengths_supplied(launch):
    name, grid, block, packed = launch()
    assert (name, grid, block) == ("scale_rows", (3,), (32,))
    assert [type(value) for value in packed[3:]] == [np.float32, np.int32, np.int32, np.int32]
    assert packed[3:] == (2.5, 1, 3, 4)


def test_null_is_eight_bytes(launch):
    *_, packed = launch(pair=None)
    assert packed[2] == 0 and packed[2].nbytes == 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": np.ones((3, 4))}, "x is float64 with strides .*, not float32 in C order"),
        ({"x": np.ones((4, 3), np.float32).T}, r"x is float32 with strides \(4, 12\)"),
        ({"x": np.ones(12, np.float32)}, r"x is \(12,\)"),
        ({"x": None}, "x is null, not float32"),
        ({"pair": np.zeros(3, np.int32)}, r"pair is \(3,\), where the axes are .*'N': 3, 'H': 4"),
        ({"pair": np.zeros(2, np.int64)}, "pair is int64"),
        ({"more": 1}, "no parameter more"),
        ({"N": 3}, "no parameter N"),
    ],
)
@pytest.mark.parametrize("before", [False, True], ids=["alone", "after one that fits"])
def test_what_does_not_fit_is_refused(launch, changes, message, before):
    if before:
        launch()
    with pytest.raises(TypeError, match=f"scale_rows: {message}"):
        launch(**changes)


class Watched:
    """An array that counts how often it is asked for its order."""

    dtype, shape, strides, ndim = np.dtype(np.float32), (3, 4), (16, 4), 2

    def __init__(self):
        self.asked = 0

    @property
    def flags(self):
        self.asked += 1
        return np.ones(self.shape, self.dtype).flags


def test_arrays_are_checked_once_for_all_of_a_layout(launch):
    first, second = Watched(), Watched()
    assert launch(x=first)[-1][0] is first
    assert launch(x=second)[-1][0] is second
    assert (first.asked, second.asked) == (1, 0)


def test_lengths_are_those_of_the_arrays_at_hand(launch):
    launch()
    *_, packed = launch(x=np.ones((5, 2), np.float32))
    assert packed[-2:] == (5, 2)


def test_a_missing_argument_is_refused():
    kernels = Kernels(Module(), SOURCE, np.dtype(np.float32))
    with pytest.raises(TypeError, match="scale_rows: totals is missing"):
        kernels.launch("scale_rows", (1,), (32,), x=np.ones((3, 4), np.float32))


def test_numbers_too_large_for_an_int_are_refused(launch):
    with pytest.raises(OverflowError):
        launch(below=2**31)
