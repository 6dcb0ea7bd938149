from __future__ import annotations

from dataclasses import replace

import pytest

from changedet.report.content import answers, content, headline
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


def test_a_size_that_was_not_measured_is_called_a_rule_of_thumb() -> None:
    measured = Verdict("tank", "inconclusive", "A sentence.", power=0.4, smallest_diameter=20.0)
    for verdict, label in (
        (measured, "Smallest object that could show"),
        (replace(measured, power=None), "Smallest object, by rule of thumb"),
    ):
        (answer,) = answers(None, [verdict])
        assert [fact.value for fact in answer.figures if fact.label == label] == ["20 m across"]
