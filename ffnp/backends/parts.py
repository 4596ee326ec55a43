"""How work is cut: into parts for the threads, and those into blocks for a core's cache."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ffnp.backends.activity import Product

# Numbers a block: 512 KiB in float32. Smaller ones would stay nearer to the core, but each pass
# over a block takes the interpreter's lock, and threads that wait for it sleep.
BLOCK = 1 << 17
# What a part holds at least: with less, handing it to another thread costs more than it saves.
SHARE = 1 << 15  # numbers of a layer
SWEEP = 1 << 16  # numbers that one pass goes through
PRODUCT = 1 << 23  # multiplications
LEAD = 1.06  # the first part against the others: its thread starts first, and shall not wait
ALIGNMENT = 16  # products are cut between so many rows


def blocks(length: int, width: int) -> Iterator[slice]:
    """Consecutive slices of `length` items of `width` numbers each, about BLOCK numbers long."""
    step = max(1, BLOCK // max(1, width))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def cut(length: int, parts: int) -> list[slice]:
    """`length` items in so many consecutive slices, the first larger by LEAD, the others equal."""
    first = round(length * LEAD / (parts - 1 + LEAD))
    others = [first + (length - first) * i // max(parts - 1, 1) for i in range(parts - 1)]
    return [slice(*pair) for pair in pairwise([0, *others, length])]


def cut_products(products: Sequence[Product], parts: int) -> list[list[Product]]:
    """The rows of all results, one after the other, in stretches of like cost.

    Whole products where it can be: BLAS reorders both operands of each product it is given.
    """
    costs = [a.size * b.shape[1] for a, b, _ in products]
    equal = sum(costs) / (parts - 1 + LEAD)
    stretches: list[list[Product]] = [[]]
    room = max(LEAD * equal, PRODUCT)
    for (a, b, out), cost in zip(products, costs, strict=True):
        start, rows = 0, len(a)
        while start < rows:
            fitting = round(room / cost * rows / ALIGNMENT) * ALIGNMENT
            if len(stretches) == parts or start + fitting >= rows:
                fitting = rows - start
            if fitting:
                part = slice(start, start + fitting)
                stretches[-1].append((a[part], b, out[part]))
            start, room = start + fitting, room - fitting * cost / rows
            if start < rows:
                stretches.append([])
                room = max(equal, PRODUCT)
    return stretches
