"""Dates: the bracket of a clear step, and what clouds and noise do to it."""

from __future__ import annotations

import numpy as np
import pytest

from changedet.objects.dating import Dating, date
from changedet.objects.scan import Scan

TIMES = np.datetime64("2024-01-01", "ns") + np.arange(20) * np.timedelta64(10, "D")
REFERENCE, WINDOW = np.arange(10, dtype=np.int32), np.arange(10, 20, dtype=np.int32)


def scan_of(step: float, first: int, hidden: tuple[int, ...] = (), inflation: float = 1.0) -> Scan:
    """A series without noise that steps at a date and stays; ``hidden`` dates show nothing."""
    z = np.zeros((1, 20, 1))
    z[0, first:] = step
    mask = np.ones((20, 1))
    mask[list(hidden)] = 0
    one = np.ones(1)
    return Scan(
        z * mask, mask, np.ones((1, 1, 1)), TIMES, REFERENCE, WINDOW, level=one, spread=one, restless=one, trust=1.0,
        inflation=np.array([inflation]), jump=np.zeros(1),
    )  # fmt: skip


def dated(*scans: Scan) -> Dating:
    found = date(scans, TIMES[0])
    assert found is not None
    return found


def test_a_clear_step_lies_between_two_images() -> None:
    found = dated(scan_of(5, 14))
    assert (found.after, found.before) == (TIMES[13], TIMES[14])
    assert found.after < found.first < found.last < found.before
    assert found.shown == (tuple(range(14, 20)),)
    assert found.shares == (1.0,)
    # all instants between the two are as likely: 95 % of ten days
    assert (found.last - found.first) / np.timedelta64(1, "D") == pytest.approx(9.5, abs=0.1)


def test_were_an_image_misread_the_bracket_would_reach_to_the_next_clear_one() -> None:
    found = dated(scan_of(5, 14, hidden=(12, 15)))
    assert (found.after, found.before) == (TIMES[13], TIMES[14])
    assert found.loose == (TIMES[11], TIMES[16])


def test_what_greens_and_fades_after_it_may_have_changed_when_it_first_differed() -> None:
    scanned = scan_of(-5, 13)
    scanned.z[0, 16:] = 5
    found = dated(scanned)
    # the best single step lies between the two states; the first image that differs is an earlier one
    assert (found.after, found.before) == (TIMES[15], TIMES[16])
    assert found.loose[0] <= TIMES[12]
    assert found.loose[1] == TIMES[17]


def test_clouds_widen_the_bracket() -> None:
    found = dated(scan_of(5, 14, hidden=(13, 14)))
    assert (found.after, found.before) == (TIMES[12], TIMES[15])


def test_another_sensor_s_images_narrow_it() -> None:
    found = dated(scan_of(5, 14, hidden=(13, 14)), scan_of(5, 14))
    assert (found.after, found.before) == (TIMES[13], TIMES[14])


def test_a_faint_step_has_a_wider_date() -> None:
    sharp, faint, noisy = dated(scan_of(5, 14)), dated(scan_of(1, 14)), dated(scan_of(5, 14, inflation=25))
    for wide in (faint, noisy):
        assert wide.last - wide.first > sharp.last - sharp.first
        assert wide.after <= sharp.after
        assert wide.before >= sharp.before


def test_without_an_image_of_the_window_there_is_no_date() -> None:
    assert date([scan_of(5, 14, hidden=tuple(range(10, 20)))], TIMES[0]) is None


def test_within_the_reference_period_nothing_changed() -> None:
    # the last images of the reference period are hidden; its end lies two days before the first image of the window
    scan = scan_of(5, 10, hidden=(7, 8, 9))
    found = date([scan], TIMES[10] - np.timedelta64(2, "D"))
    assert found is not None
    assert (found.after, found.before) == (TIMES[6], TIMES[10])
    assert (TIMES[10] - found.first) / np.timedelta64(1, "D") == pytest.approx(1.95, abs=0.01)
    assert (TIMES[10] - found.last) / np.timedelta64(1, "D") == pytest.approx(0.05, abs=0.01)
