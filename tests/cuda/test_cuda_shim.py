"""The shim can fail: every planted bug is found, and its correct twin passes."""

import re
from functools import cache

import gpu_shim
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(gpu_shim.compiler() is None, reason="g++ is not installed")

# Reverse 64 numbers by way of shared memory.
REVERSE = """
KERNEL reverse(float* x) {
    __shared__ float copy[64];
    copy[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = copy[63 - threadIdx.x];
}
"""

# Sum of 64 numbers in a tree.
TREE = """
KERNEL tree(float* x) {
    __shared__ float sums[64];
    sums[threadIdx.x] = x[threadIdx.x];
    for (int half = 32; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0) x[0] = sums[0];
}
"""

# Sum over a warp, in every lane.
WARP = """
KERNEL warp(float* x) {
    float sum = x[threadIdx.x];
    for (int distance = 16; distance > 0; distance /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, distance);
    x[threadIdx.x] = sum;
}
"""

# Sums over the pieces of a block, one after the other, with one buffer.
TWICE = """
__device__ float block_sum(float value) {
    __shared__ float parts[64];
    __syncthreads();
    parts[threadIdx.x] = value;
    __syncthreads();
    float sum = 0;
    for (int i = 0; i < 64; i++) sum += parts[i];
    return sum;
}

KERNEL twice(float* x) {
    float value = x[threadIdx.x];
    float first = block_sum(value);
    float second = block_sum(2 * value);
    x[threadIdx.x] = first + second;
}
"""

# Two blocks, each with a half of its own.
HALVES = """
KERNEL halves(float* x) {
    int i = blockIdx.x * 32 + threadIdx.x;
    if (threadIdx.x < 32 && i < 64) x[i] = blockIdx.x;
}
"""

BUGS = {
    "a block that writes the next one's place": (HALVES, "threadIdx.x < 32", "threadIdx.x <= 32"),
    "no barrier after a write": (REVERSE, "    __syncthreads();\n", ""),
    "a buffer written before all have read it": (TWICE, "[64];\n    __syncthreads();\n", "[64];\n"),
    "no barrier in a tree": (TREE, "        __syncthreads();\n", ""),
    "a barrier that few reach": (TREE, "__sync", "if (threadIdx.x < half) __sync"),
    "an index off by one": (REVERSE, "copy[63 -", "copy[64 -"),
    "shared memory not written": (REVERSE, "copy[threadIdx.x] = x", "float unused = x"),
    "sum into one place without atomics": (
        TREE,
        "__shared__ float sums[64];",
        "x[0] += 0 * x[63 - threadIdx.x]; x[threadIdx.x] = x[0]; __shared__ float sums[64];",
    ),
    "a lane outside the mask": (WARP, "0xffffffffu", "0x0000ffffu"),
    "a shuffle that not all reach": (WARP, "        sum +=", "        if (threadIdx.x) sum +="),
    "a mask with lanes that do not exist": (WARP, None, None),
    "too many threads": (REVERSE, None, None),
    "too much shared memory": (REVERSE, "copy[64]", "copy[13000]"),
}


def planted(source, right, wrong):
    assert right is None or right in source
    return source if right is None else source.replace(right, wrong)


SOURCES = [REVERSE, TREE, WARP, TWICE, HALVES, *(planted(*bug) for bug in BUGS.values())]


@cache
def library(*sources):
    """Their kernels, compiled together, for each alone takes as long: `k0_...` and so on."""
    numbered = [
        re.sub(r"KERNEL (?=\w)|(?=block_sum)", rf"\g<0>k{i}_", source)
        for i, source in enumerate(sources)
    ]
    return gpu_shim.build("\n".join(['#define KERNEL extern "C" __global__ void', *numbered]), ())


def run(source, order, threads=64):
    """The numbers 0..63 after the one kernel of a source; None where the shim refuses."""
    fitting = [each for each in SOURCES if "[13000]" not in each]  # a library's memory is counted
    sources = fitting if source in fitting else [source]
    kernel = re.search(r"KERNEL (\w+)", source).group(1)
    kernels, name = library(*sources), f"k{sources.index(source)}_{kernel}"
    x, grid = np.arange(64, dtype=np.float32), (2,) if "blockIdx" in source else (1,)
    try:
        gpu_shim.launch(kernels, name, grid, (threads,), [x], order)
    except gpu_shim.ShimError:
        return None
    return x.tolist()


def expected(source):
    x = np.arange(64.0)
    return {
        REVERSE: x[::-1],
        TREE: np.concatenate([[x.sum()], x[1:]]),
        WARP: np.repeat([x[:32].sum(), x[32:].sum()], 32),
        TWICE: np.full(64, 3 * x.sum()),
        HALVES: x // 32,
    }[source].tolist()


@pytest.mark.parametrize("order", gpu_shim.ORDERS)
@pytest.mark.parametrize("source", [REVERSE, TREE, WARP, TWICE, HALVES])
def test_correct_kernels_pass(source, order):
    assert run(source, order) == expected(source)


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bug_is_found_in_some_order(bug):
    source, *_ = BUGS[bug]
    threads = {"a mask with lanes that do not exist": 40, "too many threads": 1056}.get(bug, 64)
    wrong = planted(*BUGS[bug])
    found = [run(wrong, order, threads) != expected(source) for order in gpu_shim.ORDERS]
    assert any(found)
