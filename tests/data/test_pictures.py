"""Pictures as they are shown, and drawn digits made what a model of MNIST knows."""

import sys
from types import ModuleType

import numpy as np
import pytest
from data_files import small_arrays
from small_training import make_trainer

from ffnp import Config, evaluate, from_arrays, load, predict, train
from ffnp.data import Split
from ffnp.data.appearance import Appearance
from ffnp.data.inputs import read_images
from ffnp.data.pictures import in_pieces, ink_of
from ffnp.errors import FFNPError, InputError, InputWarning, noting

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

SEVEN = load("mnist").test.images[0].reshape(28, 28)  # light on dark
SHAPE = (28, 28)
ORIENTATION = 0x0112  # in EXIF


def picture(pixels, mode="L"):
    return Image.fromarray(np.ascontiguousarray(pixels)).convert(mode)


def read(path, **options):
    return read_images(path, SHAPE, **options)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK", "YCbCr"])
def test_a_mode_is_no_matter(tmp_path, mode):
    picture(SEVEN, mode).save(tmp_path / "x.tiff")
    np.testing.assert_allclose(read(tmp_path / "x.tiff").reshape(SHAPE), SEVEN, atol=2)


def test_colours_that_pillow_does_not_convert_are_named(tmp_path):
    Image.new("LAB", SHAPE).save(tmp_path / "x.tiff")
    with pytest.raises(InputError, match="x.tiff has LAB colours: save it in greys or RGB"):
        read(tmp_path / "x.tiff")


def test_a_picture_of_too_many_pages_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("ffnp.data.pictures.MOST", 3 * SEVEN.size)
    pages = [picture(SEVEN)] * 3
    pages[0].save(tmp_path / "x.tiff", save_all=True, append_images=pages[1:])
    assert len(read(tmp_path / "x.tiff")) == 3
    pages[0].save(tmp_path / "x.tiff", save_all=True, append_images=pages)
    with pytest.raises(InputError, match="x.tiff has too many pages: give them in several files"):
        read(tmp_path / "x.tiff")


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        (None, "Pillow is not installed: pip install"),
        (ModuleType("PIL"), "does not work (ImportEr"),
    ],
)
def test_a_missing_or_broken_pillow_is_one_line(monkeypatch, tmp_path, package, reason):
    picture(SEVEN).save(tmp_path / "x.png")
    monkeypatch.setitem(sys.modules, "PIL", package)
    with pytest.raises(InputError) as raised:
        read(tmp_path / "x.png")
    assert reason in str(raised.value)


def test_one_bit_a_pixel(tmp_path):
    picture(255 * (SEVEN > 99).astype(np.uint8)).convert("1").save(tmp_path / "x.png")
    np.testing.assert_array_equal(read(tmp_path / "x.png").reshape(SHAPE), 255 * (SEVEN > 99))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
def test_a_picture_is_turned_as_exif_says(tmp_path, orientation, suffix):
    as_seen = {
        1: SEVEN, 2: SEVEN[:, ::-1], 3: SEVEN[::-1, ::-1], 4: SEVEN[::-1], 5: SEVEN.T,
        6: np.rot90(SEVEN, -1), 7: SEVEN[::-1, ::-1].T, 8: np.rot90(SEVEN),
    }  # fmt: skip
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"jpg": {"quality": 100}, "webp": {"lossless": True}}.get(suffix, {})
    picture(SEVEN).save(tmp_path / f"x.{suffix}", exif=exif, **options)
    np.testing.assert_allclose(
        read(tmp_path / f"x.{suffix}").reshape(SHAPE), as_seen[orientation], atol=8
    )


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_is_white(tmp_path, mode):
    ink = Image.new("LA", SHAPE, 0)  # black, and transparent but where the digit is
    ink.putalpha(picture(SEVEN))
    path = tmp_path / "x.png"
    ink.convert(mode).save(path)
    np.testing.assert_allclose(read(path).reshape(SHAPE), 255 - SEVEN, atol=2)
    np.testing.assert_allclose(read(path, invert=True).reshape(SHAPE), SEVEN, atol=2)


@pytest.mark.parametrize("mode", ["L", "P"])
def test_a_transparent_colour_is_white(tmp_path, mode):
    pixels = np.where(SEVEN > 99, 200, 0).astype(np.uint8)
    picture(pixels, mode).save(tmp_path / "x.png", transparency=0)
    expected = np.where(SEVEN > 99, 200, 255)
    np.testing.assert_array_equal(read(tmp_path / "x.png").reshape(SHAPE), expected)


@pytest.mark.parametrize("colour", [0, 128, 255])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_blank_picture_has_nothing_to_predict(tmp_path, colour, mode):
    Image.new("L", SHAPE, colour).convert(mode).save(tmp_path / "x.png")
    for prepare in (False, True):
        with pytest.raises(InputError, match="x.png is blank: all its pixels are alike"):
            read(tmp_path / "x.png", prepare=prepare)


def test_light_ink_on_transparency_is_blank_on_white(tmp_path):
    ink = Image.new("LA", SHAPE, 255)
    ink.putalpha(picture(SEVEN))
    ink.save(tmp_path / "x.png")
    with pytest.raises(InputError, match="transparent ones being white: save it on a ground"):
        read(tmp_path / "x.png")


@pytest.mark.parametrize("suffix", ["tiff", "gif", "webp", "png"])
def test_every_page_is_an_image(tmp_path, suffix):
    digits = load("mnist").test.images[:3].reshape(-1, *SHAPE)
    first, *others = map(picture, digits)
    options = {"lossless": True} if suffix == "webp" else {}
    first.save(tmp_path / f"x.{suffix}", save_all=True, append_images=others, **options)
    np.testing.assert_allclose(read(tmp_path / f"x.{suffix}").reshape(-1, *SHAPE), digits, atol=3)


def test_a_phones_preview_is_no_image(tmp_path):
    photograph, preview = picture(SEVEN), Image.new("L", (4, 4))
    photograph.save(tmp_path / "x.mpo", save_all=True, append_images=[preview], quality=100)
    np.testing.assert_allclose(read(tmp_path / "x.mpo").reshape(-1, *SHAPE), [SEVEN], atol=8)


def test_a_page_of_another_size_is_named(tmp_path):
    picture(SEVEN).save(
        tmp_path / "x.tiff", save_all=True, append_images=[Image.new("L", (30, 28))]
    )
    with pytest.raises(InputError, match="30x28 pixels: resize it .* or --prepare a drawn digit"):
        read(tmp_path / "x.tiff")


def test_an_array_of_bytes_can_be_inverted_and_none_prepared(tmp_path):
    np.save(tmp_path / "x.npy", SEVEN)
    np.testing.assert_array_equal(read(tmp_path / "x.npy", invert=True)[0], 255 - SEVEN.reshape(-1))
    with pytest.raises(InputError, match="x.npy cannot be prepared: that is for pictures"):
        read(tmp_path / "x.npy", prepare=True)
    np.save(tmp_path / "x.npy", SEVEN / 255)
    with pytest.raises(InputError, match="x.npy has floats: invert them where they are made"):
        read(tmp_path / "x.npy", invert=True)


@pytest.mark.parametrize("dtype", ["<u2", "<i8"])
def test_arrays_of_integers_of_any_width_are_bytes(tmp_path, dtype):
    np.savez(tmp_path / "x.npz", SEVEN.astype(dtype))
    np.testing.assert_array_equal(read(tmp_path / "x.npz"), SEVEN.reshape(1, -1))


def test_a_colour_picture_cannot_be_prepared(tmp_path):
    picture(SEVEN, "RGB").save(tmp_path / "x.png")
    with pytest.raises(InputError, match="x.png cannot be prepared: the model takes colours"):
        read_images(tmp_path / "x.png", (3, 28, 28), prepare=True)


# --- prepared ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size, box", [((28, 28), 20), ((280, 280), 200), ((56, 140), 40)])
def test_a_drawn_bar_is_cropped_scaled_and_centred_by_mass(tmp_path, size, box):
    """A triangle, whose centre of mass is not the middle of its box."""
    pixels = np.full((300, 400), 255, np.uint8)
    for row in range(100):
        pixels[150 + row, 30 : 30 + 2 * row] = 0  # 200 wide, 100 high, in a corner
    picture(pixels).save(tmp_path / "x.png")
    found = read_images(tmp_path / "x.png", size, invert=True, prepare=True).reshape(size)
    rows, columns = np.nonzero(found > 99)
    assert np.ptp(columns) + 1 == pytest.approx(box, abs=1)  # its aspect is kept
    assert np.ptp(rows) + 1 == pytest.approx(box / 2, abs=1)
    index = np.indices(size) * (found / found.sum())
    assert index.sum(axis=(1, 2)) == pytest.approx([size[0] / 2, size[1] / 2], abs=0.6)


@pytest.mark.filterwarnings("ignore:.*if the answer is wrong")  # a 5 of strokes apart
def test_what_was_prepared_once_stays_as_it_is(tmp_path):
    digits = load("mnist").test.images[:20].reshape(-1, *SHAPE)
    first, *others = map(picture, digits)
    first.save(tmp_path / "x.tiff", save_all=True, append_images=others)
    found = read(tmp_path / "x.tiff", prepare=True).reshape(digits.shape)
    difference = abs(found.astype(int) - digits).mean(axis=(1, 2))
    assert np.median(difference) < 5 and difference.max() < 30


def page(*rectangles, ground=255):
    """Strokes, each (left, top, right, bottom), dark on a page."""
    page = Image.new("L", (300, 300), ground)
    for rectangle in rectangles:
        page.paste(0, rectangle)
    return page


def test_a_thin_stroke_is_as_bright_as_a_thick_one(tmp_path):
    for width in (1, 2, 5, 30):
        page((100, 20, 100 + width, 280)).save(tmp_path / "x.png")
        found = read(tmp_path / "x.png", invert=True, prepare=True).reshape(SHAPE)
        assert found.max() == 255
        assert np.count_nonzero(found.max(axis=1) > 99) == 20
    page((20, 20, 22, 280), (20, 278, 280, 280)).save(tmp_path / "x.png")
    assert read(tmp_path / "x.png", invert=True, prepare=True).max() == 255


STROKES = (100, 50, 120, 250), (130, 50, 260, 70)
DOUBTS = {
    "a digit of two strokes": (page(*STROKES, (125, 140, 250, 160)), None),
    "a speck": (page(STROKES[0], (290, 290, 292, 292)), "one digit, or there are specks"),
    "a line below": (page(STROKES[0], (0, 295, 300, 297)), "one digit, or there are specks"),
    "two digits": (page((20, 50, 40, 250), (220, 50, 240, 250)), "one digit, or there are specks"),
    "a shade": (page((0, 0, 140, 300), STROKES[1]), "reaches the edges, as the shades"),
}


@pytest.mark.parametrize("picture, note", DOUBTS.values(), ids=DOUBTS)
def test_what_is_prepared_and_no_digit_alone_is_named(tmp_path, picture, note):
    picture.save(tmp_path / "x.png")
    notes = []
    with noting(notes.append):
        read(tmp_path / "x.png", invert=True, prepare=True)
    assert len(notes) == (note is not None)
    assert note is None or note in notes[0]


def test_few_digits_of_mnist_are_in_pieces():
    digits = load("mnist").test.images[:200].reshape(-1, *SHAPE)
    assert sum(in_pieces(ink_of(picture(digit))) for digit in digits) == 1  # a 5


@pytest.fixture(scope="module")
def mnist_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "run"
    config = Config(limit_train=3000, limit_test=100, epochs=4, hidden=(100, 100), batch_size=50)
    return train(config, folder)


def labels(out):
    return [int(line.split()[-1]) for line in out.splitlines() if " image " in line]


def drawn(folder, count):
    """Digits as they are drawn by hand: large, dark on bright paper, not centred."""
    test = load("mnist").test.first(count)
    for i, pixels in enumerate(test.images.reshape(-1, *SHAPE)):
        page = Image.new("L", (500, 350), 240)
        large = picture(230 - (0.85 * pixels).astype(np.uint8)).resize((200, 200))
        page.paste(large, (20 + 9 * i, 100))
        page.save(folder / f"{i:02}.png")
    return test.labels.tolist(), sorted(folder.glob("*.png"))


def test_hand_drawn_digits_are_prepared_as_those_of_mnist(ffnp, mnist_run, tmp_path):
    expected, paths = drawn(tmp_path, 30)
    status, out, err = ffnp("predict", mnist_run.run.folder, *paths, "--prepare", "--invert")
    assert (status, err) == (0, "")
    as_published = predict(mnist_run.model, load("mnist").test.images[:30]).tolist()
    right, most = (np.equal(found, expected).sum() for found in (labels(out), as_published))
    assert right >= most - 2 and most > 24


def test_a_dark_digit_on_white_is_named_with_the_mend(ffnp, mnist_run, tmp_path):
    picture(255 - SEVEN).save(tmp_path / "seven.png")
    status, out, err = ffnp("predict", mnist_run.run.folder, tmp_path / "seven.png")
    assert status == 0 and labels(out) != []
    assert err.count("\n") == 1
    assert err.startswith(f"Note: {tmp_path / 'seven.png'}: 1 of 1 images are unlike those that")
    assert "invert it (`ffnp predict --invert`" in err
    status, out, err = ffnp("predict", mnist_run.run.folder, tmp_path / "seven.png", "--invert")
    assert (status, labels(out), err) == (0, [7], "")


def test_the_wrong_way_round_nothing_is_prepared(ffnp, mnist_run, tmp_path):
    _, (path,) = drawn(tmp_path, 1)
    status, out, err = ffnp("predict", mnist_run.run.folder, path, "--prepare")
    assert (status, out) == (2, "") and err.endswith("is light on dark: add --invert\n")
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    status, out, err = ffnp("predict", mnist_run.run.folder, path, "--prepare", "--invert")
    assert (status, out) == (2, "") and err.endswith("is light on dark: leave out --invert\n")


def test_the_mend_is_true_for_whom_it_was_done_already(ffnp, mnist_run, tmp_path):
    np.save(tmp_path / "x.npy", load("mnist").test.images[:20])
    _, _, err = ffnp("predict", mnist_run.run.folder, tmp_path / "x.npy", "--invert")
    assert err.endswith(": invert it (`ffnp predict --invert`; leave it out if it was given)\n")


# --- unlike what a model learned from -----------------------------------------------------------


def test_no_digit_of_mnist_is_unlike_mnist(mnist_run):
    mnist = load("mnist")
    for split in (mnist.train, mnist.test):
        assert mnist_run.model.data.unlike(split.images, 0) == (0, "")


def test_every_inverted_digit_is_unlike_mnist(mnist_run):
    images = 255 - load("mnist").test.first(1000).images
    assert mnist_run.model.data.unlike(images, 7)[0] == 1000
    assert mnist_run.model.data.unlike(images, 7)[1].startswith("image 7: mean pixel ")


@pytest.mark.parametrize(
    "change, mend",
    [
        (lambda x: 255 - x, "invert it"),
        (lambda x: x // 255, "scale pixels to 0..255"),
        (lambda x: x // 16, "scale pixels to 0..255"),
        (lambda x: x * 0, "scale pixels to 0..255"),
        (lambda x: x | 128, "crop, scale and centre"),
    ],
)
def test_what_is_unlike_is_named_from_python_too(mnist_run, change, mend):
    test = load("mnist").test.first(20)
    images = change(test.images)
    with pytest.warns(InputWarning, match=f"the input: 20 of 20 images are unlike .*{mend}"):
        predict(mnist_run.model, images)
    with pytest.warns(InputWarning, match=f"mine: 20 of 20 images are unlike .*{mend}"):
        evaluate(mnist_run.model, Split(images, test.labels, "mine"))


def test_a_border_alone_can_tell():
    """Of clothing the brightness says little, but its ground is dark."""
    random = np.random.default_rng(0)
    images = np.zeros((300, 8, 8), np.uint8)
    images[:, 1:-1, 1:-1] = random.integers(0, 256, (300, 1, 1))
    appearance = Appearance.of(Split(images, np.arange(300) % 2))
    turned = 255 - images[:5]
    assert appearance.unlike(images.reshape(300, -1), (8, 8), 0) == (0, "")
    assert appearance.unlike(turned.reshape(5, -1), (8, 8), 0)[0] == 5
    flat = Appearance.of(Split(images.reshape(300, -1), np.arange(300) % 2))
    assert flat.unlike(turned.reshape(5, -1), (64,), 0)[0] == 0  # it has no border
    in_colour = np.repeat(images[:, None], 3, axis=1)
    of_colours = Appearance.of(Split(in_colour, np.arange(300) % 2))
    assert of_colours.unlike(255 - in_colour[:5].reshape(5, -1), (3, 8, 8), 0)[0] == 5


def test_floats_of_another_range_are_unlike():
    x, y, x_test, y_test = small_arrays(6, 6, train=60, test=20, classes=3)
    x, x_test = (x / 255).astype(np.float32), (x_test / 255).astype(np.float32)
    model = make_trainer(
        Config(hidden=(5,), batch_size=20), from_arrays(x, y, x_test, y_test)
    ).model
    assert evaluate(model, Split(x_test, y_test)).confusion.sum() == 20
    for factor in (16, 255):
        with pytest.warns(InputWarning, match=r"scale pixels to 0\.\.1"):
            evaluate(model, Split(x_test * factor, y_test))


# --- damaged ----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*if the answer is wrong")
@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "gif", "webp", "bmp", "mpo"])
def test_a_damaged_picture_is_read_or_refused_in_one_line(tmp_path, suffix):
    exif, path = Image.Exif(), tmp_path / f"x.{suffix}"
    exif[ORIENTATION] = 6
    pages = {"save_all": True, "append_images": [picture(SEVEN)]}
    picture(SEVEN).save(path, exif=exif, **(pages if suffix in ("tiff", "gif", "mpo") else {}))
    whole, random = path.read_bytes(), np.random.default_rng(0)
    for i in range(60):
        content = bytearray(whole)
        for place in random.integers(0, len(content) if i % 2 else min(len(content), 200), 4):
            content[place] = random.integers(256)
        path.write_bytes(content if i % 5 else content[: random.integers(len(content))])
        try:
            assert read(path, prepare=bool(i % 3)).shape[1] == 784
        except FFNPError as error:
            assert "\n" not in str(error)


# --- of strangers -----------------------------------------------------------------------------


def test_no_other_format_is_opened_whatever_the_name_says(tmp_path, monkeypatch):
    from PIL import EpsImagePlugin

    def started(*_):
        raise AssertionError("PostScript was opened")

    monkeypatch.setattr(EpsImagePlugin.EpsImageFile, "_open", started)
    (tmp_path / "seven.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n")
    for suffix in ("eps", "blp", "tga", "pcx", "jp2", "ico"):
        mode = {"blp": "P", "eps": "L"}.get(suffix, "RGB")
        picture(SEVEN, mode).save(tmp_path / f"x.{suffix}")
        (tmp_path / f"x.{suffix}").rename(tmp_path / f"{suffix}.png")
    for path in tmp_path.iterdir():
        with pytest.raises(InputError, match="is neither an array nor a picture: give"):
            read(path)


def test_a_format_is_known_by_its_content(tmp_path):
    for name in ("png", "gif", "bmp", "webp", "tiff", "ppm"):
        options = {"lossless": True} if name == "webp" else {}
        picture(SEVEN).save(tmp_path / f"x.{name}", **options)
        (tmp_path / f"x.{name}").rename(tmp_path / "x")
        np.testing.assert_array_equal(read(tmp_path / "x").reshape(SHAPE), SEVEN)


@pytest.mark.parametrize("error", [MemoryError("x"), AssertionError("x"), EOFError(), OSError("x")])
def test_any_failure_of_a_decoder_is_the_files(tmp_path, monkeypatch, error):
    from PIL import PngImagePlugin

    def fail(*_):
        raise error

    picture(SEVEN).save(tmp_path / "x.png")
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_prepare", fail)
    with pytest.raises(InputError, match="x.png is damaged: "):
        read(tmp_path / "x.png")


def test_a_picture_too_large_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    from PIL import ImageFile

    Image.new("1", (5000, 5000)).save(tmp_path / "x.png")
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(InputError, match="x.png has 5000x5000 pixels: make it smaller"):
        read(tmp_path / "x.png", prepare=True)
