"""Large burnt ground joined to the two-date detector: fires, and what is like a fire but is none."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from changedet.detect import burn, pair
from changedet.detect.features import Null
from changedet.detect.large_burns import large_burns
from changedet.site import Period
from changedet.stack import Layer, Periods, build_stack
from tests.conftest import ROOT

GRASS = {"blue": 0.06, "green": 0.08, "red": 0.09, "nir": 0.28, "swir22": 0.18}
CHAR = {"blue": 0.05, "green": 0.06, "red": 0.07, "nir": 0.13, "swir22": 0.20}
SCORCHED = {"blue": 0.06, "green": 0.08, "red": 0.10, "nir": 0.22, "swir22": 0.20}
STUBBLE = {"blue": 0.10, "green": 0.14, "red": 0.18, "nir": 0.24, "swir22": 0.29}
WATER = {"blue": 0.10, "green": 0.09, "red": 0.07, "nir": 0.06, "swir22": 0.02}
GLINT = {"blue": 0.10, "green": 0.09, "red": 0.07, "nir": 0.06, "swir22": 0.04}
METRES = 2400
FIRST = datetime(2024, 6, 20, tzinfo=UTC)
PERIODS = Periods(Period(first="2024-06-01", last="2024-06-30"), Period(first="2024-07-01", last="2025-12-31"))


def scene(
    to: dict[str, float], share: float = 0.25, side: int = 20, days: int = 20, of: dict[str, float] = GRASS
) -> tuple[xr.Dataset, NDArray[np.bool_]]:
    """Grass with noise of 0.01, and a western strip of it that turns; METRES wide, so 576 ha."""
    cells = METRES // side
    rng = np.random.default_rng(1)
    grid = GeoBox.from_bbox((600_000, 3_900_000, 600_000 + METRES, 3_900_000 + METRES), "EPSG:32637", resolution=side)
    strip = np.zeros((cells, cells), bool)
    strip[:, : int(cells * share)] = True
    layers = []
    for day, inside in ((FIRST, of), (FIRST + timedelta(days=days), to)):
        bands = {
            band: (np.where(strip, inside[band], level) + rng.normal(0, 0.01, strip.shape)).astype(np.float32)
            for band, level in GRASS.items()
        }
        layers.append(Layer(day, f"S2-{day:%Y%m%d}", "sentinel-2b", 21, bands))
    return build_stack(layers, grid, sensor="sentinel-2", key="sentinel-2"), strip


def found(stack: xr.Dataset, rate: float = 0.01) -> xr.Dataset:
    return pair.detect(stack, PERIODS, pair.Config(), rate)


def overlap(change: xr.Dataset, strip: NDArray[np.bool_]) -> float:
    changed = change.changed.values
    return float((changed & strip).sum() / (changed | strip).sum())


@pytest.mark.parametrize("side", [10, 20, 30])
# a strip of twelve blocks grows by the blur of the score, so less overlap can be asked of it
@pytest.mark.parametrize(("share", "least"), [(0.1, 0.7), (0.4, 0.85)])
def test_a_large_fire_is_found_by_default(side: int, share: float, least: float) -> None:
    stack, strip = scene(CHAR, share, side)
    change = found(stack)
    assert overlap(change, strip) > least
    # as far as the change of the strip reaches the ground beside it is not certain
    assert change.changed.values[:, strip[0].sum() + 120 // side :].mean() < 0.02


def test_scores_follow_the_p_values_where_ground_burnt() -> None:
    change = found(scene(CHAR)[0])
    order = np.argsort(change.p_value.values, axis=None)
    assert (np.diff(change.score.values.ravel()[order].astype(np.float64)) <= 1e-6).all()


@pytest.mark.parametrize(
    ("ground", "days", "of"),
    [(STUBBLE, 20, GRASS), (GLINT, 20, WATER), (SCORCHED, 120, GRASS)],
    ids=["harvest", "water", "another season"],
)
def test_what_is_like_a_fire_but_none(ground: dict[str, float], days: int, of: dict[str, float]) -> None:
    stack, strip = scene(ground, days=days, of=of)
    assert burn.detect(stack, PERIODS, burn.Config(), 0.01).changed.values[strip].mean() > 0.8
    assert large_burns(pair.choose_pair(stack, PERIODS), 20.0, 0.01) is None


@pytest.mark.parametrize("gone", ["red", "nir", "swir22"])
def test_without_the_bands_there_is_no_burnt_ground(gone: str) -> None:
    stack, _ = scene(CHAR)
    assert large_burns(pair.choose_pair(stack.drop_vars(gone), PERIODS), 20.0, 0.01) is None


@pytest.mark.parametrize(("ground", "days"), [(SCORCHED, 20), (SCORCHED, 365 + 20), (CHAR, 120)])
def test_in_the_same_season_green_may_be_left_and_bare_char_is_char_in_any(ground: dict[str, float], days: int) -> None:
    stack, strip = scene(ground, days=days)
    assert overlap(found(stack), strip) > 0.6


def test_a_small_fire_does_not_touch_the_scores() -> None:
    stack, strip = scene(CHAR, share=0.02)
    assert strip.sum() * 0.04 == pytest.approx(9.6)  # hectares
    change = found(stack)
    np.testing.assert_array_equal(change.score.values, pair.change_score(pair.choose_pair(stack, PERIODS)))


def test_hidden_ground_stays_unobservable_and_does_not_hide_the_fire() -> None:
    stack, strip = scene(CHAR, side=10)
    stack["nir"].values[1, :61] = np.nan
    stack.valid.values[1, :61] = False
    change = found(stack)
    assert not change.observable.values[:61].any()
    assert np.isnan(change.p_value.values[:61]).all()
    assert overlap(change.isel(y=slice(61, None)), strip[61:]) > 0.85


@given(st.integers(0, 1000), st.floats(1e-9, 0.99))
def test_score_is_the_inverse_of_the_p_value(seed: int, p_value: float) -> None:
    null = Null.fit(np.random.default_rng(seed).exponential(size=2000))
    # the null knows no p-value between 0.15 and 1 better than a score in float32 carries
    assert null.p_value(null.score(np.array([p_value], np.float32)))[0] == pytest.approx(p_value, rel=1e-3)


def test_a_real_fire_is_found_and_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    wildfire = importlib.import_module("wildfire")
    result = wildfire.judge(wildfire.load(data / "wildfire" / "10TH_20240624"), "default")
    assert wildfire.iou(result.changed, result.burnt) > 0.6
    assert result.kind == "burnt or sooted"
