"""``index.html`` of an archive in a real browser, with 500 sites, opened from disk."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from changedet.watch.overview import html
from tests.browser.watched import AXE, NO_AXE, WIDTHS, Watched, asked_outside, serious_barriers, width_of
from tests.watch.builders import history, summary

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.enable_socket

SITES = 500


def page_of(count: int) -> str:
    rng = random.Random(3)
    return html([summary(*history(i, rng)) for i in range(count)], [])


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("overview") / "index.html"
    path.write_text(page_of(SITES))
    return path


def shown(watched: Watched) -> list[str]:
    names: list[str] = watched.page.evaluate(
        "Array.from(document.querySelectorAll('tbody tr')).filter(r => !r.hidden).map(r => r.id)"
    )
    return names


def test_it_asks_for_nothing_and_complains_of_nothing(watched: Watched, document: Path) -> None:
    watched.page.wait_for_timeout(200)
    assert asked_outside(watched, document) == []
    assert watched.errors == []
    assert len(shown(watched)) == SITES


def test_changes_come_first(watched: Watched) -> None:
    assert all(int(name[-3:]) % 10 == 0 for name in shown(watched)[:50])


def test_filter_by_words_and_state(watched: Watched) -> None:
    watched.page.keyboard.press("/")
    watched.page.keyboard.type("harbour site-30")
    # of site-300 to site-309, every fourth is a harbour: 301, 305, 309
    assert sorted(shown(watched)) == ["site-site-301", "site-site-305", "site-site-309"]
    assert watched.page.inner_text("#shown") == f"{len(shown(watched))} of {SITES} shown"
    watched.page.keyboard.press("Escape")
    watched.page.check("input[value=confirmed]")
    assert len(shown(watched)) == 50
    watched.page.fill("#find", "no such place")
    assert watched.page.is_visible("#none")


def test_sort_by_keyboard_both_ways(watched: Watched) -> None:
    button = watched.page.locator("thead button").nth(3)
    button.focus()
    orders = []
    for direction in ("descending", "ascending"):
        watched.page.keyboard.press("Enter")
        assert watched.page.get_attribute("thead th:nth-child(4)", "aria-sort") == direction
        keys = watched.page.evaluate("Array.from(document.querySelectorAll('tbody tr')).map(r => r.dataset.image)")
        assert keys == sorted(keys, reverse=direction == "descending")
        orders.append(shown(watched))
    assert orders[0] != orders[1]


def test_what_has_no_date_stands_last_both_ways(watched: Watched) -> None:
    for _ in range(2):
        watched.page.locator("thead button").nth(2).click()
        keys = watched.page.evaluate("Array.from(document.querySelectorAll('tbody tr')).map(r => r.dataset.change)")
        assert "" not in keys[:50]
        assert set(keys[50:]) == {""}


def test_a_spot_leads_to_its_row_and_hides_with_it(watched: Watched) -> None:
    watched.page.locator("[data-site=site-010] circle").dispatch_event("click")
    assert watched.page.evaluate("location.hash") == "#site-site-010"
    watched.page.fill("#find", "site-011")
    assert not watched.page.is_visible("[data-site=site-010]")
    assert watched.page.is_visible("[data-site=site-011]")


@pytest.mark.parametrize("width", WIDTHS)
def test_no_width_needs_scrolling_sideways(browser: Browser, document: Path, width: int) -> None:
    assert width_of(browser, document, width) == width


@pytest.mark.skipif(not AXE.is_file(), reason=NO_AXE)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_no_serious_barrier(browser: Browser, tmp_path: Path, scheme: Any, width: int) -> None:
    path = tmp_path / "index.html"
    path.write_text(page_of(20))
    assert serious_barriers(browser, path, scheme, width) == []


def test_without_scripts_the_table_is_whole(browser: Browser, document: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(document.as_uri())
    assert opened.locator("tbody tr").count() == SITES
    assert not opened.is_visible("#tools")
    context.close()
