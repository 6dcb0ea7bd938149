"""What the explanations show and name is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from changedet.verdict import Outcome, Reason
from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "explanation"
PAGES = sorted(FOLDER.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_and_picture_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_every_word_of_a_verdict_is_explained() -> None:
    text = (FOLDER / "verdicts.md").read_text("utf-8")
    for outcome in get_args(Outcome):
        assert f"## {outcome.capitalize()}" in text
    assert [row for row in re.findall(r"^\| ([a-z-]+) \|", text, re.MULTILINE) if row != "reason"] == sorted(
        get_args(Reason), key=lambda reason: text.index(f"| {reason} |")
    )


def test_every_picture_of_the_page_is_described_and_called_simulated() -> None:
    text = (FOLDER / "verdicts.md").read_text("utf-8")
    shown = re.findall(r"!\[([^]]+)\]\(([^)]+)\)", text)
    assert {Path(path).name for _, path in shown} == {path.name for path in (FOLDER / "images").iterdir()}
    for words, path in shown:
        assert "simulated" in words
        if path.endswith(".svg"):
            assert "SIMULATED" in (FOLDER / path).read_text("utf-8")
