"""Change vector analysis: the length of the step, in standard deviations."""

from __future__ import annotations

import numpy as np
import pytest

from changedet.detect import cva
from changedet.detect.features import choose_pair
from tests.detect.pairs import BUILT, PERIODS, SIX, auroc, built, stack_of, textured


def test_what_was_built_is_found() -> None:
    change = cva.detect(built(), PERIODS, cva.Config(), 0.01)
    assert auroc(change.score.values, BUILT) > 0.95
    assert change.changed.values[BUILT].mean() > 0.5


@pytest.mark.parametrize("bands", [1, 3, 6])
def test_noise_of_equal_size_has_a_squared_length_of_one_per_band(bands: int) -> None:
    rng = np.random.default_rng(2)
    before = textured(0, bands)
    after = before + rng.normal(0, 0.003, before.shape)
    squared = cva.magnitude(choose_pair(stack_of(before, after, SIX[:bands]), PERIODS)) ** 2
    assert squared.mean() == pytest.approx(bands, rel=0.05)


def test_gain_and_offset_of_the_second_date_are_taken_out() -> None:
    before = textured(0, 2)
    after = before + np.random.default_rng(3).normal(0, 0.003, before.shape)
    plain, hazy = (
        cva.magnitude(choose_pair(stack_of(before, image, SIX[:2]), PERIODS)) for image in (after, 0.6 * after + 0.1)
    )
    np.testing.assert_allclose(plain, hazy, rtol=0.01, atol=0.01)


def test_pixel_without_data_is_nan() -> None:
    stack = built()
    stack.valid.values[1, 5, 7] = False
    assert np.flatnonzero(np.isnan(cva.magnitude(choose_pair(stack, PERIODS)))).tolist() == [5 * stack.sizes["x"] + 7]
