"""``report.html`` in a real browser, opened from disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from changedet.report import composite, page
from tests.browser.watched import (
    AXE,
    NO_AXE,
    WIDTHS,
    Watched,
    asked_outside,
    hold,
    picture,
    serious_barriers,
    shade,
    wait_until_at_top,
    width_of,
)
from tests.report.builders import HOSTILE_NAMES, make_evidence

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    evidence = make_evidence()
    composite.write(evidence, folder)
    (path,) = page.write(evidence, folder)
    return path


def test_it_asks_for_nothing_and_complains_of_nothing(watched: Watched, document: Path) -> None:
    watched.page.wait_for_timeout(300)
    assert asked_outside(watched, document) == []
    assert watched.errors == []


def test_the_slider_uncovers_the_other_image_by_keyboard_and_mouse(watched: Watched, tmp_path: Path) -> None:
    slider = watched.page.locator("#slider")
    slider.scroll_into_view_if_needed()
    slider.focus()
    # the divider moves frame by frame while a key is held: how many frames a short press gets is the machine's affair
    hold(watched.page, "ArrowRight", "slider.value >= 99.5")
    before = picture(watched.page, tmp_path)
    hold(watched.page, "ArrowLeft", "slider.value <= 0.5")
    after = picture(watched.page, tmp_path)
    assert (np.abs(before - after).max(axis=2) > 30).mean() > 0.005
    box = slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    watched.page.mouse.move(box["x"] + 4, middle)
    watched.page.mouse.down()
    watched.page.mouse.move(box["x"] + box["width"] - 4, middle, steps=12)
    watched.page.mouse.up()
    watched.page.wait_for_timeout(400)
    dragged = picture(watched.page, tmp_path)
    inner = np.s_[20:-20, 60:-60]
    assert (np.abs(dragged[inner] - before[inner]).max(axis=2) > 30).mean() < 0.02


# the tank of the builder: rows 30–41 and columns 24–39 of 121, white before, sooted after
TANK = (32 / 121, 36 / 121)


def test_the_divider_at_an_end_shows_one_date_alone(watched: Watched, tmp_path: Path) -> None:
    slider = watched.page.locator("#slider")
    slider.focus()
    for key, value, text, bright in (
        ("End", "100", "100 % before, 0 % after", True),
        ("Home", "0", "0 % before, 100 % after", False),
    ):
        watched.page.keyboard.press(key)
        watched.page.wait_for_timeout(300)
        assert slider.get_attribute("aria-valuenow") == value
        assert slider.get_attribute("aria-valuetext") == text
        assert (shade(watched.page, *TANK, tmp_path) > 128) == bright
    watched.page.locator("#after-date").select_option(index=0)
    watched.page.wait_for_timeout(200)
    # the first date offered is of June 2024, when the tank still stood
    assert shade(watched.page, *TANK, tmp_path) > 128


def test_the_divider_follows_a_finger(browser: Browser, document: Path) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 760}, has_touch=True, is_mobile=True)
    opened = context.new_page()
    opened.goto(document.as_uri())
    slider = opened.locator("#slider")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    fingers = context.new_cdp_session(opened)
    y = box["y"] + box["height"] / 2

    def touch(kind: str, share: float | None) -> None:
        points = [] if share is None else [{"x": box["x"] + share * box["width"], "y": y}]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0.5)
    for share in (0.45, 0.35, 0.25, 0.2):
        touch("touchMove", share)
    touch("touchEnd", None)
    assert float(slider.get_attribute("aria-valuenow") or "nan") == pytest.approx(20, abs=3)
    context.close()


def test_without_scripts_both_pictures_stand_on_the_page(browser: Browser, document: Path) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1024, "height": 900})
    opened = context.new_page()
    opened.goto(document.as_uri())
    boxes = [opened.locator(f"#slider img[slot={slot}]").bounding_box() for slot in ("first", "second")]
    stage = opened.locator(".stage").bounding_box()
    context.close()
    first, second = boxes
    assert stage is not None
    assert first is not None
    assert second is not None
    assert min(first["width"], first["height"], second["width"], second["height"]) > 300
    assert second["y"] >= first["y"] + first["height"]
    assert stage["y"] + stage["height"] >= second["y"] + second["height"] - 1


def test_paper_shows_what_is_folded_on_screen(watched: Watched) -> None:
    files = watched.page.locator("dl.files").first
    assert not files.is_visible()
    watched.page.emulate_media(media="print")
    watched.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert files.is_visible()
    halves = [half.bounding_box() for half in watched.page.locator(".paper img").all()]
    assert len(halves) == 2
    assert all(half is not None and half["width"] > 200 for half in halves)
    assert not watched.page.locator(".stage").is_visible()
    watched.page.emulate_media(media="screen")
    watched.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not files.is_visible()
    assert watched.page.locator(".stage").is_visible()
    assert watched.page.locator(".paper").count() == 0


def test_the_date_picker_changes_the_after_image(watched: Watched) -> None:
    source = "document.getElementById('after-image').getAttribute('src')"
    first = watched.page.evaluate(source)
    picker = watched.page.locator("#after-date")
    values = picker.locator("option").evaluate_all("options => options.map(o => o.value)")
    chosen = picker.input_value()
    other = next(value for value in values if value != chosen)
    picker.select_option(other)
    watched.page.wait_for_timeout(200)
    assert watched.page.evaluate(source) != first


def test_the_table_jumps_to_the_place(watched: Watched) -> None:
    link = watched.page.locator("a[href='#place-2']").first
    link.scroll_into_view_if_needed()
    link.click()
    wait_until_at_top(watched.page, "place-2")
    assert watched.page.url.endswith("#place-2")


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows(browser: Browser, document: Path, width: int) -> None:
    assert width_of(browser, document, width) <= width


@pytest.mark.skipif(not AXE.is_file(), reason=NO_AXE)
@pytest.mark.parametrize("width", [360, 1024])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_barrier(browser: Browser, document: Path, scheme: str, width: int) -> None:
    assert serious_barriers(browser, document, scheme, width) == []


def test_hostile_names_stand_on_the_page_as_text(browser: Browser, tmp_path: Path) -> None:
    (path,) = page.write(make_evidence(hostile=True), tmp_path)
    opened = Watched(browser, path)
    dialogs: list[str] = []
    opened.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    opened.page.wait_for_timeout(300)
    assert opened.page.locator("h1 bdi").text_content() == HOSTILE_NAMES[0] + HOSTILE_NAMES[1].replace("\x7f", "\ufffd")
    assert opened.page.locator("body script").count() == 2  # the frames of the swipe, and the page's own
    assert dialogs == []
    assert opened.errors == []
    assert asked_outside(opened, path) == []
    opened.close()
