"""``report.html`` in a real browser, opened from disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from changedet.report import composite, page
from tests.conftest import ROOT
from tests.report.builders import make_evidence

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = (360, 1024, 1600)

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; install Debian's chromium"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    evidence = make_evidence()
    composite.write(evidence, folder)
    (path,) = page.write(evidence, folder)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield started
        started.close()


class Watched:
    """A page, and all that it asked for or complained of."""

    def __init__(self, browser: Browser, path: Path, width: int = 1024, scheme: Any = "light") -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page: Page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(path.as_uri())

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def watched(browser: Browser, report: Path) -> Iterator[Watched]:
    opened = Watched(browser, report)
    yield opened
    opened.close()


def test_it_asks_for_nothing_and_complains_of_nothing(watched: Watched, report: Path) -> None:
    watched.page.wait_for_timeout(300)
    outside = [url for url in watched.requests if not url.startswith("data:") and url != report.as_uri()]
    assert outside == []
    assert watched.errors == []


def picture(page: Page, folder: Path) -> np.ndarray:
    path = folder / "shot.png"
    page.locator("#slider").screenshot(path=path)
    return np.asarray(Image.open(path).convert("RGB"), np.int16)


def test_the_slider_uncovers_the_other_image_by_keyboard_and_mouse(watched: Watched, tmp_path: Path) -> None:
    slider = watched.page.locator("#slider")
    slider.scroll_into_view_if_needed()
    slider.focus()
    for _ in range(60):
        watched.page.keyboard.press("ArrowRight")
    watched.page.wait_for_timeout(400)
    before = picture(watched.page, tmp_path)
    for _ in range(120):
        watched.page.keyboard.press("ArrowLeft")
    watched.page.wait_for_timeout(400)
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
    watched.page.wait_for_function(
        "() => { const top = document.getElementById('place-2').getBoundingClientRect().top;"
        " return top > -5 && top < 200; }",
        timeout=5000,
    )
    assert watched.page.url.endswith("#place-2")


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows(browser: Browser, report: Path, width: int) -> None:
    opened = Watched(browser, report, width)
    wide = opened.page.evaluate("document.documentElement.scrollWidth")
    opened.close()
    assert wide <= width


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core; npm install --no-save axe-core@4")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_barrier(browser: Browser, report: Path, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 1024, "height": 900}, color_scheme=scheme, bypass_csp=True)
    opened = context.new_page()
    opened.goto(report.as_uri())
    opened.add_script_tag(path=str(AXE))
    found = opened.evaluate("axe.run().then(r => r.violations.map(v => ({id: v.id, impact: v.impact, help: v.help})))")
    context.close()
    serious = [violation for violation in found if violation["impact"] in ("serious", "critical")]
    assert serious == [], json.dumps(serious, indent=1)
