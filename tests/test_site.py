"""Sites: rings, zones, periods, and what no site may be."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pyproj import Geod

from changedet.site import Circle, DetectSpec, Period, SensorSpec, Site, Zone, check_lonlat, check_ring_size
from changedet.values import DetectorConfig, SourceConfig

GEOD = Geod(ellps="WGS84")

lons = st.floats(-179, 179)
lats = st.floats(-75, 80)


@given(lons, lats, st.floats(30, 60_000))
def test_a_circle_is_a_closed_ring_at_its_radius(lon: float, lat: float, radius: float) -> None:
    ring = Circle(center=(lon, lat), radius=radius).ring()
    assert ring[0] == ring[-1]
    assert len(ring) == 65
    on_the_ground = [GEOD.inv(lon, lat, *corner)[2] for corner in ring]
    # a sphere of one mean degree is good to 1 %; a flat cosine costs more at 60 km near the pole
    assert on_the_ground == pytest.approx([radius] * 65, rel=0.07 if abs(lat) > 60 else 0.02)


@given(lons, lats, st.floats(1, 5000))
def test_a_zone_circle_is_closed_and_around_its_centre(lon: float, lat: float, radius: float) -> None:
    ring = Zone(name="tank", center=(lon, lat), radius=radius).ring()
    assert ring[0] == ring[-1]
    assert sum(p[0] for p in ring[:-1]) / 32 == pytest.approx(lon, abs=1e-6)
    assert sum(p[1] for p in ring[:-1]) / 32 == pytest.approx(lat, abs=1e-6)


def test_a_zone_polygon_is_closed() -> None:
    assert Zone(name="yard", polygon=((0, 0), (1, 0), (1, 1))).ring() == ((0, 0), (1, 0), (1, 1), (0, 0))


@given(lons, lats, st.floats(5, 2000))
def test_the_diameter_of_a_zone_is_that_of_the_circle_of_its_area(lon: float, lat: float, across: float) -> None:
    assert Zone(name="tank", center=(lon, lat), radius=across / 2).diameter == pytest.approx(across)
    east, north = GEOD.fwd(lon, lat, 90, across)[:2], GEOD.fwd(lon, lat, 0, across)[:2]
    # a right-angled triangle of area across²/2; near the poles metres to a degree of longitude change within it
    triangle = Zone(name="yard", polygon=((lon, lat), east, north))
    assert triangle.diameter == pytest.approx(math.sqrt(2 / math.pi) * across, rel=0.02)


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"center": (40, 35)},
        {"radius": 10},
        {"center": (40, 35), "radius": 10, "polygon": ((0, 0), (1, 0), (1, 1))},
        {"radius": 10, "polygon": ((0, 0), (1, 0), (1, 1))},
    ],
)
def test_a_zone_has_exactly_one_shape(shape: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="either center and radius, or polygon"):
        Zone(name="tank", **shape)


@given(lons, st.floats(-79, 83))
def test_any_place_off_the_poles_is_accepted(lon: float, lat: float) -> None:
    assert check_lonlat((lon, lat)) == (lon, lat)


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ((35.3, 140.3), r"looks swapped; write \[140.3, 35.3\]"),
        ((181, 0), "outside the world"),
        ((200, 100), "outside the world"),
        ((0, 85), "polar"),
        ((0, -81), "polar"),
        ((math.nan, 0), "not a finite position"),
        ((0, math.inf), "not a finite position"),
    ],
)
def test_places_that_are_refused(point: tuple[float, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_lonlat(point)


@pytest.mark.parametrize(("radius", "words"), [(500_000, "500 km is too large"), (10, "10 m is too small")])
def test_radii_that_are_refused(radius: float, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Circle(center=(40, 35), radius=radius)


def box(west: float, south: float, east: float, north: float) -> tuple[tuple[float, float], ...]:
    return ((west, south), (east, south), (east, north), (west, north), (west, south))


@pytest.mark.parametrize(
    ("ring", "words"),
    [
        (box(40, 35, 40, 35), "0 m × 0 m"),
        (box(40, 35, 40.1, 35.0001), "11 m; each side must be at least 60 m"),
        (box(40, 35, 42, 35.1), "at most 120 km"),
        (box(40, 35, 40.1, 37), "223 km; a side may be at most 120 km"),
    ],
)
def test_areas_that_are_refused(ring: tuple[tuple[float, float], ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_ring_size(ring)


@given(st.dates(date(2015, 1, 1), date(2030, 1, 1)), st.integers(0, 400))
def test_a_period_holds_both_its_days_and_no_instant_more(first: date, days: int) -> None:
    last = first + timedelta(days=days)
    period = Period(first=first, last=last)
    tick = timedelta(microseconds=1)
    assert period.holds(datetime(first.year, first.month, first.day, tzinfo=UTC))
    assert period.holds(datetime(last.year, last.month, last.day, 23, 59, 59, tzinfo=UTC))
    assert not period.holds(period.start - tick)
    assert not period.holds(period.end)
    assert period.end - period.start == timedelta(days=days + 1)


def test_a_period_runs_forward() -> None:
    with pytest.raises(ValidationError, match="2025-01-01 comes before the first day 2025-01-02"):
        Period(first=date(2025, 1, 2), last=date(2025, 1, 1))


class Archive(SourceConfig):
    kind: str = "archive"
    folder: str = "here"


class Detector(DetectorConfig):
    sigma: float = 2


def site(**changes: Any) -> Site:
    parts: dict[str, Any] = {
        "id": "depot",
        "name": "Depot",
        "ring": box(40, 35, 40.1, 35.1),
        "source": Archive(),
        "sensors": {"sentinel-2": SensorSpec()},
        "before": Period(first=date(2024, 1, 1), last=date(2024, 12, 31)),
        "after": Period(first=date(2025, 1, 1), last=date(2025, 3, 31)),
    }
    return Site(**(parts | changes))


def test_bbox_and_centre() -> None:
    assert site().bbox == (40, 35, 40.1, 35.1)
    assert site().center == pytest.approx((40.05, 35.05))


@pytest.mark.parametrize("name", ["..", "a/b", "A", "", "a b", ".a", "-a", "ä", "a\n", "x" * 65])
def test_an_id_cannot_leave_its_folder(name: str) -> None:
    with pytest.raises(ValidationError):
        site(id=name)


@pytest.mark.parametrize("first", [date(2024, 12, 31), date(2023, 1, 1)])
def test_after_follows_before(first: date) -> None:
    with pytest.raises(ValidationError, match="after must follow before"):
        site(after=Period(first=first, last=date(2025, 3, 31)))


def test_a_site_needs_a_sensor() -> None:
    with pytest.raises(ValidationError):
        site(sensors={})


def test_nothing_in_a_site_can_be_changed() -> None:
    one = site(detect=DetectSpec(detectors={"pair": Detector()}))
    with pytest.raises(ValidationError):
        one.id = "other"
    with pytest.raises(TypeError):
        one.sensors["sentinel-1"] = SensorSpec()  # type: ignore[index]
    with pytest.raises(TypeError):
        one.detect.detectors["scan"] = Detector()  # type: ignore[index]


def test_a_site_is_dumped_with_the_settings_of_its_source_and_detectors() -> None:
    dumped = site(detect=DetectSpec(detectors={"pair": Detector(sigma=3)})).model_dump(mode="json")
    assert dumped["source"] == {"kind": "archive", "folder": "here"}
    assert dumped["detect"]["detectors"] == {"pair": {"sigma": 3}}
    assert dumped["before"] == {"first": "2024-01-01", "last": "2024-12-31"}
    assert dumped["ring"][:2] == [[40, 35], [40.1, 35]]
