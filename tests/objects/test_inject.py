"""The claimed change as steps of a series."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changedet.objects.inject import RADAR_STEP_DB, injected, radar_steps
from changedet.objects.scan import Scan


@given(st.floats(0.2, 30), st.floats(0.05, 1), st.integers(0, 1000))
def test_a_lost_structure_takes_its_own_echo_and_no_more(over: float, fill: float, seed: int) -> None:
    steps = radar_steps("destroyed", np.array([over, over]), fill, 50, np.random.default_rng(seed))
    assert steps.shape == (2, 50)
    assert np.isfinite(steps).all()
    ground = over - max(over - (1 - fill), 0)
    assert (steps >= math.log(ground / over) - 1e-9).all() if ground > 0 else True


def test_a_strong_echo_falls_to_that_of_the_ground() -> None:
    # all of the footprint's echo is the object's, 100 times the ground's: 20 dB down, give or take what lies there then
    steps = radar_steps("destroyed", np.array([100.0]), 1.0, 4000, np.random.default_rng(1))
    assert np.median(steps) < -1.2
    assert (steps < 0).all()


def test_what_is_built_may_echo_more_or_less() -> None:
    steps = radar_steps("built", np.array([1.0]), 1.0, 4000, np.random.default_rng(1))
    decibels = 10 * steps / math.log(10)
    assert np.median(decibels) == pytest.approx(0, abs=0.2)
    assert decibels.std() == pytest.approx(math.hypot(RADAR_STEP_DB, 1), rel=0.05)


def test_damage_need_not_change_an_echo() -> None:
    steps = radar_steps("damaged", np.array([30.0, 8.0]), 1.0, 40, np.random.default_rng(1))
    assert steps.shape == (2, 40)
    assert not steps.any()


def test_a_step_put_into_a_control_counts_for_as_much_as_it_would_in_the_object() -> None:
    # three series without noise, the object half as restless as one control and as restless as the other
    times = np.datetime64("2024-01-01", "ns") + np.arange(20) * np.timedelta64(10, "D")
    one, restless = np.ones(3), np.array([1.0, 2.0, 1.0])
    before, after = np.arange(10, dtype=np.int32), np.arange(10, 20, dtype=np.int32)
    scanned = Scan(
        np.zeros((1, 20, 3)), np.ones((20, 3)), np.ones((1, 1, 3)), times, before, after, level=one, spread=one,
        restless=restless, trust=0.7, inflation=one, jump=np.zeros(1),
    )  # fmt: skip
    assert scanned.drawn == pytest.approx([1, 2**0.6, 1])
    found = injected(scanned, np.full((1, 2), 2.0), np.full(2, times[10]))
    # n1 n2 / (n1 + n2) d², less the level
    assert found == pytest.approx([10 * 10 / 20 * 4 - 1] * 2)
