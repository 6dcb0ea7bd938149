"""A page in a real browser, and what is asked of every page."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tests.conftest import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
NO_AXE = "no axe-core; npm install --no-save axe-core@4"
WIDTHS = (360, 1024, 1600)
PATIENCE = 120_000
"""Milliseconds."""


class Watched:
    """A page, and all that it asked for or complained of."""

    def __init__(self, browser: Browser, path: Path, width: int = 1024, scheme: Any = "light") -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        # a busy machine is no fault of the page
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(path.as_uri())

    def close(self) -> None:
        self.context.close()


def picture(page: Page, folder: Path) -> np.ndarray:
    path = folder / "shot.png"
    page.locator("#slider").screenshot(path=path)
    return np.asarray(Image.open(path).convert("RGB"), np.int16)


def hold(page: Page, key: str, until: str) -> None:
    """Hold a key down until the divider stands where ``until`` says."""
    page.keyboard.down(key)
    page.wait_for_function(
        f"() => {{ const slider = document.getElementById('slider'); return {until}; }}", timeout=20_000
    )
    page.keyboard.up(key)
    page.wait_for_timeout(400)


def shade(page: Page, x: float, y: float, folder: Path) -> float:
    """Mean brightness, 0–255, of a small patch of the swipe; x and y are shares of its width and height."""
    shot = picture(page, folder)
    row, column = round(y * shot.shape[0]), round(x * shot.shape[1])
    return float(shot[row - 4 : row + 4, column - 4 : column + 4].mean())


def asked_outside(opened: Watched, path: Path) -> list[str]:
    """Every request of a page but for itself and what it carries inside."""
    return [url for url in opened.requests if not url.startswith("data:") and url != path.as_uri()]


def serious_barriers(browser: Browser, path: Path, scheme: Any, width: int) -> list[dict[str, str]]:
    """What axe-core calls serious or critical."""
    # the page's own policy forbids every script but its own, and so axe too
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.goto(path.as_uri())
    opened.add_script_tag(path=str(AXE))
    found = opened.evaluate("axe.run().then(r => r.violations.map(v => ({id: v.id, impact: v.impact, help: v.help})))")
    context.close()
    return [violation for violation in found if violation["impact"] in ("serious", "critical")]


def width_of(browser: Browser, path: Path, width: int) -> int:
    """How wide the page is in a window of ``width``."""
    opened = Watched(browser, path, width)
    wide = int(opened.page.evaluate("document.documentElement.scrollWidth"))
    opened.close()
    return wide


def wait_until_at_top(page: Page, anchor: str) -> None:
    """Wait until an element stands at the top of the window."""
    page.wait_for_function(
        f"() => {{ const top = document.getElementById('{anchor}').getBoundingClientRect().top;"
        " return top > -5 && top < 200; }",
        timeout=5000,
    )
