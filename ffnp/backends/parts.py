"""How work is cut: into parts for the threads, and those into blocks for a core's cache."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ffnp.backends.activity import Array, Product

# Numbers a block: 512 KiB in float32. Smaller ones would stay nearer to the core, but each pass
# over a block takes the interpreter's lock, and threads that wait for it sleep.
BLOCK = 1 << 17
# What a part holds at least: with less, handing it to another thread costs more than it saves.
SHARE = 1 << 15  # numbers of a layer
SWEEP = 1 << 16  # numbers that one pass goes through
PRODUCT = 1 << 23  # multiplications
UPDATE = 70  # multiplications that take as long as updating one weight
# BLAS takes so many rows at a time: products are cut between them, and a batch between half as
# many images, which have two label rows each at least.
ALIGNMENT = 16


def blocks(length: int, width: int) -> Iterator[slice]:
    """Consecutive slices of `length` items of `width` numbers each, about BLOCK numbers long."""
    step = max(1, BLOCK // max(1, width))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def cut(length: int, parts: int, alignment: int = 1) -> list[slice]:
    """`length` items in so many consecutive slices, equal but for the alignment."""
    step = alignment if length >= 2 * parts * alignment else 1
    ends = [int(length * i / parts / step + 0.5) * step for i in range(parts)]
    return [slice(*pair) for pair in pairwise([*ends, length])]


def cut_products(
    products: Sequence[Product], parts: int, afterwards: int = 0
) -> list[list[Product]]:
    """The rows of all results, one after the other, in stretches of like cost.

    Whole products where it can be: BLAS reorders both operands of each product it is given.
    `afterwards` is what is then done with each number of a result, in multiplications.
    """
    costs = [a.size * b.shape[1] + afterwards * out.size for a, b, out in products]
    equal = sum(costs) / parts
    stretches: list[list[Product]] = [[]]
    room = max(equal, PRODUCT)
    for (a, b, out), cost in zip(products, costs, strict=True):
        start, rows = 0, len(a)
        while start < rows:
            # No room is left if the product before, cut between ALIGNMENT rows, took more.
            fitting = max(0, round(room / cost * rows / ALIGNMENT)) * ALIGNMENT
            if len(stretches) == parts or start + fitting >= rows:
                fitting = rows - start
            if fitting:
                part = slice(start, start + fitting)
                stretches[-1].append((a[part], b, out[part]))
            start, room = start + fitting, room - fitting * cost / rows
            if start < rows:
                stretches.append([])
                room = max(equal, PRODUCT)
    return [stretch for stretch in stretches if stretch]  # one may have no room


def cut_descent(
    products: Sequence[Product], gradient: Array, parts: int
) -> list[tuple[list[Product], slice]]:
    """Products that write into a flat gradient, in stretches, and the span that each completes."""
    ordered = sorted(products, key=lambda product: _address(product[2]))
    stretches = cut_products(ordered, parts, UPDATE)
    starts = [
        (_address(stretch[0][2]) - _address(gradient)) // gradient.itemsize
        for stretch in stretches[1:]
    ]
    spans = [slice(*pair) for pair in pairwise([0, *starts, len(gradient)])]
    return list(zip(stretches, spans, strict=True))


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
