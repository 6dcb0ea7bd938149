from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from changedet.evidence import Evidence
from changedet.report.choose import WHOLE, clear_shares, detection_pair, leading_pair, site_pair, stack_keys

from .builders import CHANGES, OPTICAL_KEY, RADAR_KEY, make_evidence


def hide(evidence: Evidence, dates: list[int], rows: slice, cols: slice) -> Evidence:
    """The same evidence with a cloud over a block on some optical dates."""
    stack = evidence.stacks[OPTICAL_KEY].copy(deep=True)
    for i in dates:
        stack.valid.values[i, rows, cols] = False
    return dataclasses.replace(evidence, stacks={**evidence.stacks, OPTICAL_KEY: stack})


def test_clear_share_counts_pixels() -> None:
    stack = make_evidence().stacks[OPTICAL_KEY].isel(y=slice(0, 10), x=slice(0, 10)).copy(deep=True)
    stack.valid.values[:] = True
    stack.valid.values[1, :5] = False
    stack.valid.values[:, :, 9] = False
    assert clear_shares(stack)[:2].tolist() == [1.0, 0.5]  # the column that no date shows does not count


def test_a_cloud_over_the_change_weighs_more_than_one_beside_it() -> None:
    stack = make_evidence().stacks[OPTICAL_KEY].copy(deep=True)
    changed = np.zeros(stack.valid.shape[1:], bool)
    changed[50:60, 50:60] = True
    stack.valid.values[:] = True
    stack.valid.values[0, 50:60, 50:60] = False
    stack.valid.values[1, 0:10, 0:10] = False
    shares = clear_shares(stack, WHOLE, changed)
    assert shares[0] < 0.5
    assert shares[1] > 0.99


def test_the_site_pair_is_clear_after_all_onsets_and_of_one_season() -> None:
    # before: 9 Jun, 19 Jul, 6 Nov 2024 and 5 Jan 2025 are clear; from the last onset on: 5 May and 4 Jun 2025.
    # 9 Jun with 4 Jun lie 5 days of season apart; the next best, 5 Jan with 5 May, 120.
    pair = site_pair(make_evidence(), OPTICAL_KEY)
    assert pair is not None
    assert (pair.before, pair.after) == ((0,), (10,))


def test_a_date_of_another_light_is_not_taken_beside_one_of_the_same() -> None:
    """Half the light on 4 Jun 2025 (a low sun) outweighs its season: 5 May 2025 is as bright as the date before."""
    evidence = make_evidence()
    stack = evidence.stacks[OPTICAL_KEY].copy(deep=True)
    for band in ("blue", "green", "red"):
        stack[band].values[10] *= 0.5
    pair = site_pair(dataclasses.replace(evidence, stacks={OPTICAL_KEY: stack}), OPTICAL_KEY)
    assert pair is not None
    assert (pair.before, pair.after) == ((0,), (9,))


def test_the_first_date_is_not_taken_when_it_is_clouded() -> None:
    pair = site_pair(hide(make_evidence(), [0], slice(0, 60), slice(None)), OPTICAL_KEY)
    assert pair is not None
    assert pair.before == (1,)


def test_a_detection_is_seen_outside_its_own_bracket() -> None:
    evidence = make_evidence()
    for detection, change in zip(evidence.detections, CHANGES, strict=True):
        pair = detection_pair(evidence, OPTICAL_KEY, detection, (slice(20, 100), slice(20, 100)))
        assert pair is not None
        assert pair.before[0] < change.first_after <= pair.after[0]


def test_onset_gives_way_where_no_date_beyond_it_is_clear() -> None:
    evidence = hide(make_evidence(), [9, 10, 11], slice(None), slice(None))
    pair = site_pair(evidence, OPTICAL_KEY)
    assert pair is not None
    assert pair.after[0] in (6, 7, 8)


@pytest.mark.parametrize("dates", [range(6), range(6, 12)])
def test_no_pair_where_a_side_shows_nothing(dates: range) -> None:
    evidence = hide(make_evidence(), list(dates), slice(None), slice(None))
    assert site_pair(evidence, OPTICAL_KEY) is None
    leading = leading_pair(evidence)
    assert leading is not None
    assert leading.key == RADAR_KEY


def test_radar_sides_are_means_of_equally_many_dates_next_to_the_event_and_newest() -> None:
    pair = site_pair(make_evidence(), RADAR_KEY)
    assert pair is not None
    assert (pair.before, pair.after) == ((4, 5), (8, 9))  # 16 May and 9 Jun 2025 follow the last onset, 5 May


def test_stack_keys_by_sensor() -> None:
    assert stack_keys(make_evidence(), "sentinel-1") == (RADAR_KEY,)
