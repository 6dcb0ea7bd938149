"""The rules of the verdict, on findings written by hand; each row is one line of the method."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changedet.answer import object_verdict, whole_verdict
from changedet.objects.finding import Finding, StackFinding
from changedet.site import Period
from changedet.verdict import Verdict

WINDOW = Period(first=date(2025, 3, 1), last=date(2025, 3, 31))


def at(month: int, day: int) -> datetime:
    return datetime(2025, month, day, 8, tzinfo=UTC)


STILL = Finding(
    "depot", 40, False, 5, (StackFinding("sentinel-2", 0.5, 30, 8, 250),), p_intact=0.5, p_claimed=0.01, power=0.97,
    clear_in_time=8, clear_after=5, images_after=9,
)  # fmt: skip
CHANGED = replace(
    STILL, p_intact=0.001, p_claimed=0.6, date_first=at(3, 10), date_last=at(3, 15), bracket_after=at(3, 10),
    bracket_before=at(3, 15), loose_after=at(3, 5), loose_before=at(3, 20), scenes=("a", "b"), sensors=1,
)  # fmt: skip
LATE = replace(
    CHANGED, p_intact=0.0005, date_first=at(5, 10), date_last=at(5, 15), bracket_after=at(5, 10),
    bracket_before=at(5, 15), loose_after=at(5, 5), loose_before=at(5, 20),
)  # fmt: skip


@pytest.mark.parametrize(
    ("finding", "outcome", "reasons"),
    [
        (CHANGED, "supported", ()),
        # one in a hundred is enough where the claimed change would surely be found, else only one in five thousand
        (replace(CHANGED, p_intact=0.01), "supported", ()),
        (replace(CHANGED, p_intact=0.0002, power=0.2), "supported", ()),
        (replace(CHANGED, p_intact=0.0003, power=0.89), "inconclusive", ("below-detection-limit",)),
        # of the claimed changes one in twenty would look so small: of unchanged places fewer than one in a hundred may
        (replace(CHANGED, p_intact=0.01, p_claimed=0.05), "supported", ()),
        (replace(CHANGED, p_intact=0.0099, p_claimed=0.049), "inconclusive", ("changed-otherwise",)),
        (replace(CHANGED, scenes=("a",)), "inconclusive", ("clouded",)),
        (replace(CHANGED, scenes=("a",), sensors=2), "supported", ()),
        (replace(CHANGED, as_claimed=False), "inconclusive", ("changed-otherwise",)),
        (replace(CHANGED, lasting=False), "inconclusive", ("changed-otherwise",)),
        (replace(CHANGED, offset_suspect=True), "inconclusive", ("offset-suspect",)),
        (replace(CHANGED, misregistered=True), "inconclusive", ("misregistered",)),
        (replace(CHANGED, silent=("sentinel-2",)), "inconclusive", ("changed-otherwise",)),
        (replace(CHANGED, lone_orbit=True, p_intact=0.002), "inconclusive", ("changed-otherwise",)),
        (replace(CHANGED, lone_orbit=True, p_intact=0.0005), "supported", ()),
        (LATE, "contradicted", ()),
        (replace(LATE, silent=("sentinel-2",)), "contradicted", ()),
        # eight days after the last one claimed
        (
            replace(
                LATE,
                date_first=at(4, 9),
                date_last=at(4, 14),
                bracket_after=at(4, 9),
                bracket_before=at(4, 14),
                loose_after=at(4, 9),
                loose_before=at(4, 19),
            ),
            "inconclusive",
            ("changed-otherwise",),
        ),
        # were the image before it misread, it would have been on the last day
        (replace(LATE, loose_after=at(3, 31)), "inconclusive", ("changed-otherwise",)),
        (replace(LATE, loose_after=at(4, 1)), "contradicted", ()),
        # it changed before, but after the days claimed there is one image
        (
            replace(LATE, bracket_before=at(2, 1), loose_before=at(2, 6), bracket_after=at(1, 20), clear_in_time=1),
            "inconclusive",
            ("no-image-after",),
        ),
        # a faint change may be dated by another thing
        (replace(LATE, p_intact=0.002), "inconclusive", ("changed-otherwise",)),
        (replace(LATE, bracket_after=at(3, 20)), "inconclusive", ("clouded",)),
        # 6 or 8 days of the window's 31 lie in the interval, and 55 days of another 365: 0.19 or 0.26 to 0.15
        (replace(CHANGED, date_first=at(3, 26), date_last=at(5, 26)), "inconclusive", ("clouded",)),
        (replace(CHANGED, date_first=at(3, 24), date_last=at(5, 26)), "supported", ()),
        # an interval of eleven months says little of any month in it
        (
            replace(
                CHANGED, date_first=at(1, 5), date_last=at(12, 20), bracket_after=at(1, 5), bracket_before=at(12, 20)
            ),
            "inconclusive",
            ("clouded",),
        ),
        (STILL, "contradicted", ()),
        # somewhat changed: the claimed change must look so small five times more seldom
        (replace(STILL, p_intact=0.10, p_claimed=0.03), "inconclusive", ("busy-site",)),
        (replace(STILL, p_intact=0.10, p_claimed=0.02), "contradicted", ()),
        (replace(STILL, p_intact=0.03, p_claimed=0.005), "contradicted", ()),
        (replace(STILL, p_intact=0.03, p_claimed=0.01), "inconclusive", ("busy-site",)),
        # far weaker than claimed: at another time it was not the claimed one; within the window nobody knows
        (replace(CHANGED, p_claimed=0.005), "inconclusive", ("changed-otherwise",)),
        (replace(LATE, p_claimed=0.005), "contradicted", ()),
        (replace(LATE, p_intact=0.0002, p_claimed=0.005, power=0.5), "inconclusive", ("changed-otherwise",)),
        (replace(LATE, p_claimed=0.005, clear_after=1), "inconclusive", ("changed-otherwise",)),
        (replace(STILL, p_claimed=0.03), "inconclusive", ("busy-site",)),
        (replace(STILL, power=0.89), "inconclusive", ("below-detection-limit",)),
        (replace(STILL, power=0.5, restless=True), "inconclusive", ("busy-site",)),
        (replace(STILL, power=0.5, clear_in_time=3), "inconclusive", ("clouded",)),
        (replace(STILL, clear_after=1), "inconclusive", ("no-image-after",)),
        (replace(STILL, p_intact=None, images_after=6), "inconclusive", ("clouded",)),
        (replace(STILL, p_intact=None, images_after=1), "inconclusive", ("no-image-after",)),
        (replace(STILL, p_intact=None, stacks=()), "inconclusive", ("no-baseline",)),
        (replace(STILL, too_small=True), "inconclusive", ("below-detection-limit",)),
    ],
)
def test_each_rule(finding: Finding, outcome: str, reasons: tuple[str, ...]) -> None:
    verdict = object_verdict(finding, "destroyed", WINDOW, 12.0)
    assert (verdict.outcome, verdict.reasons) == (outcome, reasons)
    assert bool(verdict.needed) == (outcome == "inconclusive")


def test_a_claim_of_intactness_turns_the_rules_round() -> None:
    assert object_verdict(STILL, "intact", WINDOW, None).outcome == "supported"
    assert object_verdict(CHANGED, "intact", WINDOW, None).outcome == "contradicted"
    assert object_verdict(LATE, "intact", WINDOW, None).outcome == "inconclusive"
    # far weaker than a loss
    assert object_verdict(replace(CHANGED, p_claimed=0.01), "intact", WINDOW, None).outcome == "inconclusive"
    assert object_verdict(replace(STILL, p_intact=0.1), "intact", WINDOW, None).outcome == "inconclusive"


@given(
    st.builds(
        lambda p, claimed, power, after: replace(STILL, p_intact=p, p_claimed=claimed, power=power, clear_after=after),
        st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(0, 9),
    )
)  # fmt: skip
def test_nothing_is_supported_without_a_date_nor_contradicted_without_power(finding: Finding) -> None:
    verdict = object_verdict(finding, "destroyed", WINDOW, None)
    assert verdict.outcome != "supported"
    if verdict.outcome == "contradicted":
        assert finding.power is not None
        assert finding.power >= 0.9
        assert finding.clear_after >= 2


def named(**outcomes: str) -> list[Verdict]:
    return [Verdict(name, outcome, f"{name}: .") for name, outcome in outcomes.items()]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        ({"a": "supported", "b": "supported"}, "supported"),
        ({"a": "supported", "b": "inconclusive"}, "inconclusive"),
        ({"a": "supported", "b": "contradicted"}, "inconclusive"),
        ({"a": "contradicted", "b": "inconclusive"}, "contradicted"),
        ({"a": "inconclusive"}, "inconclusive"),
    ],
)
def test_the_claim_as_a_whole(outcomes: dict[str, str], whole: str) -> None:
    verdict = whole_verdict(named(**outcomes), None)
    assert verdict.outcome == whole
    assert all(name in verdict.sentence for name in outcomes) or set(outcomes.values()) == {"supported"}


def test_no_sentence_names_a_cause_or_an_actor() -> None:
    for finding in (CHANGED, LATE, STILL):
        sentence = object_verdict(finding, "destroyed", WINDOW, 12.0).sentence.lower()
        assert not any(word in sentence for word in ("explos", "demolish", "attack", "troops", "because", "by the "))
