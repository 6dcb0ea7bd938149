from __future__ import annotations

from dataclasses import replace

import pytest

from changedet.report.content import content, headline
from changedet.verdict import Outcome, Verdict
from tests.report.builders import make_evidence


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (("supported",), "change found in its zone"),
        (("supported", "supported"), "change found in both zones"),
        (("supported",) * 4, "change found in all four zones"),
        (("supported", "inconclusive"), "change found in one of two zones"),
        (("inconclusive", "inconclusive"), "three places changed between 14 Feb 2025 and 5 May 2025"),
        ((), "three places changed between 14 Feb 2025 and 5 May 2025"),
    ],
)
def test_without_a_claim_the_heading_speaks_of_zones(outcomes: tuple[Outcome, ...], said: str) -> None:
    verdicts = tuple(Verdict(f"zone {i}", outcome, "A sentence.") for i, outcome in enumerate(outcomes))
    evidence = replace(make_evidence(), verdicts=verdicts)
    assert headline(evidence) == said
    told = content(evidence)
    assert told.claim is None
    labels = {"supported": "Change found", "inconclusive": "Inconclusive"}
    assert [answer.label for answer in told.answers] == [labels[outcome] for outcome in outcomes]
