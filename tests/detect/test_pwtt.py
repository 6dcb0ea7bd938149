"""PWTT by hand: its t, its filter, its circles; and as a detector chosen by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from changedet.detect import pwtt
from changedet.detect.choose import detect_changes, detector_config, detector_names
from changedet.errors import InputError
from changedet.site import DetectSpec, Period
from changedet.stack import Layer, Periods, build_stack
from tests.detect.pairs import PERIODS, built

SIDE = 60
FIRST = datetime(2024, 1, 1, 16, tzinfo=UTC)
CONFIG = pwtt.Config()
YEAR = Periods(Period(first="2024-01-01", last="2024-04-09"), Period(first="2024-04-10", last="2024-06-30"))
FALLEN = np.zeros((SIDE, SIDE), bool)
FALLEN[10:30, 10:30] = True
"""A square of 200 m."""


def year(fall: float, seed: int = 0) -> xr.Dataset:
    """Fourteen dates, ten before and four after; VV is divided by ``fall`` in the square, VH stays."""
    rng = np.random.default_rng(seed)
    layers = []
    for i in range(14):
        speckle = rng.gamma(5, 1 / 5, (2, SIDE, SIDE))
        vv = 0.1 * speckle[0] / np.where(FALLEN & (i >= 10), fall, 1)
        day = FIRST + timedelta(days=10 * i)
        bands = {"vv": vv.astype(np.float32), "vh": (0.02 * speckle[1]).astype(np.float32)}
        layers.append(Layer(day, f"s1-{i}", "sentinel-1a", 21, bands))
    grid = GeoBox.from_bbox((600_000, 3_900_000, 600_600, 3_900_600), "EPSG:32637", resolution=10)
    return build_stack(layers, grid, sensor="sentinel-1", key="sentinel-1-orbit-021")


def column(*values: float) -> NDArray[np.float64]:
    return np.array(values)[:, None]


def test_pooled_t_by_hand() -> None:
    # means 2 and 6; squared deviations 2 and 2 over 3 degrees: variance 4/3; t = 4/√(4/3 · (1/3 + 1/2)) = 4/√(10/9)
    t, nu = pwtt.t_test(column(1, 2, 3), column(5, 7), "pooled")
    assert (t[0], nu[0]) == (pytest.approx(4 / np.sqrt(10 / 9)), 3)


def test_welch_t_by_hand() -> None:
    # variances 1 and 2, over their numbers 1/3 and 1: t = 4/√(4/3); ν = (4/3)²/((1/3)²/2 + 1²/1) = 32/19
    t, nu = pwtt.t_test(column(1, 2, 3), column(5, 7), "welch")
    assert (t[0], nu[0]) == (pytest.approx(4 / np.sqrt(4 / 3)), pytest.approx(32 / 19))


def test_missing_dates_do_not_count() -> None:
    gaps = pwtt.t_test(column(1, np.nan, 2, 3), column(np.nan, 5, 7), "pooled")
    assert gaps[0][0] == pwtt.t_test(column(1, 2, 3), column(5, 7), "pooled")[0][0]
    assert np.isnan(pwtt.t_test(column(1.0), column(2.0), "pooled")[0][0])


def test_lee_filter_by_hand() -> None:
    image = np.ones((5, 5), np.float32)
    image[2, 2] = 10
    # window of the centre: mean 2, variance (8 + 100)/9 - 4 = 8; k = (1 - 4/5/8)/(1 + 1/5) = 0.75; 2 + 0.75 · 8 = 8
    assert np.exp(pwtt.log_lee(image, 5)[2, 2]) == pytest.approx(8)
    assert np.exp(pwtt.log_lee(image, 5)[0, 0]) == pytest.approx(1)
    image[0, 0] = np.nan
    assert np.isnan(pwtt.log_lee(image, 5)[0, 0])


def test_circle_of_one_pixel_is_a_cross_of_five() -> None:
    values = np.zeros((7, 7))
    values[3, 3] = 1
    mean = pwtt.circle_mean(values, np.ones((7, 7), bool), 1)
    assert (mean[3, 3], mean[3, 4], mean[4, 4]) == (pytest.approx(0.2), pytest.approx(0.2), 0)


def test_fall_of_six_decibels_exceeds_the_published_threshold() -> None:
    change = pwtt.detect(year(4), YEAR, CONFIG, 0.01)
    assert change.changed.values[14:26, 14:26].mean() > 0.95
    assert not change.changed.values[45:, 45:].any()
    assert str(change.onset_after.values[20, 20])[:10] == "2024-03-31"
    assert str(change.onset_before.values[20, 20])[:10] == "2024-04-10"
    assert change.attrs["detector"] == "pwtt"


def test_threshold_left_out_takes_students_p_at_the_rate() -> None:
    stack = year(4)
    config = pwtt.Config(threshold=None, variance="welch")
    few, many = (pwtt.detect(stack, YEAR, config, rate) for rate in (0.001, 0.1))
    assert few.changed.values.sum() < many.changed.values.sum()
    assert (many.p_value.values[many.changed.values] <= 0.1).all()


def test_pixel_seen_once_after_is_not_observable() -> None:
    stack = year(4)
    valid = stack.valid.values.copy()
    valid[11:, 0, 0] = False
    stack = stack.assign({name: stack[name].where(valid) for name in ("vv", "vh")})
    stack = stack.assign(valid=(("time", "y", "x"), valid))
    change = pwtt.detect(stack, YEAR, CONFIG, 0.01)
    assert not change.observable.values[0, 0]
    assert int(change.n_after.values[0, 0]) == 1
    assert change.observable.values[1:].all()


def test_optical_is_refused() -> None:
    with pytest.raises(InputError, match="pwtt works on radar only, not on sentinel-2"):
        pwtt.detect(built(), PERIODS, CONFIG, 0.01)


def test_chosen_by_name() -> None:
    assert "pwtt" in detector_names()
    assert detector_config("pwtt") is pwtt.Config
    spec = DetectSpec(detectors={"pwtt": pwtt.Config(variance="welch")})
    _, change, _ = detect_changes({"sentinel-1-orbit-021": year(4)}, YEAR, spec)
    assert change.attrs["detector"] == "pwtt"
