"""The burn detector: large fires, one side only, three-valued."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from changedet.detect import burn
from changedet.errors import InputError, NothingClearError
from changedet.site import Period
from changedet.stack import Layer, Periods, build_stack

SIDE = 120
PERIODS = Periods(
    Period(first="2024-06-01", last="2024-06-30"),
    Period(first="2024-07-01", last="2024-07-31"),
)
LEAVES = {"nir": 0.30, "swir22": 0.15}
CHAR = {"nir": 0.14, "swir22": 0.20}


def two_dates(after: dict[str, NDArray], seed: int = 0, noise: float = 0.01):
    rng = np.random.default_rng(seed)
    grid = GeoBox.from_bbox(
        (600_000, 3_900_000, 600_000 + 20 * SIDE, 3_900_000 + 20 * SIDE), "EPSG:32637", resolution=20
    )
    layers = []
    for day, values in (
        (datetime(2024, 6, 20, tzinfo=UTC), {band: np.full((SIDE, SIDE), level) for band, level in LEAVES.items()}),
        (datetime(2024, 7, 10, tzinfo=UTC), after),
    ):
        bands = {b: (v + rng.normal(0, noise, v.shape)).astype(np.float32) for b, v in values.items()}
        layers.append(Layer(day, f"S2-{day:%m%d}", "sentinel-2b", 21, bands))
    return build_stack(layers, grid, sensor="sentinel-2", key="sentinel-2")


def turned(place: NDArray[np.bool_], to: dict[str, float]) -> dict[str, NDArray]:
    return {band: np.where(place, to[band], level) for band, level in LEAVES.items()}


def rows(first: int, last: int) -> NDArray[np.bool_]:
    place = np.zeros((SIDE, SIDE), bool)
    place[first:last] = True
    return place


# a strip of six rows grows by the blur of the score, so less overlap can be asked of it
@pytest.mark.parametrize(("share", "overlap"), [(0.05, 0.5), (0.2, 0.85), (0.4, 0.85)])
def test_fire_over_a_large_share_of_the_map_is_found(share: float, overlap: float) -> None:
    fire = rows(0, int(SIDE * share))
    change = burn.detect(two_dates(turned(fire, CHAR)), PERIODS, burn.Config(), 0.01)
    found = change.changed.values
    assert (found & fire).sum() / (found | fire).sum() > overlap


@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_without_fire_the_rate_is_kept(rate: float) -> None:
    shares = [
        burn.detect(two_dates(turned(rows(0, 0), CHAR), seed), PERIODS, burn.Config(), rate).changed.values.mean()
        for seed in range(8)
    ]
    assert 0.5 * rate < np.mean(shares) < 1.5 * rate


def test_growth_is_not_burning() -> None:
    grown = rows(0, 30)
    change = burn.detect(two_dates(turned(grown, {"nir": 0.45, "swir22": 0.08})), PERIODS, burn.Config(), 0.01)
    assert not change.changed.values[grown].any()


def test_a_hidden_pixel_is_not_observable() -> None:
    stack = two_dates(turned(rows(0, 30), CHAR))
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[10:20, 40:50] = True
    for band in LEAVES:
        stack[band].values[1][hidden] = np.nan
    stack.valid.values[1][hidden] = False
    change = burn.detect(stack, PERIODS, burn.Config(), 0.01)
    assert (change.observable.values == ~hidden).all()
    assert not change.changed.values[hidden].any()


def test_the_bands_it_needs_are_named() -> None:
    stack = two_dates(turned(rows(0, 30), CHAR)).drop_vars("swir22")
    with pytest.raises(InputError, match="no swir22"):
        burn.detect(stack, PERIODS, burn.Config(), 0.01)


def test_too_few_pixels_are_refused() -> None:
    stack = two_dates(turned(rows(0, 30), CHAR)).isel(y=slice(0, 5), x=slice(0, 5))
    with pytest.raises(NothingClearError, match="25 pixels"):
        burn.detect(stack, PERIODS, burn.Config(), 0.01)


def test_commonest_value_withstands_two_fifths() -> None:
    stable = np.random.default_rng(3).normal(0.1, 0.02, 6000)
    assert burn.commonest(np.concatenate([stable, np.full(4000, 0.6)])) == pytest.approx(0.1, abs=0.005)
