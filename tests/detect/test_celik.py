"""Celik's two clusters of neighbourhoods as a linear score."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from changedet.detect import celik
from tests.detect.pairs import BUILT, PERIODS, auroc, built


def test_what_was_built_is_found() -> None:
    change = celik.detect(built(), PERIODS, celik.Config(), 0.01)
    assert auroc(change.score.values, BUILT) > 0.98
    assert change.changed.values[BUILT].mean() > 0.7


def test_score_is_one_at_the_centre_of_change_and_minus_one_at_that_of_no_change() -> None:
    difference = np.full((60, 60), 2.0, np.float32)
    difference[20:40, 20:40] = 10
    # two kinds of neighbourhood that do not vary, but for those across the rim, which the blocks of 5 do not cross
    split = celik.Split.fit(difference, np.ones(difference.shape, bool), 5, 3)
    score = split.score(difference)
    assert score[30, 30] == pytest.approx(1, abs=1e-4)
    assert score[5, 5] == pytest.approx(-1, abs=1e-4)


def test_blocks_with_gaps_teach_nothing() -> None:
    difference = np.full((60, 60), 2.0, np.float32)
    difference[20:40, 20:40] = 10
    holed, seen = difference.copy(), np.ones(difference.shape, bool)
    seen[0:5, 0:5] = False
    holed[0:5, 0:5] = 1e6
    np.testing.assert_allclose(
        celik.Split.fit(holed, seen, 5, 3).score(difference),
        celik.Split.fit(difference, np.ones_like(seen), 5, 3).score(difference),
        atol=0.02,
    )


def test_map_smaller_than_two_blocks_still_has_a_score() -> None:
    split = celik.Split.fit(np.ones((6, 6), np.float32), np.ones((6, 6), bool), 5, 3)
    assert np.isfinite(split.score(np.ones((6, 6), np.float32))).all()


def test_side_is_bounded() -> None:
    with pytest.raises(ValidationError):
        celik.Config(side=1)
