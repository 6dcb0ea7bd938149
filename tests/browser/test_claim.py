"""The page of a claim in a real browser: what a reader who looks at nothing but the first screen has read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from changedet.report import composite, page
from tests.browser.watched import AXE, NO_AXE, WIDTHS, asked_outside, serious_barriers, width_of
from tests.report.claims import QUOTATION, make_claim_evidence

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.watched import Watched

pytestmark = pytest.mark.enable_socket

FIRST_READ = (
    QUOTATION,
    "A paper, 2 Apr 2025",
    "Asked of the images: north tank and mast destroyed between 1 Mar 2025 and 31 Mar 2025?",
    "Inconclusive",
    "Supported for north tank; inconclusive for mast.",
    "Reasons: the object is smaller than this site could have shown",
    "Objects below about 18 m across could not have shown surely",
    "That is no evidence against the claim",
    "not yet validated in the field",
)
VISIBLE = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let said = "";
  while (walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const boxes = [...range.getClientRects()];
    if (boxes.length && boxes.every(b => b.top >= 0 && b.bottom <= innerHeight && b.left >= 0 && b.right <= innerWidth))
      said += " " + walker.currentNode.data;
  }
  return said.replace(/\\s+/g, " ");
}"""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("claim")
    evidence = make_claim_evidence()
    composite.write(evidence, folder)
    (path,) = page.write(evidence, folder)
    return path


@pytest.mark.parametrize("size", [(1280, 800), (360, 760)])
def test_the_first_screen_says_what_was_shown_and_no_more(
    browser: Browser, document: Path, size: tuple[int, int]
) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    opened = context.new_page()
    opened.goto(document.as_uri())
    said = str(opened.evaluate(VISIBLE)).replace("\u00a0", " ")
    context.close()
    for words in FIRST_READ:
        assert words in said, words
        said = said[said.index(words) + len(words) :]


def test_a_claim_asks_for_nothing_and_complains_of_nothing(watched: Watched, document: Path) -> None:
    watched.page.wait_for_timeout(300)
    assert asked_outside(watched, document) == []
    assert watched.errors == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_claim_overflows_nowhere(browser: Browser, document: Path, width: int) -> None:
    assert width_of(browser, document, width) <= width


@pytest.mark.skipif(not AXE.is_file(), reason=NO_AXE)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_claim_has_no_serious_barrier(browser: Browser, document: Path, scheme: str) -> None:
    assert serious_barriers(browser, document, scheme, 360) == []
