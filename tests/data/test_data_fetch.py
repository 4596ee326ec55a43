"""Downloads from a loopback mirror, good and bad; the `ffnp data` commands."""

import gzip
import hashlib
import json
import os
import tarfile
import threading
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from data_files import binary_batch, idx_bytes, small_arrays, write_cifar, write_idx

from ffnp.data import catalogue, fetching, load
from ffnp.data.known import Archive, Known
from ffnp.data.layouts import CIFAR_BINARY, IDX
from ffnp.errors import InputError, InputWarning, StorageError
from ffnp.files import lock, partial
from ffnp_cli.data import data

pytestmark = pytest.mark.filterwarnings(
    "ignore:.* is not the published data set:ffnp.errors.InputWarning"
)

ARRAYS = small_arrays(3, 4)
COLOUR = small_arrays(3, 32, 32)
CONTENT = {name: idx_bytes(array) for name, array in zip(IDX.files, ARRAYS, strict=True)}
IMAGES = "train-images-idx3-ubyte"


class Mirror(ThreadingHTTPServer):
    """Serves a folder on the loopback interface and remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.failures = 0  # of the next answers, how many are errors
        self.shortened = 0  # bytes that are announced but not sent
        self.pause = 0.0  # seconds between two bytes
        self.headers: dict[str, str] = {}
        self.packs = False  # whether it packs what it sends, whatever it is asked for
        self.stopped = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(SimpleHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = self.server.folder / self.path.lstrip("/")
        if self.server.failures:
            self.server.failures -= 1
            self.send_error(503)
        elif not path.is_file():
            self.send_error(404)
        else:
            content = path.read_bytes()
            if self.server.packs:
                content = gzip.compress(content)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            for header in self.server.headers.items():
                self.send_header(*header)
            self.end_headers()
            if self.server.pause:
                with suppress(OSError):
                    for byte in content:
                        self.wfile.write(bytes([byte]))
                        if self.server.stopped.wait(self.server.pause):
                            return
                return
            self.wfile.write(content[: len(content) - self.server.shortened])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("FFNP_DATA_MIRROR", raising=False)
    return tmp_path / "cache" / "ffnp"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    folder = tmp_path / "mirror"
    folder.mkdir()
    with Mirror(folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.stopped.set()
        server.shutdown()
        thread.join()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def idx_set(*mirrors: str) -> Known:
    checksums = {name: sha256(content) for name, content in CONTENT.items()}
    words = {"title": "", "licence": "", "homepage": ""}
    return Known("small", **words, classes=10, layouts=(IDX,), sha256=checksums, mirrors=mirrors)


def publish(folder: Path, name: str = "small") -> None:
    write_idx(folder / name, ARRAYS, gzipped=True)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("folder", ["small", ""])
def test_files_are_fetched_into_the_cache(mirror, cache, monkeypatch, folder):
    publish(mirror.folder, folder)
    monkeypatch.setenv("FFNP_DATA_MIRROR", mirror.url + "/")
    assert fetching.fetch(idx_set("http://127.0.0.1:1")) == cache / "small"
    assert {name: (cache / "small" / name).read_bytes() for name in CONTENT} == CONTENT
    assert files(cache) == set(CONTENT)


def test_what_is_there_and_good_is_not_fetched_again(mirror, cache):
    publish(mirror.folder, "")
    known = idx_set(mirror.url)
    fetching.fetch(known)
    mirror.asked.clear()
    fetching.fetch(known)
    assert mirror.asked == []
    (cache / "small" / IMAGES).write_bytes(b"damaged")
    fetching.fetch(known)
    assert mirror.asked == [f"/{IMAGES}.gz"]
    assert (cache / "small" / IMAGES).read_bytes() == CONTENT[IMAGES]


def test_a_mirror_may_be_a_folder(tmp_path, cache, monkeypatch):
    publish(tmp_path / "folder")
    monkeypatch.setenv("FFNP_DATA_MIRROR", str(tmp_path / "folder"))
    fetching.fetch(idx_set())
    assert files(cache) == set(CONTENT)


def test_files_can_be_kept_elsewhere(mirror, tmp_path, cache):
    publish(mirror.folder, "")
    fetching.fetch(idx_set(mirror.url), tmp_path / "elsewhere")
    assert files(tmp_path / "elsewhere") == set(CONTENT)
    assert not cache.exists()


def corrupted(content: bytes) -> bytes:
    return gzip.compress(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize(
    "content",
    [
        corrupted(CONTENT[IMAGES]),
        gzip.compress(CONTENT[IMAGES])[:-20],
        CONTENT[IMAGES],
        b"<html>Not here</html>",
        b"",
        gzip.compress(bytes(2000)),
    ],
    ids=["a byte differs", "truncated", "not gzipped", "a page", "empty", "a bomb"],
)
def test_a_corrupted_mirror_is_refused_and_leaves_nothing(mirror, cache, monkeypatch, content):
    publish(mirror.folder, "")
    (mirror.folder / f"{IMAGES}.gz").write_bytes(content)
    monkeypatch.setattr(fetching, "LARGEST", 1000)
    with pytest.raises(StorageError) as caught:
        fetching.fetch(idx_set(mirror.url))
    assert str(caught.value).startswith(
        f"{IMAGES}.gz cannot be fetched ({mirror.url}/{IMAGES}.gz: its content is not the "
    )
    assert files(cache) == set()


def test_a_bomb_is_not_inflated_beyond_the_limit(tmp_path):
    bomb = gzip.compress(bytes(50 << 20))
    with (tmp_path / "out").open("wb") as file:
        sink = fetching.Sink(file, inflate=True)
        sink._room = 1000
        tracemalloc.start()
        with pytest.raises(ValueError, match="more than"):
            sink.write(bomb)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()
    assert (tmp_path / "out").stat().st_size == 0


def test_what_inflates_to_nothing_is_not_taken_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "LARGEST", 1000)
    with (tmp_path / "out").open("wb") as file:
        sink = fetching.Sink(file, inflate=True)
        sink.write(gzip.compress(b"")[:10])
        with pytest.raises(ValueError, match="more than 1000 bytes"):
            for _ in range(201):
                sink.write(b"\0\0\0\xff\xff")  # an empty block


def test_what_goes_on_after_its_end_is_refused_at_once(tmp_path):
    with (tmp_path / "out").open("wb") as file:
        sink = fetching.Sink(file, inflate=True)
        sink.write(gzip.compress(b"x"))
        with pytest.raises(ValueError, match="goes on after its end"):
            sink.write(b"x")


def test_the_next_mirror_is_tried(mirror, cache):
    publish(mirror.folder, "good")
    publish(mirror.folder, "bad")
    (mirror.folder / "bad" / f"{IMAGES}.gz").write_bytes(corrupted(CONTENT[IMAGES]))
    fetching.fetch(idx_set(f"{mirror.url}/none", f"{mirror.url}/bad", f"{mirror.url}/good"))
    assert (cache / "small" / IMAGES).read_bytes() == CONTENT[IMAGES]


def test_a_mirror_that_fails_once_is_tried_again(mirror, cache):
    publish(mirror.folder, "")
    mirror.failures = 1
    fetching.fetch(idx_set(mirror.url))
    assert files(cache) == set(CONTENT)


def test_a_connection_that_breaks_leaves_nothing(mirror, cache):
    publish(mirror.folder, "")
    mirror.shortened = 10
    with pytest.raises(StorageError, match="cannot be fetched"):
        fetching.fetch(idx_set(mirror.url))
    assert files(cache) == set()


def test_what_a_killed_download_left_is_removed(mirror, cache):
    publish(mirror.folder, "")
    left = partial(cache / "small" / IMAGES)
    left.mkdir(parents=True)
    (left / "0").write_bytes(bytes(10))
    (cache / "small" / "partial").mkdir()
    (cache / "small" / "partial" / "mine").touch()  # nothing of ours
    fetching.fetch(idx_set(mirror.url))
    assert files(cache) == {*CONTENT, "mine"}


def test_files_of_the_users_own_are_not_removed(mirror, cache):
    known = cifar_set(mirror.folder, mirror.url)
    own = {"partial/thesis.tex", ".mine.partial", f"{CIFAR_BINARY.folder}/.mine.1a.partial"}
    for name in own:
        (cache / "cifar10" / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / "cifar10" / name).write_text("mine")
    fetching.fetch(known)
    assert {name for name in own if (cache / "cifar10" / name).read_text() == "mine"} == own


def test_every_mirror_gives_its_reason(mirror):
    dead = "http://127.0.0.1:1"
    with pytest.raises(StorageError) as caught:
        fetching.fetch(idx_set(mirror.url, dead, "/nowhere"))
    message = str(caught.value)
    assert f"{mirror.url}/{IMAGES}.gz: HTTP status 404; {dead}/{IMAGES}.gz: Conn" in message
    assert "No such file or directory" in message
    assert "set FFNP_DATA_MIRROR" in message


def test_a_folder_that_cannot_be_written(mirror, tmp_path):
    publish(mirror.folder, "")
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "small"):
        with pytest.raises(StorageError, match="file.* cannot be written: (Not a d|File e)"):
            fetching.fetch(idx_set(mirror.url), folder)


def test_a_mirror_that_sends_byte_after_byte_is_given_up(mirror, cache, monkeypatch):
    publish(mirror.folder, "")
    mirror.pause = 0.01
    monkeypatch.setattr(fetching, "TIMEOUT", 0.5)
    begun = time.monotonic()
    with pytest.raises(StorageError, match=rf"{mirror.url}/{IMAGES}.gz: it is too slow\)"):
        fetching.fetch(idx_set(mirror.url))
    assert time.monotonic() - begun < 5
    assert len(mirror.asked) == 1, "a slow mirror is not asked again"
    assert files(cache) == set()


def test_a_file_takes_no_longer_than_the_limit(mirror, monkeypatch):
    publish(mirror.folder, "")
    mirror.pause = 0.01
    monkeypatch.setattr(fetching, "LONGEST", 0.3)
    with pytest.raises(StorageError, match="it is too slow"):
        fetching.fetch(idx_set(mirror.url))


def test_a_mirrors_password_is_not_printed(mirror, monkeypatch):
    host = mirror.url.removeprefix("http://")
    for secret in ("me:geheim", "me:ge@heim", "me:ge/heim", "geheim"):
        monkeypatch.setenv("FFNP_DATA_MIRROR", f"http://{secret}@{host}")
        with pytest.raises((StorageError, InputError)) as failed:
            fetching.fetch(idx_set())
        assert "heim" not in str(failed.value) and host in str(failed.value)


@pytest.mark.parametrize("packs", [False, True], ids=["it says so", "it packs again"])
def test_what_is_said_to_be_encoded_is_what_it_is(mirror, cache, packs):
    """Some servers call a packed file's own wrapping an encoding; others pack it once more."""
    mirror.headers, mirror.packs = {"Content-Encoding": "gzip"}, packs
    known = cifar_set(mirror.folder, mirror.url)
    fetching.fetch(known)
    assert files(cache / "cifar10") == set(CIFAR_BINARY.files)
    publish(mirror.folder, "")
    fetching.fetch(idx_set(mirror.url))
    assert {name: (cache / "small" / name).read_bytes() for name in CONTENT} == CONTENT


@pytest.mark.parametrize(
    "mirror",
    [
        "http://",
        "http:///x",
        "http://[::1",
        "http://a:b/",
        "foo://x",
        "http://h:99999",
        "https://a..b",
    ],
)
def test_a_url_that_is_none_is_said_to_be(monkeypatch, cache, mirror):
    monkeypatch.setenv("FFNP_DATA_MIRROR", mirror)
    with pytest.raises(InputError, match="FFNP_DATA_MIRROR is .*: give a folder, or a base URL as"):
        fetching.fetch(idx_set())
    assert not cache.exists()


def test_a_fetch_waits_for_another_and_fetches_nothing_again(mirror, cache):
    publish(mirror.folder, "")
    mirror.pause = 0.001
    failed = []

    def fetch():
        try:
            with warnings.catch_warnings(action="ignore"):
                fetching.fetch(idx_set(mirror.url))
        except Exception as error:
            failed.append(error)

    others = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    assert failed == []
    assert len(mirror.asked) == len(CONTENT)
    assert files(cache) == set(CONTENT)


def test_a_fetch_that_waits_says_so(mirror, cache):
    publish(mirror.folder, "")
    (cache / "small").mkdir(parents=True)
    other = os.open(cache / "small", os.O_RDONLY)
    assert lock(other)
    threading.Timer(0.1, os.close, [other]).start()
    with pytest.warns(InputWarning, match="another process fetches into .*small: waiting until"):
        fetching.fetch(idx_set(mirror.url))


def test_a_mirror_of_no_known_kind_is_not_said_to_be_corrupt(cache):
    with pytest.raises(StorageError, match=r"foo://x/.*: it is no URL of HTTP\)"):
        fetching.fetch(idx_set("foo://x"))
    assert not (cache / "small").exists()


def cifar_set(folder: Path, mirror: str) -> Known:
    """Write a small `.tar.gz` of CIFAR-10's binary layout to `folder`."""
    write_cifar(folder / CIFAR_BINARY.folder, COLOUR, ".bin", binary_batch)
    sums = {
        name: sha256((folder / CIFAR_BINARY.folder / name).read_bytes())
        for name in CIFAR_BINARY.files
    }
    packed = folder / "small.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(folder / CIFAR_BINARY.folder, CIFAR_BINARY.folder)
    archive = Archive(packed.name, sha256(packed.read_bytes()), CIFAR_BINARY)
    return Known("cifar10", "", "", "", 10, (CIFAR_BINARY,), sums, None, (), (mirror,), archive)


def test_an_archive_is_fetched_and_unpacked(mirror, cache):
    known = cifar_set(mirror.folder, mirror.url)
    fetching.fetch(known)
    assert files(cache / "cifar10") == set(CIFAR_BINARY.files)
    np.testing.assert_array_equal(load("cifar10").train.images, COLOUR.x_train.reshape(-1, 3072))
    mirror.asked.clear()
    fetching.fetch(known)
    assert mirror.asked == []
    (cache / "cifar10" / CIFAR_BINARY.folder / "test_batch.bin").unlink()
    fetching.fetch(known)
    assert files(cache / "cifar10") == set(CIFAR_BINARY.files)


def test_what_a_killed_unpacking_left_is_removed(mirror, cache):
    known = cifar_set(mirror.folder, mirror.url)
    unpacked = cache / "cifar10" / CIFAR_BINARY.folder
    unpacked.mkdir(parents=True)
    (unpacked / ".test_batch.bin.1.partial").write_bytes(bytes(10))
    fetching.fetch(known)
    assert files(cache) == set(CIFAR_BINARY.files)


def test_a_corrupted_archive_is_refused(mirror, cache):
    known = cifar_set(mirror.folder, mirror.url)
    packed = mirror.folder / "small.tar.gz"
    packed.write_bytes(packed.read_bytes()[:-1] + b"x")
    with pytest.raises(StorageError, match="its content is not the published one"):
        fetching.fetch(known)
    assert files(cache) == set()


def test_unpacking_on_a_full_disk_leaves_no_half_file(mirror, cache, monkeypatch):
    known = cifar_set(mirror.folder, mirror.url)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="cannot be written: No space left on device"):
            fetching.fetch(known)
    assert files(cache) == {"small.tar.gz"}
    mirror.asked.clear()
    fetching.fetch(known)
    assert mirror.asked == [], "the archive that was fetched already is used"
    assert files(cache) == set(CIFAR_BINARY.files)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(data, arguments)


def run_json(*arguments: str) -> dict:
    return json.loads(run(*arguments, "--json").stdout)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, mirror: Mirror) -> Known:
    """The only known data set is a small one."""
    publish(mirror.folder, "")
    known = idx_set(mirror.url)
    monkeypatch.setattr(catalogue, "CATALOGUE", {"small": known})
    monkeypatch.setattr("ffnp_cli.data.CATALOGUE", {"small": known})
    return known


def test_list_says_what_is_known_and_where():
    sets = {entry["name"]: entry for entry in run_json("list")["datasets"]}
    assert list(sets) == ["mnist", "fashion-mnist", "cifar10"]
    assert sets["mnist"]["location"].endswith("mnist")
    assert sets["mnist"]["licence"].startswith("CC BY-SA 3.0")
    assert sets["cifar10"]["location"] is None
    lines = run("list").stdout.splitlines()
    assert "  where     not on this machine" in lines
    assert f"  sha256    {sets['mnist']['sha256'][IMAGES]}  {IMAGES}" in lines


def test_list_finds_the_data_dir(tmp_path):
    publish(tmp_path, "fashion-mnist")
    listed = run_json("list", "--data-dir", str(tmp_path))["datasets"]
    assert str(tmp_path / "fashion-mnist") in [entry["location"] for entry in listed]


def test_fetch_prints_the_folder(small, cache):
    result = run("fetch", "small")
    assert result.exit_code == 0
    assert result.stdout == f"{cache / 'small'}\n"
    assert run_json("fetch", "small") == {"name": "small", "location": str(cache / "small")}


def test_fetch_to_a_data_dir(small, tmp_path):
    run("fetch", "small", "--data-dir", str(tmp_path / "own"))
    assert files(tmp_path / "own" / "small") == set(CONTENT)


def test_fetching_what_is_embedded(ffnp):
    status, out, err = ffnp("data", "fetch", "mnist")
    assert (status, out.endswith("mnist\n")) == (0, True)
    assert "there is nothing to fetch" in err


def test_the_embedded_mnist_is_the_published_one():
    report = run_json("verify", "mnist")
    assert report["published"]
    assert len(report["copies"]) == 1
    assert [file["problem"] for file in report["copies"][0]["files"]] == [""] * 4


def test_verify_says_which_files_are_not_the_published_ones(tmp_path):
    write_cifar(tmp_path / "cifar-10-batches-bin", COLOUR, ".bin", binary_batch)
    (tmp_path / "cifar-10-batches-bin" / "data_batch_4.bin").unlink()
    result = run("verify", "cifar10", "--data-dir", str(tmp_path))
    assert isinstance(result.exception, StorageError)
    assert str(result.exception) == (
        f"not the published files: cifar10 in {tmp_path}: "
        f"`ffnp data fetch cifar10 --data-dir {tmp_path}` downloads the published files"
    )
    lines = result.stdout.splitlines()
    assert lines[0] == f"cifar10 in {tmp_path}: NOT the published files"
    assert "data_batch_1.bin" in lines[1] and "content is not the published one" in lines[1]
    assert "no such file" in lines[4]
    report = run_json("verify", "cifar10", "--data-dir", str(tmp_path))
    assert not report["published"]
    assert len(report["copies"][0]["files"]) == 6


def test_verify_looks_at_every_copy(small, cache, tmp_path):
    fetching.fetch(small)
    publish(tmp_path / "own")
    assert run_json("verify", "--data-dir", str(tmp_path / "own"))["published"]
    damaged = tmp_path / "own" / "small" / f"{IMAGES}.gz"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    report = run_json("verify", "--data-dir", str(tmp_path / "own"))
    assert [copy["published"] for copy in report["copies"]] == [False, True]
    assert "is damaged" in report["copies"][0]["files"][0]["problem"]


def test_an_embedded_set_beside_the_published_one_need_not_be_fetched(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"other")
    message = str(run("verify", "mnist", "--data-dir", str(tmp_path)).exception)
    assert message.endswith(": leave out --data-dir, since mnist comes with ffnp")


def test_a_copy_that_lacks_a_file_says_how_to_get_it(small, tmp_path):
    publish(tmp_path)
    for path in (tmp_path / "small").glob("*labels*"):
        path.unlink()
    missing = "lacks train-labels-idx1-ubyte.gz, t10k-labels-idx1-ubyte.gz of small"
    with pytest.raises(InputError, match=missing) as raised:
        load("small", tmp_path)
    assert f"`ffnp data fetch small --data-dir {tmp_path}`" in str(raised.value)
    fetching.fetch(small, tmp_path / "small")
    assert len(load("small", tmp_path).train) > 0


def test_verify_what_is_nowhere():
    assert isinstance(run("verify", "cifar10").exception, InputError)
    assert run("verify").exit_code == 0


@pytest.mark.parametrize("command", ["fetch", "verify"])
def test_an_unknown_name(command):
    error = run(command, "nonesuch").exception
    assert isinstance(error, InputError)
    assert str(error).endswith("choose mnist, fashion-mnist, cifar10")


@pytest.mark.parametrize("command", [[], ["list"], ["fetch"], ["verify"]])
def test_help_has_an_example(command):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert " ".join(["ffnp data", *command]) in result.stdout.partition("Example:")[2]


def test_a_full_disk_is_not_blamed_on_the_mirror(mirror, cache, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetching.Sink, "write", full)
    with pytest.raises(StorageError, match="small.tar.gz cannot be written: No space left"):
        fetching.fetch(cifar_set(mirror.folder, mirror.url))
    assert files(cache) == set()
