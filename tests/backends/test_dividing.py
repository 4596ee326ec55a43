"""How work is divided: everything once, in order, in parts of like size."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.lib.array_utils import byte_bounds

from ffnp.backends import dividing
from ffnp.backends.dividing import BLOCK, blocks, divide, divide_descent, divide_products


def items(slices):
    return [i for each in slices for i in range(each.start, each.stop)]


@given(length=st.integers(1, 500), count=st.integers(1, 8), alignment=st.integers(1, 9))
def test_parts_are_everything_once_in_order_and_of_like_size(length, count, alignment):
    count = min(count, length)
    slices = divide(length, count, alignment)
    assert len(slices) == count
    assert items(slices) == list(range(length))
    sizes = [each.stop - each.start for each in slices]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 2 * alignment


def test_parts_begin_where_blas_begins_anew():
    assert [part.start for part in divide(200, 2, 8)] == [0, 104]
    assert [part.start for part in divide(20, 2, 8)] == [0, 10]  # so few that it would cost balance


@given(length=st.integers(0, 500), width=st.integers(0, 3 * BLOCK))
def test_blocks_are_everything_once_in_order_and_small(length, width):
    slices = list(blocks(length, width))
    assert items(slices) == list(range(length))
    assert all((each.stop - each.start - 1) * width < BLOCK for each in slices)


SIZES = st.integers(1, 900) | st.sampled_from([10, 2000])  # alike, or some far above others


@given(
    sizes=st.lists(st.tuples(SIZES, SIZES, SIZES), min_size=1, max_size=4),
    count=st.integers(1, 12),
    afterwards=st.sampled_from([0, dividing.UPDATE]),
)
# a narrow last product of the first part, which takes more than its room
@example(sizes=[(784, 200, 10), (10, 400, 2000), (2000, 400, 20)], count=3, afterwards=70)
def test_rows_of_products_are_everything_once_in_parts_of_like_cost(sizes, count, afterwards):
    starts = np.cumsum([0] + [m for m, _, _ in sizes])
    products = [  # each number of a result is its row's number, among the rows of all
        (
            np.broadcast_to(0.0, (m, k)),
            np.broadcast_to(0.0, (k, n)),
            np.broadcast_to(rows, (n, m)).T,
        )
        for (m, k, n), rows in zip(
            sizes, np.split(np.arange(starts[-1]), starts[1:-1]), strict=True
        )
    ]
    divided = divide_products(products, count, afterwards)
    assert 1 <= len(divided) <= count
    taken = [product for part in divided for product in part]
    for a, b, out in taken:
        assert len(a) == len(out) and a.shape[1] == len(b)
    assert np.concatenate([out[:, 0] for _, _, out in taken]).tolist() == list(range(starts[-1]))
    costs = [
        sum(a.size * b.shape[1] + afterwards * out.size for a, b, out in each) for each in divided
    ]
    most = max(sum(costs) / count, dividing.LEAST_PRODUCT)
    row = max((k + afterwards) * n for _, k, n in sizes)
    coarse = dividing.ALIGNMENT * row  # divided between so many rows
    assert max(costs) <= most + count * coarse


@given(
    sizes=st.lists(st.tuples(st.integers(1, 200), st.integers(1, 90)), min_size=1, max_size=4),
    gap=st.integers(0, 20),
    count=st.integers(1, 8),
    random=st.randoms(),
)
def test_a_span_of_the_gradient_is_written_by_its_own_part(sizes, gap, count, random):
    gradient = np.zeros(sum(m * n + gap for m, n in sizes))
    products, start = [], gap
    for m, n in sizes:
        out = gradient[start : start + m * n].reshape(m, n)
        products.append((np.ones((m, 3)), np.ones((3, n)), out))
        start += m * n + gap
    random.shuffle(products)
    divided = divide_descent(products, gradient, count)
    ends = [0] + [span.stop for _, span in divided]
    assert [span.start for _, span in divided] == ends[:-1]
    assert ends[-1] == len(gradient)
    for part, span in divided:
        inside = gradient[span]
        for _, _, out in part:
            assert byte_bounds(inside)[0] <= byte_bounds(out)[0]
            assert byte_bounds(out)[1] <= byte_bounds(inside)[1]
