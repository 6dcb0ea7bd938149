"""One object against its controls, where truth is known: found and dated, not found, or not seen."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from changedet.answer import object_verdict
from changedet.claim import ClaimedObject, What
from changedet.objects.assess import assess
from changedet.objects.finding import Finding, Question
from changedet.site import Period
from tests.objects.series import CLEAR, OBJECT, PERIODS, radar_stack, stack

WINDOW = Period(first=date(2024, 5, 1), last=date(2024, 7, 31))


def look(seed: int, gone: date | None, what: What = "destroyed", window: Period = WINDOW, **more: object) -> Finding:
    images = stack(seed, gone, **more)  # type: ignore[arg-type]
    (finding,), _ = assess([OBJECT], Question(what, window, PERIODS), {"sentinel-2": images})
    return finding


def test_a_loss_is_found_dated_and_supports_the_claim() -> None:
    finding = look(1, date(2024, 6, 1))
    assert finding.p_intact is not None
    assert finding.p_intact < 0.001
    # dates every ten days from 3 January 2023: the last before is 27 May, the first after 6 June 2024
    assert finding.bracket_after == datetime(2024, 5, 27, 8, tzinfo=UTC)
    assert finding.bracket_before == datetime(2024, 6, 6, 8, tzinfo=UTC)
    assert finding.date_first is not None
    assert finding.date_last is not None
    assert finding.bracket_after <= finding.date_first < finding.date_last <= finding.bracket_before
    assert "s2-2024-06-06" in finding.scenes
    assert "s2-2024-05-27" not in finding.scenes
    verdict = object_verdict(finding, "destroyed", WINDOW, None)
    assert verdict.outcome == "supported"
    assert "change consistent with" in verdict.sentence
    assert len(verdict.controls) >= 199


def test_a_loss_at_another_time_contradicts_the_claim() -> None:
    finding = look(2, date(2024, 10, 1))
    verdict = object_verdict(finding, "destroyed", WINDOW, None)
    assert verdict.outcome == "contradicted"
    assert "not when it is claimed" in verdict.sentence


def test_no_change_contradicts_destroyed_and_supports_intact() -> None:
    finding = look(3, None)
    assert finding.power is not None
    assert finding.power >= 0.9
    assert object_verdict(finding, "destroyed", WINDOW, None).outcome == "contradicted"
    assert object_verdict(look(3, None, "intact"), "intact", WINDOW, None).outcome == "supported"


def test_an_echo_that_grew_is_no_loss_though_the_picture_faded_a_little() -> None:
    when = date(2024, 6, 1)
    for louder in (6.0, -3.0):
        stacks = {
            "sentinel-2": stack(6, when, left=CLEAR - 0.004),
            "sentinel-1-orbit-021": radar_stack(6, when, louder),
        }
        (finding,), _ = assess([OBJECT], Question("destroyed", WINDOW, PERIODS), stacks)
        optical, echo = (one.p_intact for one in finding.stacks)
        assert optical is not None
        assert echo is not None
        assert echo < optical <= 0.05
        verdict = object_verdict(finding, "destroyed", WINDOW, None)
        assert verdict.outcome == ("inconclusive" if louder > 0 else "supported")


def test_one_orbit_of_two_is_told_from_both() -> None:
    when = date(2024, 6, 1)
    for other in (when, date(2030, 1, 1)):
        stacks = {"a": radar_stack(8, when, -6.0), "b": radar_stack(9, other, -6.0).assign_attrs(key="b")}
        (finding,), _ = assess([OBJECT], Question("destroyed", WINDOW, PERIODS), stacks)
        assert finding.p_intact is not None
        assert finding.p_intact <= 0.01
        assert finding.lone_orbit == (other != when)


def test_an_echo_that_fades_where_the_picture_shows_all_as_it_was_supports_nothing() -> None:
    when = date(2024, 6, 1)
    stacks = {"sentinel-2": stack(7, None), "sentinel-1-orbit-021": radar_stack(7, when, -3.0)}
    (finding,), _ = assess([OBJECT], Question("destroyed", WINDOW, PERIODS), stacks)
    assert finding.p_intact is not None
    assert finding.p_intact <= 0.01
    assert finding.silent == ("sentinel-2",)
    verdict = object_verdict(finding, "destroyed", WINDOW, None)
    assert verdict.outcome == "inconclusive"
    assert "sentinel-2 shows nothing" in verdict.sentence


def test_a_loss_where_something_is_said_to_be_built_is_not_as_claimed() -> None:
    verdict = object_verdict(look(4, date(2024, 6, 1), "built"), "built", WINDOW, None)
    assert (verdict.outcome, verdict.reasons) == ("inconclusive", ("changed-otherwise",))


def test_clouds_over_the_whole_window_leave_it_open() -> None:
    finding = look(5, None, hidden=(date(2024, 4, 15), date(2024, 12, 31)))
    verdict = object_verdict(finding, "destroyed", WINDOW, None)
    assert verdict.outcome == "inconclusive"
    assert set(verdict.reasons) <= {"clouded", "no-image-after"}
    assert verdict.needed


def test_a_claim_to_the_last_day_cannot_be_contradicted_by_silence() -> None:
    window = Period(first=date(2024, 12, 20), last=date(2024, 12, 31))
    verdict = object_verdict(look(6, None, window=window), "destroyed", window, None)
    assert verdict.outcome == "inconclusive"
    assert "no-image-after" in verdict.reasons


def test_what_is_too_small_is_answered_without_looking() -> None:
    mast = ClaimedObject(name="mast", kind="mast", center=(40.1, 35.2), size=3)
    (finding,), smallest = assess([mast], Question("destroyed", WINDOW, PERIODS), {})
    assert finding.too_small
    assert smallest is None
    verdict = object_verdict(finding, "destroyed", WINDOW, smallest)
    assert verdict.reasons == ("below-detection-limit",)


def test_the_same_images_give_the_same_finding() -> None:
    assert look(7, date(2024, 6, 1)) == look(7, date(2024, 6, 1))


def test_chance_alone_is_rarely_significant() -> None:
    p = [look(seed, None, every=20).p_intact for seed in range(20, 40)]
    values = np.array([value for value in p if value is not None])
    assert len(values) == 20
    # of 20 uniform p-values, four or more below 0.05 occur once in 60 times, and all above 0.3 once in 1,000
    assert (values <= 0.05).sum() <= 3
    assert values.min() < 0.3
    assert np.median(values) == pytest.approx(0.5, abs=0.25)
