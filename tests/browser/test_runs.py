"""The pages of whole runs, the demo and one on real imagery, opened from disk in a real browser."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.browser.watched import (
    AXE,
    NO_AXE,
    WIDTHS,
    Watched,
    asked_outside,
    hold,
    picture,
    serious_barriers,
    wait_until_at_top,
    width_of,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.enable_socket


@pytest.fixture(params=["demo_run", "romania_run"])
def document(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param)) / "report.html"


def carried(page: Page, slot: Literal["first", "second"], size: tuple[int, int]) -> NDArray[np.int16]:
    """The image that a side of the swipe carries, (y, x, 3) as large as ``size`` (width, height)."""
    source = page.locator(f"#slider img[slot={slot}]").get_attribute("src")
    assert source is not None
    with Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))) as image:
        return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BILINEAR), np.int16)


def difference(shot: NDArray[np.int16], image: NDArray[np.int16]) -> float:
    """Mean difference, 0–255, away from the rims, where the divider, the arrow and the scale stand."""
    inner = np.s_[shot.shape[0] // 8 : -shot.shape[0] // 8, shot.shape[1] // 8 : -shot.shape[1] // 8]
    return float(np.abs(shot[inner] - image[inner]).mean())


def test_it_asks_for_nothing_and_complains_of_nothing(watched: Watched, document: Path) -> None:
    watched.page.wait_for_timeout(300)
    assert asked_outside(watched, document) == []
    assert watched.errors == []


def test_keyboard_and_mouse_uncover_one_image_and_then_the_other(watched: Watched, tmp_path: Path) -> None:
    opened = watched.page
    opened.locator("#show-outlines").uncheck()
    slider = opened.locator("#slider")
    slider.scroll_into_view_if_needed()
    slider.focus()
    shots = {}
    for key, until in (("ArrowRight", "slider.value >= 99.5"), ("ArrowLeft", "slider.value <= 0.5")):
        hold(opened, key, until)
        shots[key] = picture(opened, tmp_path)
    box = slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    for name, start, end in (("to the right", 4.0, box["width"] - 4), ("to the left", box["width"] - 4, 4.0)):
        opened.mouse.move(box["x"] + start, middle)
        opened.mouse.down()
        opened.mouse.move(box["x"] + end, middle, steps=12)
        opened.mouse.up()
        opened.wait_for_timeout(400)
        shots[name] = picture(opened, tmp_path)
    height, width = shots["ArrowLeft"].shape[:2]
    before, after = (carried(opened, side, (width, height)) for side in ("first", "second"))
    assert difference(before, after) > 6
    for name, shown, hidden in (
        ("ArrowRight", before, after),
        ("ArrowLeft", after, before),
        ("to the right", before, after),
        ("to the left", after, before),
    ):
        assert difference(shots[name], shown) < 3, name
        assert difference(shots[name], hidden) > 5, name


def test_the_table_jumps_to_each_place(watched: Watched) -> None:
    links = watched.page.locator("table.places th a")
    assert links.count() >= 1
    for i in range(links.count()):
        anchor = (links.nth(i).get_attribute("href") or "").removeprefix("#")
        links.nth(i).click()
        wait_until_at_top(watched.page, anchor)
        assert watched.page.locator(f"#{anchor} figure.chip img").is_visible()


def test_every_picture_is_drawn(watched: Watched) -> None:
    broken = watched.page.evaluate(
        "[...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.alt)"
    )
    assert broken == []
    assert watched.page.evaluate("document.images.length") >= 5


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows(browser: Browser, document: Path, width: int) -> None:
    assert width_of(browser, document, width) <= width


@pytest.mark.skipif(not AXE.is_file(), reason=NO_AXE)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_barrier(browser: Browser, document: Path, scheme: str) -> None:
    assert serious_barriers(browser, document, scheme, 1024) == []
