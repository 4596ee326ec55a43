"""How work is divided: into parts, one a thread, and those into blocks for a core's cache."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ffnp.backends.activity import Array, Product

# Numbers a block: 512 KiB in float32. Smaller ones would stay nearer to the core, but each pass
# over a block takes the interpreter's lock, and threads that wait for it sleep.
BLOCK = 1 << 17
# What a part holds at least: with less, handing it to another thread costs more than it saves.
LEAST = 1 << 15  # numbers of a layer
LEAST_SWEEP = 1 << 16  # numbers that one pass goes through
LEAST_PRODUCT = 1 << 23  # multiplications
UPDATE = 70  # multiplications that take as long as updating one weight
ALIGNMENT = 16  # rows that BLAS takes at a time: products are divided between them


def blocks(length: int, width: int) -> Iterator[slice]:
    """Consecutive slices of `length` items of `width` numbers each, about BLOCK numbers long."""
    step = max(1, BLOCK // max(1, width))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def divide(length: int, parts: int, alignment: int = 1) -> list[slice]:
    """`length` items in so many consecutive slices, equal but for the alignment."""
    step = alignment if length >= 2 * parts * alignment else 1
    ends = [int(length * i / parts / step + 0.5) * step for i in range(parts)]
    return [slice(*pair) for pair in pairwise([*ends, length])]


def divide_products(
    products: Sequence[Product], parts: int, afterwards: int = 0
) -> list[list[Product]]:
    """The rows of all results, one after the other, in parts of like cost.

    Whole products where it can be: BLAS reorders both operands of each product it is given.
    `afterwards` is what is then done with each number of a result, in multiplications.
    """
    costs = [a.size * b.shape[1] + afterwards * out.size for a, b, out in products]
    equal = sum(costs) / parts
    divided: list[list[Product]] = [[]]
    room = max(equal, LEAST_PRODUCT)
    for (a, b, out), cost in zip(products, costs, strict=True):
        start, rows = 0, len(a)
        while start < rows:
            # No room is left if the product before, divided between ALIGNMENT rows, took more.
            fitting = max(0, round(room / cost * rows / ALIGNMENT)) * ALIGNMENT
            if len(divided) == parts or start + fitting >= rows:
                fitting = rows - start
            if fitting:
                piece = slice(start, start + fitting)
                divided[-1].append((a[piece], b, out[piece]))
            start, room = start + fitting, room - fitting * cost / rows
            if start < rows:
                divided.append([])
                room = max(equal, LEAST_PRODUCT)
    return [part for part in divided if part]  # one may have no room


def divide_descent(
    products: Sequence[Product], gradient: Array, parts: int
) -> list[tuple[list[Product], slice]]:
    """Products that write into a flat gradient, in parts, and the span that each completes."""
    ordered = sorted(products, key=lambda product: _address(product[2]))
    divided = divide_products(ordered, parts, UPDATE)
    starts = [
        (_address(part[0][2]) - _address(gradient)) // gradient.itemsize for part in divided[1:]
    ]
    spans = [slice(*pair) for pair in pairwise([0, *starts, len(gradient)])]
    return list(zip(divided, spans, strict=True))


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
