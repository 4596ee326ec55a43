"""How work is cut: everything once, in order, in parts of like size."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.array_utils import byte_bounds

from ffnp.backends import parts
from ffnp.backends.parts import BLOCK, blocks, cut, cut_descent, cut_products


def items(slices):
    return [i for each in slices for i in range(each.start, each.stop)]


@given(length=st.integers(1, 500), count=st.integers(1, 8), alignment=st.integers(1, 9))
def test_parts_are_everything_once_in_order_and_of_like_size(length, count, alignment):
    count = min(count, length)
    slices = cut(length, count, alignment)
    assert len(slices) == count
    assert items(slices) == list(range(length))
    sizes = [each.stop - each.start for each in slices]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 2 * alignment


def test_parts_are_cut_where_blas_begins_anew():
    assert [part.start for part in cut(200, 2, 8)] == [0, 104]
    assert [part.start for part in cut(20, 2, 8)] == [0, 10]  # so few that it would cost balance


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
    most = max(sum(costs) / count, parts.PRODUCT)
    coarse = max(k for _, k in sizes) * 64 * parts.ALIGNMENT  # cut between so many rows
    assert max(costs) <= most + count * coarse


@given(
    heights=st.lists(st.integers(1, 90), min_size=1, max_size=4),
    gap=st.integers(0, 20),
    count=st.integers(1, 5),
    random=st.randoms(),
)
def test_a_span_of_the_gradient_is_written_by_its_own_stretch(heights, gap, count, random):
    gradient = np.zeros(sum(8 * height + gap for height in heights))
    products, start = [], gap
    for height in heights:
        out = gradient[start : start + 8 * height].reshape(height, 8)
        products.append((np.ones((height, 3)), np.ones((3, 8)), out))
        start += 8 * height + gap
    random.shuffle(products)
    stretches = cut_descent(products, gradient, count)
    assert items(span for _, span in stretches) == list(range(len(gradient)))
    for stretch, span in stretches:
        inside = gradient[span]
        for _, _, out in stretch:
            assert byte_bounds(inside)[0] <= byte_bounds(out)[0]
            assert byte_bounds(out)[1] <= byte_bounds(inside)[1]
