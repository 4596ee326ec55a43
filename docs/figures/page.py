"""The picture of a page at the top of README.md: `python docs/figures/page.py PAGE.html`.

The page is that of `ffnp page collab ff`, two trainings with `--limit-train 10000 --epochs 6
--lr-schedule linear`. Needs `pip install '.[browser,image]'` and Chromium.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

SEVEN = [(70, 60), (205, 65), (150, 150), (120, 230)]  # of the pad's 280 pixels
WINDOW = {"width": 1180, "height": 900}
SHOWN = {"x": 0, "y": 222, "width": 1180, "height": 645}

with sync_playwright() as playwright:
    chromium = shutil.which("chromium") or shutil.which("chrome")
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page = browser.new_page(viewport=WINDOW)
    page.goto(Path(sys.argv[1]).absolute().as_uri())
    page.check("input[name=detail][value='2']")
    box = page.locator("#pad").bounding_box()
    for number, (x, y) in enumerate(SEVEN):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=8)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    page.wait_for_timeout(300)
    picture = Image.open(io.BytesIO(page.screenshot(clip=SHOWN)))
    browser.close()
# 128 colours are enough for bars and letters, and a third of the bytes
picture.convert("RGB").quantize(128).save(Path(__file__).with_suffix(".png"), optimize=True)
