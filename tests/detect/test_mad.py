"""One-pass MAD: blind to linear changes of the bands, as its definition says; finds what was built."""

from __future__ import annotations

import numpy as np

from changedet.detect import mad
from changedet.detect.features import choose_pair
from tests.detect.pairs import BUILT, PERIODS, SIX, auroc, built, speckled, stack_of, textured


def test_what_was_built_is_found() -> None:
    change = mad.detect(built(), PERIODS, mad.Config(), 0.01)
    assert auroc(change.score.values, BUILT) > 0.95
    assert change.changed.values[BUILT].mean() > 0.5


def test_radar_that_falls_is_found() -> None:
    assert auroc(mad.detect(speckled(BUILT), PERIODS, mad.Config(), 0.01).score.values, BUILT) > 0.95


def test_any_invertible_mixture_of_the_bands_leaves_the_magnitude() -> None:
    rng = np.random.default_rng(5)
    before = textured(0, 4)
    after = before + rng.normal(0, 0.02, before.shape)
    mixture = np.eye(4) + 0.2 * rng.normal(size=(4, 4))
    mixed = np.einsum("ij,jyx->iyx", mixture, after) + 0.1
    plain, turned = (mad.magnitude(choose_pair(stack_of(before, image, SIX[:4]), PERIODS)) for image in (after, mixed))
    np.testing.assert_allclose(plain, turned, rtol=0.02, atol=0.02)


def test_squared_variates_have_mean_one_each() -> None:
    squared = mad.magnitude(choose_pair(built(), PERIODS)).astype(np.float64) ** 2
    assert abs(squared.mean() - len(SIX)) < 0.05
