"""Arguments for every method of a backend, of many sizes, and the comparison with the reference."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from ffnp.backends import Backend
from ffnp.backends.activity import Activity
from ffnp.network.labels import candidate_labels
from ffnp.objectives import Pairwise, RelativeEntropy, SigmoidGoodness, SoftmaxOverLabels
from ffnp.objectives.activations import ACTIVATIONS
from ffnp.objectives.collaboration import GAMMAS, LayerObjective
from ffnp.objectives.sigmoid import LiteralSigmoidGoodness
from ffnp.randomness import Draw, Drop
from ffnp.scaling import UNSCALED, Scaling

CLASSES = 11
SIZES = [(1, 1, 1), (31, 1, 31), (16, 2, 32), (33, 3, 33), (7, 10, 127), (2, 2, 129)]  # (N, R, H)
TALL = [*SIZES, (131, 2, 9)]  # more images than a GPU's block takes at a time
LENGTHS = [1, 31, 32, 33, 127, 129, 1000]
OBJECTIVES = [
    SigmoidGoodness(20.0), LiteralSigmoidGoodness(18.0), SoftmaxOverLabels(), Pairwise(0.7),
    RelativeEntropy(5.0),
]  # fmt: skip


@dataclass
class Case:
    """One call of a method.

    Attributes
    ----------
    arguments : dict
        By name, with NumPy arrays.
    written : tuple of str
        The arguments that change.
    scales : dict of str to float
        What the entries of an array are differences of, where that is larger than they are.
    """

    arguments: dict
    written: tuple
    scales: dict = field(default_factory=dict)


def check(backend, method, case, tolerances):
    """Compare one call with the reference in float64: what it gives, and what is `written`.

    The rest is untouched.
    """
    expected = {name: mapped(doubled, argument) for name, argument in case.arguments.items()}
    gives = getattr(Backend(), method)(**expected)
    got = {
        name: mapped(lambda array: backend.to_device(array.copy()), argument)
        for name, argument in case.arguments.items()
    }
    assert getattr(backend, method)(**got) == gives, method
    dtypes = {a.dtype for name in case.written for a in arrays(case.arguments[name]).values()}
    tolerance = max((tolerances.get(dtype, 0) for dtype in dtypes), default=0)
    for name in case.arguments:
        for part, given in arrays(case.arguments[name]).items():
            have = backend.to_host(arrays(got[name])[part])
            want = arrays(expected[name])[part]
            where = f"{method}: {name} {part} {given.shape}"
            assert (have.dtype, have.shape) == (given.dtype, given.shape), where
            if name in case.written:
                scale = max(np.abs(want).max(), case.scales.get(name, 0))
                np.testing.assert_allclose(have, want, 0, tolerance * scale, err_msg=where)
            else:
                np.testing.assert_array_equal(have, given, err_msg=where)


def doubled(array):
    """A float64 copy of a float array; a copy of any other."""
    return array.astype(np.float64) if array.dtype.kind == "f" else array.copy()


def mapped(function, argument):
    """An argument with its arrays mapped; a transposed view stays one."""
    if isinstance(argument, list):
        return [tuple(mapped(function, array) for array in product) for product in argument]
    if isinstance(argument, Activity):
        return Activity(**{name: mapped(function, each) for name, each in vars(argument).items()})
    if not isinstance(argument, np.ndarray):
        return argument
    return function(argument) if argument.flags.c_contiguous else function(argument.T).T


def arrays(argument):
    """The arrays of an argument, by name; of a number there is none."""
    if isinstance(argument, list):
        named = {f"{i} {j}": a for i, product in enumerate(argument) for j, a in enumerate(product)}
    else:
        named = vars(argument) if isinstance(argument, Activity) else {"": argument}
    return {name: array for name, array in named.items() if hasattr(array, "dtype")}


def blank(*shape, dtype):
    """An output: whatever is not written stays NaN."""
    return np.full(shape, np.nan, dtype)


def activity(random, n, r, h, dtype, slope, delta=False):
    a = np.maximum(random.normal(size=(n, r, h)), 0).astype(dtype)
    kept, d = (
        random.normal(size=a.shape).astype(dtype) if wanted else None for wanted in (slope, delta)
    )
    return Activity(a, kept, d, *(random.random((n, r)).astype(dtype) for _ in range(2)))


def blank_activity(random, n, r, h, dtype, slope):
    """With dropout where a row has an odd number of units."""
    kept = blank(n, r, h, dtype=dtype) if slope else None
    outputs = (blank(n, r, dtype=dtype) for _ in range(2))
    dropped = random.integers(0, 2, (n, h)).astype(dtype) * 1.5 if h % 2 and h > 1 else None
    return Activity(blank(n, r, h, dtype=dtype), kept, None, *outputs, dropped)


def some_bias(random, h, dtype):
    """Away from 0 where it is alone: the reciprocal length of a tiny number is all rounding."""
    return (random.normal(size=h) + (4 if h == 1 else 0)).astype(dtype)


def some_labels(random, n, r):
    return candidate_labels(random.integers(0, CLASSES, n), CLASSES, r, random)


def standardise(random, dtype) -> Iterator[Case]:
    kinds = [np.uint8, np.float32, np.float64]
    ways = [("slice", None), ("index", 10.0), ("slice", 10.0), ("index", None)]
    for pixels, (rows, length), kind in product([1, 31, 127, 129], ways, kinds):
        arguments = {
            "images": random.integers(0, 256, (9, pixels)).astype(kind),
            "rows": slice(2, 9) if rows == "slice" else random.permutation(9)[:7],
            "scaling": Scaling(33.3, 78.6, length),
            "out": blank(7, pixels, dtype=dtype),
        }
        yield Case(arguments, ("out",))
    for numbers in (1, 129):  # rows of a table, as they are
        table, rows = random.normal(size=(40, numbers)).astype(dtype), random.permutation(40)[:31]
        arguments = {"images": table, "rows": rows, "scaling": UNSCALED}
        yield Case(arguments | {"out": blank(31, numbers, dtype=dtype)}, ("out",))
    for pixels, kind in product([1, 129], kinds):  # looked at in five ways
        arguments = {
            "images": random.integers(0, 256, (9, pixels)).astype(kind),
            "rows": random.permutation(9 * 5)[:31],
            "scaling": Scaling(33.3, 78.6, 10.0),
            "out": blank(31, pixels, dtype=dtype),
            "views": random.integers(0, pixels, (5, pixels)).astype(np.int32),
        }
        yield Case(arguments, ("out",))
    for pixels in (1, 31, 32, 129):
        arguments = {
            "images": random.integers(0, 256, (9, pixels)).astype(np.uint8),
            "rows": random.permutation(9)[:7],
            "scaling": Scaling(33.3, 78.6, 10.0),
            "out": blank(7, pixels, dtype=dtype),
            "drop": Drop(Draw((3, 2**64 - 5), 2**40, 0), 70, 0.3, 1.25),
        }
        yield Case(arguments, ("out",))


def multiply(random, dtype) -> Iterator[Case]:
    for transposed, (n, k, m) in product([False, True], [(1, 1, 1), (33, 20, 129)]):
        a = random.normal(size=(k, n) if transposed else (n, k)).astype(dtype)
        b = random.normal(size=(m, k) if transposed else (k, m)).astype(dtype)
        a, b = (a.T, b.T) if transposed else (a, b)
        yield Case({"products": [(a, b, blank(n, m, dtype=dtype))]}, ("products",))


def draw_kept(random, dtype) -> Iterator[Case]:
    for n, width in product([1, 7], [1, 31, 32, 33, 500]):
        draw = Draw((3, 2**64 - 5), 2**40, width)
        arguments = {"draw": draw, "first": 70, "rate": 0.3, "value": 1.25}
        yield Case(arguments | {"out": blank(n, width, dtype=dtype)}, ("out",))
        yield Case(arguments | {"out": blank(3, n, width, dtype=dtype)}, ("out",))


def activate_labelled(random, dtype) -> Iterator[Case]:
    for (n, r, h), (name, kept) in product(SIZES, [("relu", False), ("gelu", True)]):
        arguments = {
            "shared": random.normal(size=(n, h)).astype(dtype),
            "label_weights": random.normal(size=(CLASSES, h)).astype(dtype),
            "labels": some_labels(random, n, r),
            "label_scale": 3.0,
            "bias": some_bias(random, h, dtype),
            "activation": ACTIVATIONS[name],
            "out": blank_activity(random, n, r, h, dtype, kept),
        }
        if r == 2:
            arguments["scale"] = random.random((n, r)).astype(dtype)
            arguments["out"].values[...] = random.normal(size=(n, r, h))
        yield Case(arguments, ("out",), scales={"out": 1})  # sigmoid' = a - a^2


def activate(random, dtype) -> Iterator[Case]:
    for (n, r, h), name, kept in product(SIZES, ACTIVATIONS, [True, False]):
        out = blank_activity(random, n, r, h, dtype, kept and ACTIVATIONS[name].keeps_slope)
        out.values[...] = random.normal(size=out.values.shape)
        arguments = {
            "scale": random.random((n, r)).astype(dtype),
            "bias": some_bias(random, h, dtype),
            "activation": ACTIVATIONS[name],
            "out": out,
        }
        yield Case(arguments, ("out",), scales={"out": 1})


def best_labels(random, dtype) -> Iterator[Case]:
    for n, classes, r, kept in product([1, 33], [2, 10, 129], [1, 2], [0, 1]):
        goodness = random.integers(0, 9, (n, classes)).astype(dtype)  # some are equal
        goodness[0, random.integers(0, classes, 2)] = np.nan
        labels = np.full((n, r), -1, np.int32)
        labels[:, :kept] = random.integers(0, classes, (n, kept))
        arguments = {"goodness": goodness, "kept": kept, "out_labels": labels}
        yield Case(arguments, ("out_labels",))


def evaluate(random, dtype) -> Iterator[Case]:
    sizes = [(1, 1, 2), (3, 31, 3), (2, 257, 2), (3, 7, 10)]  # (L, N, R)
    for i, objective in enumerate(OBJECTIVES):
        for j, (layers, n, r) in enumerate(sizes):
            goodness = (20 * random.random((layers, n, r))).astype(dtype)
            goodness[:, -1] = goodness[:, -1, :1]  # a tie is an error
            arguments = {
                "objective": LayerObjective(
                    objective, GAMMAS[(i + j) % len(GAMMAS)], (1.0, 0.3)[j % 2], (1.0, 1.5)[i % 2]
                ),
                "goodness": goodness,
                "out_coefficients": blank(layers, n, r, dtype=dtype),
                "out_totals": np.arange(1, layers + 2.0),  # of batches before
            }
            if j % 2:
                arguments["sample_weight"] = random.integers(0, 3, n).astype(dtype)
            # sigmoids are differences of numbers near 1
            scales = {"out_coefficients": 1 / n}
            yield Case(arguments, ("out_coefficients", "out_totals"), scales=scales)


def delta(random, dtype) -> Iterator[Case]:
    for (n, r, h), slope in product(TALL, [False, True]):
        arguments = {
            "coefficients": random.normal(size=(n, r)).astype(dtype),
            "scale": random.random((n, r)).astype(dtype),
            "activity": activity(random, n, r, h, dtype, slope, delta=True),
            "out_d_bias": blank(h, dtype=dtype),
        }
        yield Case(arguments, ("activity", "out_d_bias"))


def delta_labelled(random, dtype) -> Iterator[Case]:
    kinds = [*product(TALL, ["no slope", "slope"]), *product(SIZES[::2], ["made before"])]
    for (n, r, h), kind in kinds:
        made = kind == "made before"
        arguments = {
            "coefficients": None if made else random.normal(size=(n, r)).astype(dtype),
            "activity": activity(
                random, n, r, h, dtype, slope=kind == "slope", delta=made or r == 2
            ),
            "labels": some_labels(random, n, r),
            "label_scale": 3.0,
            "out_sum": blank(n, h, dtype=dtype),
            "out_d_label_weights": blank(CLASSES, h, dtype=dtype),
            "out_d_bias": blank(h, dtype=dtype),
        }
        written = ("out_sum", "out_d_label_weights", "out_d_bias")
        if r == 2 and not made:
            arguments["scale"] = random.random((n, r)).astype(dtype)
            written += ("activity",)
        yield Case(arguments, written)


def backpropagate(random, dtype) -> Iterator[Case]:
    for (n, r, h), slope in product(TALL, [False, True]):
        given = activity(random, n, r, h, dtype, slope, delta=True)
        if r > 1:
            kept = random.integers(0, 2, (n, h)).astype(dtype) * 1.5
            given = replace(given, kept=kept)
        arguments = {
            "activity": given,
            "out_d_bias": blank(h, dtype=dtype),
        }
        yield Case(arguments, ("activity", "out_d_bias"))


def cross_entropy(random, dtype) -> Iterator[Case]:
    for n in (1, 31, 32, 257):
        logits = random.normal(size=(n, CLASSES)).astype(dtype)
        bias = random.normal(size=CLASSES).astype(dtype)
        logits[-1] = -bias  # a tie is an error
        arguments = {
            "logits": logits,
            "bias": bias,
            "labels": random.integers(0, CLASSES, n).astype(np.int32),
            "out_totals": np.arange(1, 3.0)[: 1 if n == 31 else 2],
            "out_d_bias": blank(CLASSES, dtype=dtype),
        }
        if n % 2:
            arguments["sample_weight"] = (2 * random.random(n)).astype(dtype)
        yield Case(arguments, ("logits", "out_totals", "out_d_bias"))


def adam(random, dtype) -> Iterator[Case]:
    for length in LENGTHS:
        weights, gradient, mean, variance = random.normal(size=(4, length)).astype(dtype)
        arguments = {
            "weights": weights, "gradient": gradient, "mean": mean, "variance": variance**2,
            "step": 3, "lr": 1e-2,
        }  # fmt: skip
        yield Case(arguments, ("weights", "mean", "variance"))


def sgd(random, dtype) -> Iterator[Case]:
    for length in LENGTHS:
        weights, gradient, velocity = random.normal(size=(3, length)).astype(dtype)
        arguments = {
            "weights": weights, "gradient": gradient, "velocity": velocity,
            "step": 3, "lr": 1e-2, "momentum": 0.9,
        }  # fmt: skip
        yield Case(arguments, ("weights", "velocity"))


def examine(random, dtype) -> Iterator[Case]:
    arrays = {
        "totals": random.random(3),
        "weights": random.normal(size=20_000),
        "gradient": np.append(np.zeros(300), 1.0),
        "goodness": random.random((2, 300, 3)),
    }
    well = {name: array.astype(dtype) for name, array in arrays.items()}
    well["totals"] = arrays["totals"]
    yield Case(well, ())
    for name, place, value in [
        ("totals", 2, np.inf), ("totals", 0, np.nan), ("weights", 0, np.nan),
        ("weights", 19_999, -np.inf), ("gradient", 300, 0), ("gradient", 0, np.nan),
        ("goodness", ..., 0), ("goodness", ..., 1), ("goodness", (1, 299, 2), np.nan),
        ("goodness", (slice(None), slice(299)), 2),
    ]:  # fmt: skip
        changed = well[name].copy()
        changed[place] = value
        yield Case(well | {name: changed}, ())
    yield Case(well | {"gradient": np.zeros(1, dtype), "goodness": np.ones((1, 1, 1), dtype)}, ())


CASES = {
    cases.__name__: cases
    for cases in (
        multiply, standardise, draw_kept, activate_labelled, activate, best_labels,
        evaluate, delta, delta_labelled, backpropagate, cross_entropy, adam, sgd, examine,
    )
}  # fmt: skip
