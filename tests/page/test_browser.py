"""The page in a real browser: what it shows of a drawing is what `ffnp.scores` says of it."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from ffnp import load_model, scores
from ffnp.errors import InputWarning
from ffnp.objectives import OBJECTIVES, make_objective
from ffnp.objectives.collaboration import gamma_of_layers

pytestmark = pytest.mark.browser

SIZES = {"wide": (1280, 900), "phone": (360, 740)}
# Of a goodness: a weight of float16 is rounded by up to 1/4096 of itself.
CLOSE = 1e-3
SEVEN = [(60, 60), (210, 65), (150, 150), (120, 230)]  # of the pad's 280 pixels

ROWS = """kind => [...document.querySelectorAll(".network")].map(network =>
    [...network.querySelectorAll(`[data-kind=${kind}]`)].map(row =>
        [...row.querySelectorAll("td")].map(cell => Number(cell.dataset.value))))"""
HEIGHTS = """part => [...document.querySelectorAll(".network")].map(network =>
    [...network.querySelectorAll(`[data-kind=goodness]`)].map(row =>
        [...row.querySelectorAll(part)].map(bar => bar.getBoundingClientRect().height)))"""


@pytest.fixture
def opened(browser, runs, ffnp, tmp_path):
    """Open the page of some runs, off line, and see to it that nothing is amiss afterwards."""
    contexts, complaints = [], []

    def open_page(*names, size="wide", detail=3):
        folders = [runs[name] for name in names]
        status, _, err = ffnp("page", *folders, "-o", tmp_path / "page.html")
        assert (status, err) == (0, "")
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, offline=True, has_touch=size == "phone"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url))
        address = (tmp_path / "page.html").as_uri()
        page.goto(address)
        assert complaints.pop(0) == address  # the one thing that is loaded
        page.check(f"input[name=detail][value='{detail}']")
        return SimpleNamespace(page=page, models=[load_model(folder) for folder in folders])

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def draw(page, points=SEVEN):
    """Draw with the mouse."""
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    places = [
        (box["x"] + x / 280 * box["width"], box["y"] + y / 280 * box["width"]) for x, y in points
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()
    settle(page)


def settle(page):
    """Let the page show what it was last asked for."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def seen(page, model):
    """The image that the page says it sees, (1, D)."""
    pixels = page.evaluate("Array.from(STATE.pixels)")
    return np.array([pixels], np.uint8 if model.data.integer else np.float32)


def pushes(model, goodness, gamma):
    """-dJ/dg of each layer for each label, were it the true one: (L, K)."""
    objective = make_objective(model.config.objective, model.config)
    found = np.empty_like(goodness)
    for label in range(goodness.shape[1]):
        order = [label, *(other for other in range(goodness.shape[1]) if other != label)]
        for layer, (g, heard) in enumerate(zip(goodness, gamma, strict=True)):
            found[layer, label] = -objective(g[None, order], heard[None, order])[1][0, 0]
    return found


def differences(page, models):
    """Check all that is shown of what is seen; the largest difference in goodness."""
    shown = {
        kind: page.evaluate(ROWS, kind) for kind in ("vote", "goodness", "gamma", "logit", "push")
    }
    bars = {part: page.evaluate(HEIGHTS, part) for part in (".own", ".hears")}
    largest = 0.0
    for i, model in enumerate(models):
        config = model.config
        with warnings.catch_warnings(action="ignore", category=InputWarning):  # of a drawing
            (found,) = scores(model, seen(page, model))
        goodness = found[:, 0].astype(np.float64)
        gamma_kind = config.gamma if config.method == "collab" else "none"
        close = CLOSE * np.abs(goodness).sum(axis=0).max()
        largest = max(largest, float(np.abs(shown["goodness"][i] - goodness).max()))
        np.testing.assert_allclose(shown["goodness"][i], goodness, atol=close)
        np.testing.assert_allclose(shown["vote"][i], [goodness.sum(axis=0)], atol=close)
        gamma = config.gamma_scale * gamma_of_layers(gamma_kind, goodness)
        if config.method == "collab":
            np.testing.assert_allclose(shown["gamma"][i], gamma, atol=close)
        logit = goodness + gamma - (config.theta if config.uses("theta") else 0)
        np.testing.assert_allclose(shown["logit"][i], logit, atol=close)
        if config.objective in OBJECTIVES:
            mine = np.array(shown["goodness"][i])  # of a small goodness, the entropy's is steep
            expected = pushes(model, mine, config.gamma_scale * gamma_of_layers(gamma_kind, mine))
            np.testing.assert_allclose(shown["push"][i], expected, rtol=1e-6, atol=1e-9)
        scale = np.max(bars[".own"][i]) / goodness.max()  # pixels, of all layers alike
        np.testing.assert_allclose(bars[".own"][i], goodness * scale, atol=0.6)
        np.testing.assert_allclose(bars[".hears"][i], gamma * scale, atol=0.6)
    return largest


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "names", [("others", "softmax", "pairwise"), ("entropy", "literal", "squashed")], ids=" ".join
)
def test_every_bar_of_a_drawing_is_what_scores_says(opened, names, size):
    found = opened(*names, size=size)
    draw(found.page)
    print(f"largest difference of a goodness: {differences(found.page, found.models):.1e}")
    assert found.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    draw(found.page, [(60, 200), (200, 200)])  # the drawing goes on
    differences(found.page, found.models)


def test_an_image_in_colours_is_chosen(opened):
    found = opened("colours")
    assert not found.page.is_visible("#pad")
    found.page.click("#samples button:nth-child(3)")
    settle(found.page)
    differences(found.page, found.models)
    assert "whose push is not known here" in found.page.inner_text(".network")
    assert found.page.locator("[data-kind=push]").count() == 0


def test_what_is_seen_is_shown_and_is_a_sample_at_first(opened):
    found = opened("others")
    settle(found.page)
    data = found.page.evaluate("[...$('seen').getContext('2d').getImageData(0, 0, 28, 28).data]")
    assert data[::4] == found.page.evaluate("Array.from(STATE.pixels)")
    differences(found.page, found.models)


def test_a_drawing_is_prepared_as_predict_does(opened):
    from PIL import Image

    from ffnp.data.pictures import ink_of, prepared

    found = opened("others")
    draw(found.page)
    greys = found.page.evaluate(
        "[...ink.getImageData(0, 0, 280, 280).data.filter((_, i) => i % 4 === 0)]"
    )
    picture = Image.fromarray(np.array(greys, np.uint8).reshape(280, 280))
    expected = np.asarray(prepared(ink_of(picture), 28, 28), float)
    mine = seen(found.page, found.models[0]).reshape(28, 28).astype(float)
    assert np.abs(mine - expected).mean() < 0.05 * expected.mean()  # resampled otherwise


def test_thin_strokes_are_as_light_as_thick_ones(opened):
    page = opened("entropy").page  # 7 x 9 pixels: a stroke is half of one wide
    draw(page)
    assert page.evaluate("Math.max(...STATE.pixels) === Math.fround(DATA.high)")


def test_a_finger_draws(opened):
    page = opened("others", size="phone").page
    page.click("#clear")
    page.get_by_text("There is nothing to see yet.").wait_for()
    page.tap("#pad")
    page.get_by_text("others says").wait_for()
    assert max(page.evaluate("Array.from(STATE.pixels)")) == 255


def test_a_screen_reader_finds_everything_by_name(opened):
    page = opened("others", "softmax").page
    for role, names in {
        "application": ["Drawing pad"],
        "img": ["What it sees"],
        "button": ["Clear", "an image of label 7"],
        "radio": ["the answer", "every layer", "how it would learn"],
        "slider": ["Training"],
        "table": ["others:", "softmax:"],
        "columnheader": ["0", "9"],
        "rowheader": ["all layers says", "layer 2 says", "logit", "push"],
    }.items():
        for name in names:
            assert page.get_by_role(role, name=name).count() > 0, (role, name)
    page.get_by_text("; softmax says").wait_for()


def test_keys_draw_and_clear(opened):
    page = opened("others").page
    page.focus("#pad")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("drawing()") is None  # the pen is up
    for key in [" ", *["ArrowDown"] * 9]:
        page.keyboard.press(key)
    settle(page)
    image = np.array(page.evaluate("Array.from(STATE.pixels)")).reshape(28, 28)
    rows, columns = np.nonzero(image)
    assert np.ptp(rows) == 19 and np.ptp(columns) < 10  # a stroke down, 20 high
    page.keyboard.press("Delete")
    settle(page)
    assert page.evaluate("STATE.pixels") is None
    assert page.inner_text("[data-kind=vote]").split() == ["all", "layers"]
    page.get_by_text("There is nothing to see yet.").wait_for()


def test_the_slider_goes_through_the_snapshots(opened, runs):
    from ffnp.backends import Backend
    from ffnp.model import Model
    from ffnp.runs.folder import Run

    found = opened("others", "pairwise")
    run, (last, other) = Run(runs["others"]), found.models
    (middle,) = [run.snapshot(path, Backend()) for n, path in run.snapshots().items() if n == 1]
    first = Model.create(last.config, last.data, Backend())
    page = found.page
    assert page.inner_text("#epochs") == "4 epochs"  # two of each layer
    for key, text, model in [
        ("Home", "not begun", first), ("ArrowRight", "1 epoch", middle), ("End", "4 epochs", last)
    ]:  # fmt: skip
        page.press("#epoch", key)
        settle(page)
        assert page.inner_text("#epochs") == text
        differences(page, [model, other])


def test_more_is_shown_step_by_step(opened):
    page = opened("others", detail=1).page
    visible = []
    for detail in (1, 2, 3):
        page.check(f"input[name=detail][value='{detail}']")
        visible.append(
            [page.is_visible(f"[data-kind={kind}]") for kind in ("vote", "goodness", "push")]
        )
    assert visible == [[True, False, False], [True, True, False], [True, True, True]]
