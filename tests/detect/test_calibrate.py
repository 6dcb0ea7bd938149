from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changedet.detect.calibrate import (
    benjamini_hochberg,
    cauchy_combination,
    empirical_p,
    placebo_windows,
    signed_combination,
)


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, -1)])
def test_the_strongest_change_of_two_orbits_stays_seen(signs: tuple[int, int]) -> None:
    """Walls that fall may brighten one look direction and darken the other; neither may cancel the other out."""
    p = np.full((2, 1), 1e-20, np.float32)
    direction = np.array(signs, np.int8)[:, None]
    joint = signed_combination(p, direction, np.ones((2, 1)))
    assert np.isfinite(joint).all()
    assert joint[0] < 1e-12


def test_what_no_orbit_sees_has_no_p_value() -> None:
    unseen = np.full((2, 1), np.nan, np.float32)
    assert np.isnan(signed_combination(unseen, np.ones((2, 1)), np.ones((2, 1)))[0])


def test_one_orbit_alone_keeps_its_p_value() -> None:
    p = np.array([[0.03], [np.nan]], np.float32)
    joint = signed_combination(p, np.array([[1], [0]]), np.ones((2, 1)))
    assert joint[0] == pytest.approx(0.03, rel=1e-3)


def test_two_orbits_of_one_sign_say_more_than_one() -> None:
    p, same, opposite = np.full((2, 1), 0.02), np.array([[1], [1]]), np.array([[1], [-1]])
    weight = np.ones((2, 1))
    assert signed_combination(p, same, weight)[0] < 0.01
    assert signed_combination(p, opposite, weight)[0] > signed_combination(p, same, weight)[0]


def test_two_orbits_of_chance_are_uniform_enough() -> None:
    rng = np.random.default_rng(5)
    p, direction = rng.uniform(size=(2, 40_000)), rng.choice([-1, 1], size=(2, 40_000))
    joint = signed_combination(p, direction, np.ones_like(p))
    for level in (0.01, 0.05, 0.2):
        assert (joint <= level).mean() == pytest.approx(level, rel=0.25)


def test_placebo_p_counts_those_as_extreme() -> None:
    placebos = np.arange(1, 1001, dtype=float)
    # 1 + 500 placebos of at least 501, over 1001
    assert empirical_p(np.array([501.0]), placebos)[0] == pytest.approx(501 / 1001)
    far = empirical_p(np.array([5000.0]), placebos)[0]
    assert 0 < far < 1 / 1001


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=30))
def test_benjamini_hochberg_by_its_definition(p_values: list[float]) -> None:
    q = 0.1
    ordered = sorted(p_values)
    passing = [p for i, p in enumerate(ordered, 1) if p <= q * i / len(ordered)]
    limit = max(passing, default=0.0)
    assert benjamini_hochberg(np.array(p_values), q).tolist() == [p <= limit for p in p_values]


def test_cauchy_of_equal_p_values_is_that_p_value() -> None:
    assert cauchy_combination(np.array([0.02]), np.array([0.02]))[0] == pytest.approx(0.02, rel=1e-6)
    assert cauchy_combination(np.array([0.02]), np.array([np.nan]))[0] == pytest.approx(0.02, rel=1e-6)


def test_a_sensor_that_sees_nothing_does_not_outvote_one_that_does() -> None:
    seen, nothing = np.array([1e-4]), np.array([1.0])
    # a twice as large p-value is what two looks for one cost; not more
    assert cauchy_combination(seen, nothing)[0] == pytest.approx(2e-4, rel=0.02)


def test_placebo_windows_leave_the_other_reference_dates_before() -> None:
    windows = placebo_windows(np.arange(10), 4, 3, 100)
    assert len(windows) == 7
    for window in windows:
        assert sorted(window.before + window.after) == list(range(10))
        assert list(window.after) == list(range(window.after[0], window.after[0] + 4))
    assert placebo_windows(np.arange(5), 4, 3, 100) == []
