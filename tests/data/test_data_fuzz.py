"""Damaged and random files: each reader gives the file's data or one clear error.

Never another exception, a hang, or more memory than the file accounts for.
"""

import gzip
import io
import struct
import time
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from data_files import binary_batch, idx_bytes, python2_batch, python3_batch, small_arrays
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ffnp.data.arrays import Arrays
from ffnp.data.cifar import read_binary, read_python
from ffnp.data.idx import read_idx
from ffnp.data.npy import map_npy, read_npz
from ffnp.errors import InputError, StorageError
from ffnp.runs.storage import read_tensors, write_tensors

MEMORY = 4 << 20  # bytes over the size of any file here, which are all below 50 kB
SECONDS = 5  # of computing

ARRAYS = small_arrays(3, 5)
BATCH = small_arrays(3, 32, 32, train=4).x_train, small_arrays(1, train=4).y_train

Arrayed = list[np.ndarray]


@dataclass(frozen=True)
class Reader:
    """A reader, a good file for it, and what it may make of a damaged one.

    `checked`: the format has checksums, so that the data are the original ones or refused.
    Otherwise the damage may be within the data, and as many bytes may differ as were changed.
    """

    name: str
    read: Callable[[Path], Arrayed]
    content: bytes
    checked: bool


def npz_bytes() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **ARRAYS._asdict())
    return file.getvalue()


def npy_bytes(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def tensors_bytes() -> bytes:
    """A run's state or model."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write_tensors(path, {"a": np.arange(7.0), "b": ARRAYS.x_train}, {"steps": [3]})
        return path.read_bytes()


def tensors(path: Path) -> Arrayed:
    found, values = read_tensors(path)
    return [np.array(values["steps"]), *(found[name] for name in sorted(found))]


def batch_reader(read: Callable[[list[Path]], Arrays]) -> Callable[[Path], Arrayed]:
    # The file stands for a training batch and for the test batch.
    return lambda path: list(read([path, path])[:2])


READERS = [
    Reader("idx", lambda path: [read_idx(path)], idx_bytes(ARRAYS.x_train), checked=False),
    Reader(
        "idx.gz",
        lambda path: [read_idx(path)],
        gzip.compress(idx_bytes(ARRAYS.x_train), mtime=0),
        checked=True,
    ),
    Reader("npz", lambda path: list(read_npz(path)), npz_bytes(), checked=True),
    Reader("npy", lambda path: [map_npy(path)], npy_bytes(ARRAYS.x_train), checked=False),
    Reader("bin", batch_reader(read_binary), binary_batch(*BATCH), checked=False),
    Reader("python2", batch_reader(read_python), python2_batch(*BATCH), checked=False),
    Reader("pickle4", batch_reader(read_python), python3_batch(*BATCH, 4), checked=False),
    Reader("pickle5", batch_reader(read_python), python3_batch(*BATCH, 5), checked=False),
    Reader("safetensors", tensors, tensors_bytes(), checked=True),
]


@dataclass(frozen=True)
class Damage:
    """What was done to a file, and how many of its bytes were changed (None: any number)."""

    content: bytes
    changed: int | None


def damages(content: bytes) -> st.SearchStrategy[Damage]:
    """Truncated, bit-flipped, overwritten, extended and random files, headers most often."""
    places = st.integers(0, len(content) - 1) | st.integers(0, min(len(content), 200) - 1)

    def flip(place: int, bit: int) -> Damage:
        return overwrite(place, bytes([content[place] ^ 1 << bit]))

    def overwrite(place: int, patch: bytes) -> Damage:
        patch = patch[: len(content) - place]
        return Damage(content[:place] + patch + content[place + len(patch) :], len(patch))

    noise = st.binary(max_size=300)
    return st.one_of(
        places.map(lambda place: Damage(content[:place], None)),
        st.builds(flip, places, st.integers(0, 7)),
        st.builds(overwrite, places, st.binary(min_size=1, max_size=16)),
        noise.map(lambda bytes_: Damage(content + bytes_, 0)),
        noise.map(lambda bytes_: Damage(bytes_, None)),
        st.builds(lambda place, end: Damage(content[:place] + end, None), places, noise),
    )


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < MEMORY, "the error came too late"


@contextmanager
def little_time() -> Iterator[None]:
    start = time.process_time()  # not the clock's: a machine may pause
    try:
        yield
    finally:
        assert time.process_time() - start < SECONDS, "it was slow to end"


def survives(reader: Reader, folder: Path, damage: Damage) -> str:
    """Check the outcome, and name it."""
    good = folder / f"good.{reader.name}"
    good.write_bytes(reader.content)
    path = folder / f"damaged.{reader.name}"
    path.write_bytes(damage.content)
    try:
        with little_memory(), little_time():
            arrays = reader.read(path)
    except (InputError, StorageError) as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
        return "refused"
    wanted = reader.read(good)
    if reader.checked:
        for array, original in zip(arrays, wanted, strict=True):
            np.testing.assert_array_equal(array, original, strict=True)
    elif damage.changed is not None and damage.content != reader.content:
        changed = 0
        for array, original in zip(arrays, wanted, strict=True):
            assert array.nbytes == original.nbytes
            changed += sum(a != b for a, b in zip(array.tobytes(), original.tobytes(), strict=True))
        assert changed <= damage.changed
    else:
        assert all(array.nbytes <= len(damage.content) for array in arrays)
    return "read"


def fuzz(reader: Reader, folder: Path, examples: int) -> None:
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(damages(reader.content))
    def run(damage: Damage) -> None:
        outcomes[survives(reader, folder, damage)] += 1

    outcomes: Counter[str] = Counter()
    run()
    print(f"{reader.name}: {dict(outcomes)}")  # pytest -rP shows it
    assert outcomes.total() >= examples


by_name = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)


@by_name
def test_truncated_in_the_header_and_at_the_end(reader, tmp_path):
    whole = len(reader.content)
    for length in [*range(0, min(whole, 200), 3), *range(max(whole - 20, 0), whole)]:
        path = tmp_path / f"short.{reader.name}"
        path.write_bytes(reader.content[:length])
        with pytest.raises(InputError, match="short"):
            reader.read(path)


@by_name
def test_fuzz(reader, tmp_path):
    fuzz(reader, tmp_path, 50)


@pytest.mark.slow
@by_name
def test_fuzz_long(reader, tmp_path):
    fuzz(reader, tmp_path, 2500)


HUGE = (2**31, 28, 28)


def npy_claim(shape: tuple[int, ...]) -> bytes:
    """The header of a `.npy` file of bytes."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def npz_claim(shape: tuple[int, ...], held: int | None = None) -> bytes:
    """An archive whose x_train claims `shape`, and whose directory claims `held` bytes of it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x_train.npy", npy_claim(shape))
    content = bytearray(file.getvalue())
    if held is not None:
        for signature, offset in ((b"PK\3\4", 18), (b"PK\1\2", 20)):
            struct.pack_into("<II", content, content.index(signature) + offset, held, held)
    return bytes(content)


def pickled(*opcodes: bytes) -> bytes:
    return b"\x80\x05}" + b"".join(opcodes) + b"."


LIES = {
    "idx": [
        struct.pack(">BBBB3I", 0, 0, 8, 3, *HUGE) + bytes(1000),
        struct.pack(">BBBB4I", 0, 0, 8, 4, *4 * [2**32 - 1]) + bytes(1000),
        struct.pack(">BBBB4I", 0, 0, 8, 4, 0, *3 * [2**32 - 1]),
        idx_bytes(ARRAYS.x_train) + bytes(1),
    ],
    "idx.gz": [
        gzip.compress(struct.pack(">BBBB3I", 0, 0, 8, 3, *HUGE) + bytes(1000)),
        # a bomb: 100 MB of zeros behind an image of 4 x 4
        gzip.compress(struct.pack(">BBBB3I", 0, 0, 8, 3, 1, 4, 4) + bytes(100 << 20)),
    ],
    "npz": [
        npz_claim(HUGE),
        npz_claim((2**20, 28, 28), len(npy_claim((2**20, 28, 28))) + 2**20 * 784),
        npz_claim((0, *HUGE, *HUGE)),
    ],
    "npy": [
        npy_claim(HUGE) + bytes(1000),
        npy_claim((4, 5)) + bytes(21),
        npy_claim((0, *HUGE, *HUGE)),
        npy_claim((4, 5)).replace(b"(4, 5)", 3000 * b"(") + bytes(20),
        npy_claim((4, 5)).replace(b"|u1", b"<f3") + bytes(60),
        b"\x93NUMPY\2\0" + struct.pack("<I", 2**30) + bytes(1000),  # a header of 1 GB
    ],
    "bin": [b"", bytes(3072), bytes(3074)],
    "python2": [
        pickled(b"r" + struct.pack("<I", 2**24)),  # a memo of 2^24 entries
        pickled(b"\x96" + struct.pack("<Q", 2**28), bytes(100)),  # a bytearray of 2^28 bytes
        pickled(b"\x8e" + struct.pack("<Q", 2**28), bytes(100)),  # bytes
        pickled(b"\x95" + struct.pack("<Q", 2**28), bytes(100)),  # a frame
        pickled(1_000_000 * b"]"),  # a list from every byte
    ],
}


def equal_hash(i: int) -> bytes:
    """A key, a number whose hash is that of the others, and a value."""
    return b"\x8a\x0a" + (i * (2**61 - 1)).to_bytes(10, "little") + b"N"


HALVES = b")q\0" + b"".join(
    b"h%bh%b\x86q%b0" % (*2 * [bytes([i])], bytes([i + 1])) for i in range(40)
)
CRAFTED = {
    "a key whose hash takes 2^40 steps": pickled(HALVES, b"h\x28K\1s"),
    "tuples in tuples as a key": pickled(b")", 190_000 * b"\x85", b"K\1s"),
    "tuples in tuples": pickled(b"X\4\0\0\0data)", 190_000 * b"\x85", b"s"),
    "keys with equal hashes": pickled(b"(", *map(equal_hash, range(60_000)), b"u"),
    "a list in itself": pickled(b"X\4\0\0\0data]q\0h\0as"),
    "a dictionary in itself as labels": pickled(b"q\0X\6\0\0\0labelsh\0s"),
    "what is below a mark": pickled(b"K\1(K\1s"),
    "nothing": b"\x80\2.",
    "two values": pickled(b"K\1"),
    "a state of a list": pickled(b"]Nb"),
    "a call of a text": pickled(b"X\1\0\0\0x)R"),
    "an object": pickled(b"cnumpy\nndarray\n)\x81"),  # NEWOBJ
    "a number of 10 MB": pickled(b"\x8b" + struct.pack("<I", 10 << 20), bytes(10 << 20)),
    "a memo from its end": pickled(b"j\xff\xff\xff\xff"),
    "an extension": pickled(b"\x82\1"),
    "a persistent object": pickled(b"Px\n"),
}  # fmt: skip


@pytest.mark.parametrize("content", CRAFTED.values(), ids=CRAFTED)
def test_a_crafted_pickle_is_refused_at_once(content, tmp_path):
    path = tmp_path / "crafted"
    path.write_bytes(content)
    with (
        pytest.raises(InputError, match="crafted is (refused as|not) a CIFAR batch"),
        little_time(),
    ):
        read_python([path, path])


@pytest.mark.parametrize(
    ("reader", "content"),
    [(reader, lie) for reader in READERS for lie in LIES.get(reader.name, [])],
    ids=lambda value: value.name if isinstance(value, Reader) else "",
)
def test_a_claim_allocates_nothing(reader, content, tmp_path):
    path = tmp_path / f"lie.{reader.name}"
    path.write_bytes(content)
    with pytest.raises(InputError), little_memory():
        reader.read(path)
