"""How work is cut: everything once, in order, the first part a little larger."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ffnp.backends import parts
from ffnp.backends.parts import BLOCK, LEAD, blocks, cut, cut_products


def items(slices):
    return [i for each in slices for i in range(each.start, each.stop)]


@given(length=st.integers(1, 500), count=st.integers(1, 8))
def test_parts_are_everything_once_in_order(length, count):
    count = min(count, length)
    slices = cut(length, count)
    assert len(slices) == count
    assert items(slices) == list(range(length))
    sizes = [each.stop - each.start for each in slices]
    assert max(sizes[1:], default=0) <= min(sizes[1:], default=0) + 1
    assert abs(sizes[0] - LEAD * length / (count - 1 + LEAD)) <= 0.5


@given(length=st.integers(0, 500), width=st.integers(0, 3 * BLOCK))
def test_blocks_are_everything_once_in_order_and_small(length, width):
    slices = list(blocks(length, width))
    assert items(slices) == list(range(length))
    assert all((each.stop - each.start - 1) * width < BLOCK for each in slices)


@given(
    sizes=st.lists(st.tuples(*[st.integers(1, 900)] * 2), min_size=1, max_size=4),
    count=st.integers(1, 5),
)
def test_rows_of_products_are_everything_once_in_stretches_of_like_cost(sizes, count):
    products = [(np.empty((m, k)), np.empty((k, 64)), np.empty((m, 64))) for m, k in sizes]
    stretches = cut_products(products, count)
    assert 1 <= len(stretches) <= count
    taken = [product for stretch in stretches for product in stretch]
    for a, b, out in taken:
        assert len(a) == len(out) and a.shape[1] == len(b)
    places = [(out.ctypes.data, out.nbytes) for _, _, out in products]
    starts = [start for start, _ in places]
    rows = {start: 0 for start in starts}
    for _, _, out in taken:
        owner = max(start for start in starts if start <= out.ctypes.data)
        assert out.ctypes.data == owner + 64 * 8 * rows[owner]  # goes on where it stopped
        rows[owner] += len(out)
    assert [rows[start] for start in starts] == [m for m, _ in sizes]
    costs = [sum(a.size * 64 for a, _, _ in stretch) for stretch in stretches]
    most = max(LEAD * sum(costs) / (count - 1 + LEAD), parts.PRODUCT)
    coarse = max(k for _, k in sizes) * 64 * parts.ALIGNMENT  # cut between so many rows
    assert max(costs) <= most + count * coarse
