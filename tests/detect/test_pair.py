"""The two-date detector: finds what was built, ignores haze, keeps its false-alarm rate, and holds on real cities."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from changedet.detect import pair
from changedet.detect.features import Null, sample
from changedet.detect.filters import gradient, gradient_at, smooth, smooth_sum
from changedet.errors import NothingClearError
from changedet.site import Period
from changedet.stack import Periods
from tests.conftest import ROOT
from tests.detect.pairs import BUILT, PERIODS, SIDE, SIX, auroc, built, speckled, stack_of, textured


@pytest.mark.parametrize("names", [SIX, SIX[:4], ("red",), ("nir", "swir16")])
def test_what_was_built_is_found_whatever_bands_there_are(names: tuple[str, ...]) -> None:
    change = pair.detect(built(names), PERIODS, pair.Config(), 0.01)
    assert auroc(change.score.values, BUILT) > 0.99
    assert change.changed.values[BUILT].mean() > 0.9
    far = ~ndimage.binary_dilation(BUILT, iterations=12)
    assert change.changed.values[far].mean() < 0.02


def test_onset_is_the_two_acquisitions_where_changed_and_none_elsewhere() -> None:
    change = pair.detect(built(), PERIODS, pair.Config(), 0.01)
    changed = change.changed.values
    assert (change.onset_after.values[changed] == np.datetime64("2024-06-20")).all()
    assert (change.onset_before.values[changed] == np.datetime64("2024-07-10")).all()
    assert np.isnat(change.onset_before.values[~changed]).all()


def test_radar_that_falls_by_six_decibels_is_found() -> None:
    change = pair.detect(speckled(BUILT), PERIODS, pair.Config(), 0.01)
    assert auroc(change.score.values, BUILT) > 0.99
    assert change.changed.values[BUILT].mean() > 0.8


@pytest.mark.parametrize("rate", [0.01, 0.05])
@pytest.mark.parametrize("seed", [1, 2])
def test_unchanged_ground_is_flagged_no_more_than_asked(rate: float, seed: int) -> None:
    still = speckled(np.zeros_like(BUILT), seed)
    assert pair.detect(still, PERIODS, pair.Config(), rate).changed.values.mean() <= 1.5 * rate


def test_identical_images_show_no_change() -> None:
    ground = textured(3, 6)
    change = pair.detect(stack_of(ground, ground, SIX), PERIODS, pair.Config(), 0.01)
    assert change.observable.values.all()
    assert not change.changed.values.any()


def test_pixel_not_seen_on_both_dates_is_not_observable() -> None:
    stack = built()
    for band in SIX:
        stack[band].values[0, :20] = np.nan
        stack[band].values[1, :, :30] = np.nan
    stack.valid.values[0, :20] = False
    stack.valid.values[1, :, :30] = False
    change = pair.detect(stack, PERIODS, pair.Config(), 0.01)
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[:20] = hidden[:, :30] = True
    assert (change.observable.values == ~hidden).all()
    assert (np.isfinite(change.score.values) == ~hidden).all()
    assert (np.isfinite(change.p_value.values) == ~hidden).all()
    assert change.changed.values[BUILT].mean() > 0.9


def test_gain_and_offset_of_a_band_change_nothing() -> None:
    plain = built()
    scaled = plain.copy(deep=True)
    scaled["red"].values[1] = scaled["red"].values[1] * 0.7 + 0.02
    first, second = (
        pair.change_score(pair.choose_pair(s[["red", "green", "valid"]].assign_attrs(s.attrs), PERIODS))
        for s in (plain, scaled)
    )
    np.testing.assert_allclose(first, second, atol=5e-3)


def test_same_input_same_bytes() -> None:
    first, second = (pair.detect(built(), PERIODS, pair.Config(), 0.01) for _ in range(2))
    assert first.score.values.tobytes() == second.score.values.tobytes()


@pytest.mark.parametrize("make", [built, lambda: speckled(BUILT)])
@pytest.mark.parametrize("gaps", [False, True])
def test_height_of_the_strips_changes_no_byte(
    make: Callable[[], xr.Dataset], gaps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make()
    if gaps:
        valid = np.ones((2, SIDE, SIDE), bool)
        valid[0, :20] = valid[1, 90:130, 40:] = False
        bands = {name: stack[name].where(valid) for name in stack.data_vars if name != "valid"}
        stack = stack.assign({**bands, "valid": (("time", "y", "x"), valid)})
    maps = []
    for rows in (SIDE, 64, 37):
        monkeypatch.setattr(pair, "STRIP", rows)
        maps.append(pair.detect(stack, PERIODS, pair.Config(), 0.01))
    for name in ("score", "p_value", "changed"):
        assert len({change[name].values.tobytes() for change in maps}) == 1


def test_gradient_of_single_pixels_is_that_of_the_image() -> None:
    image = np.random.default_rng(2).normal(size=(40, 30)).astype(np.float32)
    rows, columns = np.array([0, 20, 39]), np.array([0, 7, 29])
    whole = gradient(image, np.ones(image.shape, bool), 1.0)
    np.testing.assert_allclose(gradient_at(image, rows, columns, 1.0), whole[rows, columns], rtol=1e-4)
    image[22, 7] = np.nan
    assert np.isnan(gradient_at(image, rows, columns, 1.0)).tolist() == [False, True, False]


def test_sample_takes_each_kth_seen_pixel() -> None:
    seen = np.ones((4, 5), bool)
    seen[0, 1] = False
    rows, columns = sample(seen, 7)
    # 19 pixels, each third of them: 0, 3, 6, … counted without the hidden one
    assert (5 * rows + columns).tolist() == [0, 4, 7, 10, 13, 16, 19]


def test_side_without_a_date_is_refused() -> None:
    late = Periods(Period(first="2023-01-01", last="2023-02-01"), Period(first="2024-07-01", last="2024-07-31"))
    with pytest.raises(NothingClearError, match="no date before"):
        pair.detect(built(), late, pair.Config(), 0.01)


@pytest.mark.parametrize("sigma", [1.0, 4.0])
def test_smoothing_equals_scipy_where_all_is_seen(sigma: float) -> None:
    image = np.random.default_rng(0).normal(size=(70, 50)).astype(np.float32)
    expected = ndimage.gaussian_filter(image.astype(np.float64), sigma, truncate=3)
    np.testing.assert_allclose(smooth(image, np.ones(image.shape, bool), sigma), expected, atol=1e-5)


def test_gradient_equals_scipy_and_a_ramp_has_its_slope() -> None:
    ramp = np.tile(np.arange(40, dtype=np.float32) * 0.5, (30, 1))
    seen = np.ones(ramp.shape, bool)
    # a Gaussian cut off at three standard deviations loses about three per cent of its second moment
    np.testing.assert_allclose(gradient(ramp, seen, 1.0)[10:20, 10:30], 0.5, rtol=0.04)


def test_smoothing_of_a_constant_with_gaps_is_the_constant() -> None:
    seen = np.random.default_rng(1).random((40, 40)) > 0.5
    image = np.where(seen, np.float32(3), np.float32(np.nan))
    np.testing.assert_allclose(smooth_sum(image, seen, {1.0: 0.25, 3.0: 0.75}), 3, rtol=1e-5)


def test_null_continues_an_exponential_exactly() -> None:
    scores = -np.log1p(-(np.arange(100_000) + 0.5) / 100_000)
    p_value = Null.fit(scores).p_value(np.array([np.log(2), np.log(100), np.log(10_000), np.nan], np.float32))
    np.testing.assert_allclose(p_value[:3], [0.5, 0.01, 0.0001], rtol=0.02)
    assert np.isnan(p_value[3])


def test_null_bounds_hold_where_half_the_map_changed() -> None:
    scores = np.concatenate([np.linspace(0, 0.4, 500), np.linspace(1, 3, 500)])
    free, bound = Null.fit(scores), Null.fit(scores, 0.75, 0.12)
    score = np.array([1.5], np.float32)
    assert free.p_value(score)[0] > 0.1
    assert bound.p_value(score)[0] < 0.01


def test_oscd_figures_hold_on_three_cities(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    oscd = importlib.import_module("oscd")
    monkeypatch.setattr(oscd, "DATA", data)
    monkeypatch.setattr(oscd, "CITIES", ("abudhabi", "bordeaux", "nantes"))
    cities = list(oscd.measure("pair", tmp_path).values())
    score, truth, changed = (
        np.concatenate([getattr(c, name) for c in cities]) for name in ("score", "truth", "changed")
    )
    assert oscd.auroc(score, truth) > 0.92
    assert oscd.average_precision(score, truth) > 0.40
    assert changed[~truth].mean() < 0.015
    assert changed[truth].mean() > 0.33
