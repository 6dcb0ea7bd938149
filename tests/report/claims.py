"""The evidence of a claim for the tests of what is printed of it: one object gone, one that is too small to say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from changedet.answer import ClaimAnswer, QuotedObject, whole_verdict
from changedet.evidence import Evidence
from changedet.verdict import Verdict
from tests.report.builders import make_evidence

QUOTATION = "The northern tank and a mast were demolished in March."
TANK = Verdict(
    "north tank",
    "supported",
    "north tank: change consistent with the loss of the object, after 14 Feb 2025 and by 11 Mar 2025.",
    p_intact=0.002,
    p_claimed=0.6,
    power=0.97,
    smallest_diameter=18.0,
    date_first=datetime(2025, 2, 20, tzinfo=UTC),
    date_last=datetime(2025, 3, 10, tzinfo=UTC),
    bracket_after=datetime(2025, 2, 14, tzinfo=UTC),
    bracket_before=datetime(2025, 3, 11, tzinfo=UTC),
    scenes=("a", "b", "c"),
)
MAST = Verdict(
    "mast",
    "inconclusive",
    "mast: it is 3 m across; objects of its kind below about 12 m cannot show in pixels of 10 m, whatever happened.",
    ("below-detection-limit",),
    smallest_diameter=18.0,
    needed="Images with pixels of about 0.4 m, one from before 1 Mar 2025, one from after 31 Mar 2025.",
)


def make_claim_evidence() -> Evidence:
    """Two objects; the claim as a whole is then inconclusive."""
    evidence = make_evidence()
    (west, south, east, north), verdicts = evidence.site.bbox, (TANK, MAST)
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    told = ClaimAnswer(
        quotation=QUOTATION,
        publisher="A paper",
        url="https://example.org/report",
        published=date(2025, 4, 2),
        what="destroyed",
        window=(date(2025, 3, 1), date(2025, 3, 31)),
        objects=(
            QuotedObject("north tank", "fuel tank", ring, 40.0, "Drawn on the image of 3 June 2024."),
            QuotedObject("mast", "mast", ring, 3.0, "A guess from the text."),
        ),
        whole=whole_verdict(verdicts, 18.0),
    )
    return replace(evidence, claim=told, verdicts=verdicts)
