"""What looks may spend never exceeds what was asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changedet.watch.budget import LARGEST, allowance
from changedet.watch.records import Look, Rules
from tests.watch.builders import START, look


def spent(gaps: list[float], rules: Rules) -> list[Look]:
    """Looks so many days apart, each spending all that it may."""
    looks: list[Look] = []
    day = 0.0
    for number, gap in enumerate(gaps, 1):
        day += gap
        now = START + timedelta(days=day)
        looks.append(look(number, day=day, rules=rules, alpha=allowance(looks, rules, START, now)))
    return looks


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 400), max_size=60), st.floats(0.01, 50))
def test_no_calendar_of_looks_spends_more_than_accrued(gaps: list[float], rate: float) -> None:
    looks = spent(gaps, Rules(alarms_per_year=rate))
    total = 0.0
    for one in looks:
        total += one.alpha
        assert 0 <= one.alpha <= LARGEST
        assert total <= rate * (one.time - START).total_seconds() / (365.25 * 86400) + 1e-9


def test_a_year_of_looks_every_five_days_spends_nearly_all() -> None:
    total = sum(one.alpha for one in spent([5.0] * 73, Rules(alarms_per_year=1)))
    assert total == pytest.approx(1.0, abs=0.03)


def test_a_look_an_hour_after_another_may_still_spend() -> None:
    first, second = spent([5.0, 1 / 24], Rules(alarms_per_year=1))
    assert first.alpha == pytest.approx(5 / 365.25 / 2)
    assert second.alpha == pytest.approx(first.alpha / 2, rel=0.02)


def test_a_look_that_was_not_used_leaves_its_share_to_the_next() -> None:
    rules = Rules(alarms_per_year=1)
    cloudy = look(1, day=5, used=False, alpha=0.0)
    assert allowance([cloudy], rules, START, START + timedelta(days=10)) == pytest.approx(10 / 365.25 / 2)
