"""The page of a claim that needed no image, and what it says first."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from changedet.answer import answer, unseen
from changedet.claim import Claim, ClaimedObject, ReportSource
from changedet.report.answerpage import write_answer
from changedet.site import Period
from tests.report.builders import make_site

HOSTILE = '<script>alert("x")</script> & masts \u202e fell'


def written(folder: Path, name: str = "mast") -> tuple[str, dict[str, Any]]:
    site = make_site()
    claim = Claim(
        quotation=HOSTILE,
        source=ReportSource(publisher="A paper <b>", url="https://example.org/a?token=secret", date=date(2025, 7, 1)),
        site=site,
        what="destroyed",
        window=Period(first=site.after.first, last=site.after.last),
        objects=(ClaimedObject(name=name, kind="mast", center=site.center, size=3, note="Guessed."),),
    )
    told, verdicts = answer(claim, unseen(claim, ()), None)
    page, record = write_answer(site, told, verdicts, folder)
    return page.read_text(), json.loads(record.read_text())


def test_quotation_verdict_meaning_and_caution_come_in_this_order(tmp_path: Path) -> None:
    page, record = written(tmp_path)
    body = page[page.index("<body>") :]
    order = ("masts", "A paper", "Asked of the images", "Inconclusive", "no evidence against the claim",
             "not yet validated in the field", "What would settle it", "Guessed.", "No image was used")  # fmt: skip
    places = [body.index(words) for words in order]
    assert places == sorted(places)
    assert record["claim"]["whole"]["outcome"] == "inconclusive"


def test_nothing_of_the_claim_becomes_markup(tmp_path: Path) -> None:
    page, _ = written(tmp_path, name="<img src=x onerror=alert(1)>")
    assert "<script" not in page
    assert "<img" not in page
    assert "<b>" not in page
    assert "secret" not in page
