"""Light, shadows, sampling and numbers, checked against what anyone can reckon by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changedet.simulate import Simulation
from changedet.simulate.blur import Blur, line_weights
from changedet.simulate.optical import render, sampling, shadows, to_dn
from changedet.simulate.scenario import optical_passes, sun
from changedet.simulate.surface import Surface, Terrain


def _spot(blur: Blur) -> np.ndarray:
    fine = np.zeros((160, 160), np.float32)
    fine[81, 78] = 1.0
    return blur(fine)


@pytest.mark.parametrize("pixel", [10, 20])
def test_point_spread_keeps_total_reflectance(pixel: int) -> None:
    """One cell of 2.5 m × 2.5 m holds 6.25 m² of full reflectance, in however many pixels it ends up."""
    image = _spot(sampling(Simulation(size_m=400), pixel, (1.3, -2.4)))
    assert image.sum() * pixel**2 == pytest.approx(6.25, rel=0.02)
    assert image.max() < 0.25


def test_point_spread_has_the_stated_width() -> None:
    """The second moment of a spot is σ² = 5.5² m², within the sampling."""
    image = _spot(sampling(Simulation(size_m=400), 10, (0, 0)))
    x = np.arange(40) * 10 + 5.0
    weights = image.sum(axis=0) / image.sum()
    centre = (weights * x).sum()
    assert centre == pytest.approx(78.5 * 2.5, abs=0.3)
    assert np.sqrt((weights * (x - centre) ** 2).sum()) == pytest.approx(5.5, abs=0.4)


@settings(max_examples=25, deadline=None)
@given(st.floats(-4, 4), st.floats(-4, 4))
def test_shift_moves_the_content(south: float, east: float) -> None:
    simulation = Simulation(size_m=400)
    still, moved = _spot(sampling(simulation, 10, (0, 0))), _spot(sampling(simulation, 10, (south, east)))
    rows, columns = np.mgrid[:40, :40] * 10.0

    def centre(image: np.ndarray) -> np.ndarray:
        return np.array([(image * rows).sum(), (image * columns).sum()]) / image.sum()

    assert centre(moved) - centre(still) == pytest.approx([south, east], abs=0.5)


@given(st.floats(0.01, 0.9), st.floats(-5, 5))
@settings(max_examples=25, deadline=None)
def test_level_ground_stays_level(value: float, shift: float) -> None:
    lines = line_weights(400, 10, 5.5, shift)
    level = Blur(lines, lines)(np.full((160, 160), value, np.float32))
    assert level == pytest.approx(value, rel=1e-4)


@given(st.floats(0.0005, 1.5))
def test_both_baselines_decode_to_the_same_reflectance(reflectance: float) -> None:
    """ρ = DN/10000 before baseline 04.00 and (DN − 1000)/10000 since; half a number is 0.00005."""
    value = np.array([reflectance], np.float32)
    old, new = to_dn(value, "03.01").astype(float), to_dn(value, "04.00").astype(float)
    assert old / 10000 == pytest.approx(reflectance, abs=6e-5)
    assert (new - 1000) / 10000 == pytest.approx(reflectance, abs=6e-5)


def test_no_reflectance_becomes_no_data() -> None:
    assert to_dn(np.array([-0.3, 0.0], np.float32), "03.01").min() == 1


@pytest.mark.parametrize(
    ("day", "noon"),
    [("2021-03-21", 90 - 34.05), ("2021-06-21", 90 - 34.05 + 23.45), ("2021-12-21", 90 - 34.05 - 23.45)],
)
def test_sun_at_noon(day: str, noon: float) -> None:
    azimuth, elevation = sun(datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC), 0.0, 34.05)
    assert elevation == pytest.approx(noon, abs=0.5)
    assert azimuth == pytest.approx(180, abs=1)


def test_sun_in_the_morning_stands_in_the_south_east() -> None:
    azimuth, _ = sun(datetime(2021, 3, 21, 10, 30, tzinfo=UTC), 0.0, 34.05)
    assert 120 < azimuth < 160


def _wall(metres: float) -> Surface:
    height = np.zeros((60, 60), np.float32)
    height[30, 20:40] = metres
    empty = np.zeros_like(height)
    return Surface(
        np.zeros((6, 60, 60), np.float32),
        height,
        empty,
        empty,
        np.zeros((2, 60, 60), np.float32),
        empty.astype(np.uint8),
    )


@pytest.mark.parametrize(("elevation", "metres"), [(45.0, 10.0), (26.565, 20.0), (63.435, 5.0)])
def test_shadow_is_as_long_as_the_sun_says(elevation: float, metres: float) -> None:
    """A 10 m wall with the sun in the south throws height / tan(elevation) to the north."""
    dark = shadows(_wall(10.0), 180.0, elevation)
    column = np.flatnonzero(dark[:, 30])
    assert column.max() == 29
    assert len(column) * 2.5 == pytest.approx(metres, abs=2.5)


def test_shadow_lies_away_from_the_sun() -> None:
    dark = shadows(_wall(10.0), 90.0, 30.0)
    assert dark[30, :20].any()
    assert not dark[30, 40:].any()


def test_nothing_stands_nothing_is_dark() -> None:
    assert not shadows(_wall(0.0), 150.0, 30.0).any()


@pytest.fixture(scope="module", params=[0.0, 1.0])
def sky(request: pytest.FixtureRequest) -> tuple[float, dict[str, np.ndarray]]:
    simulation = Simulation(months=3, size_m=400, cloud_share=request.param)
    terrain = Terrain(simulation)
    passes = optical_passes(simulation)
    return request.param, render(simulation, terrain, terrain.at(simulation.start), passes[0])[0]


def test_clouds_as_asked(sky: tuple[float, dict[str, np.ndarray]]) -> None:
    share, bands = sky
    cloudy = np.isin(bands["scl"], (8, 9, 10))
    assert cloudy.mean() == share
    assert (bands["blue"].mean() > 5000) == (share == 1)


def test_native_sampling(sky: tuple[float, dict[str, np.ndarray]]) -> None:
    _, bands = sky
    assert {name: image.shape[0] for name, image in bands.items()} == {
        "blue": 40, "green": 40, "red": 40, "nir": 40, "swir16": 20, "swir22": 20, "scl": 20,
    }  # fmt: skip
