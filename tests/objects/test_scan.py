"""The scan of a series: G worked out by hand, and against its definition written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changedet.objects.scan import largest, profile

BEFORE, AFTER = np.arange(5), np.arange(5, 9)


def test_g_by_hand() -> None:
    # five dates at 0, then 0 3 3 3; taken to change at its second date: 6 · 3/9 · 3² = 18
    z = np.array([0, 0, 0, 0, 0, 0, 3, 3, 3], float)[None, :, None]
    g = profile(z, np.ones((9, 1)), BEFORE, AFTER)[:, 0]
    # from the first date on the mean after is 9/4: 5 · 4/9 · (9/4)²; from the third 3/7 before: 7 · 2/9 · (18/7)²
    assert g[:3] == pytest.approx([5 * 4 / 9 * (9 / 4) ** 2, 18, 7 * 2 / 9 * (18 / 7) ** 2])
    assert math.isnan(g[3])
    assert largest(z, np.ones((9, 1)), BEFORE, AFTER)[0] == pytest.approx(18)


def test_one_glint_counts_no_more_than_six() -> None:
    z = np.zeros((1, 9, 2))
    z[0, 7] = 6, 1000
    g = profile(z, np.ones((9, 2)), BEFORE, AFTER)
    np.testing.assert_array_equal(g[:, 0], g[:, 1])


@given(st.integers(0, 10_000))
def test_g_is_its_definition_whatever_is_hidden(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = (rng.random((9, 1)) < 0.7).astype(float)
    z = rng.normal(0, 1, (3, 9, 1)) * mask
    found = profile(z, mask, BEFORE, AFTER)[:, 0]
    seen = mask[:, 0] > 0
    for k, date in enumerate(AFTER):
        early = [t for t in range(date) if seen[t]]
        late = [t for t in range(date, 9) if seen[t]]
        if not seen[date] or len(early) < 3 or len(late) < 2:
            assert math.isnan(found[k])
            continue
        step = z[:, late, 0].mean(1) - z[:, early, 0].mean(1)
        assert found[k] == pytest.approx(len(early) * len(late) / (len(early) + len(late)) * float(step @ step))


def test_without_a_candidate_there_is_no_largest() -> None:
    mask = np.ones((9, 1))
    mask[6:] = 0
    assert np.isnan(largest(np.zeros((1, 9, 1)), mask, BEFORE, AFTER)).all()
