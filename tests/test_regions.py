"""Regions: what they cover, how they are counted and named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry
from rasterio.features import rasterize
from shapely.geometry import Point, shape

from changedet import regions
from changedet.effects import measure
from changedet.errors import ContractError
from changedet.regions import find_detections
from changedet.site import Period, SensorSpec, Site, Zone
from changedet.stack import Layer, build_stack, change_map, spatial_coords
from changedet.values import SourceConfig

RATE = 0.01
SIDE = 60
DATES = [datetime(2024, month, 3, tzinfo=UTC) for month in (1, 2, 3, 5, 6, 7)]
BEFORE, AFTER = (np.datetime64("2024-03-03", "ns"), np.datetime64("2024-05-03", "ns"))
BARE = {"blue": 0.10, "green": 0.14, "red": 0.18, "nir": 0.24, "swir16": 0.30, "swir22": 0.28}
ROOF = {"blue": 0.35, "green": 0.35, "red": 0.36, "nir": 0.36, "swir16": 0.30, "swir22": 0.25}


def grid(side: int = SIDE, resolution: float = 10) -> GeoBox:
    left, top = 600_000, 3_920_000
    return GeoBox.from_bbox(
        (left, top - side * resolution, left + side * resolution, top), crs="EPSG:32637", resolution=resolution
    )


def a_site(*zones: Zone) -> Site:
    ring = tuple(grid().footprint("EPSG:4326").exterior.coords)
    return Site(
        id="plant",
        name="Plant",
        ring=ring,
        source=SourceConfig(kind="stac"),
        sensors={"sentinel-2": SensorSpec()},
        before=Period(first="2024-01-01", last="2024-03-31"),
        after=Period(first="2024-04-01", last="2024-12-31"),
        zones=zones,
    )


def a_map(
    p_value: NDArray, observable: NDArray[np.bool_] | None = None, changed: NDArray[np.bool_] | None = None
) -> xr.Dataset:
    like = xr.Dataset(coords=spatial_coords(grid(p_value.shape[0])))
    shape_ = p_value.shape
    return change_map(
        like,
        {
            "score": -np.log(p_value),
            "p_value": p_value,
            "changed": p_value <= RATE if changed is None else changed,
            "observable": np.ones(shape_, bool) if observable is None else observable,
            "n_before": np.full(shape_, 3),
            "n_after": np.full(shape_, 3),
            "onset_after": np.full(shape_, BEFORE),
            "onset_before": np.full(shape_, AFTER),
        },
        detector="test",
    )


def noise(seed: int = 0, side: int = SIDE) -> NDArray:
    """p-values of unchanged ground: none is flagged."""
    return np.random.default_rng(seed).uniform(2 * RATE, 1, (side, side))


def optical(
    place: NDArray[np.bool_],
    before: dict[str, float] = ROOF,
    after: dict[str, float] = BARE,
    hidden: dict[int, NDArray[np.bool_]] | None = None,
) -> xr.Dataset:
    """Bare ground with ``before`` on ``place`` until March and ``after`` from May on, noise 0.005."""
    rng = np.random.default_rng(1)
    layers = []
    for i, date in enumerate(DATES):
        here = before if i < 3 else after
        bands = {
            band: (np.where(place, here[band], BARE[band]) + rng.normal(0, 0.005, place.shape)).astype(np.float32)
            for band in BARE
        }
        for plane in bands.values():
            if hidden and i in hidden:
                plane[hidden[i]] = np.nan
        layers.append(Layer(date, f"S2-{i}", "sentinel-2a", 21, bands))
    return build_stack(layers, grid(place.shape[0]), sensor="sentinel-2", key="sentinel-2")


def squares(*corners: tuple[int, int], size: int = 6, side: int = SIDE) -> NDArray[np.bool_]:
    place = np.zeros((side, side), bool)
    for row, col in corners:
        place[row : row + size, col : col + size] = True
    return place


def found(
    place: NDArray[np.bool_], *zones: Zone, p: float = 1e-6, **kwargs: xr.Dataset
) -> tuple[regions.Detection, ...]:
    p_value = np.where(place, p, noise(side=place.shape[0]))
    return find_detections(a_map(p_value), kwargs, {}, a_site(*zones), RATE)


def burnt_in(detections: tuple[regions.Detection, ...], geobox: GeoBox) -> NDArray[np.int_]:
    """How many detections cover each pixel, their polygons rasterised again."""
    total = np.zeros(geobox.shape, int)
    for detection in detections:
        outline = Geometry(dict(detection.polygon), "EPSG:4326").to_crs(geobox.crs)
        total += rasterize([(outline.geom, 1)], geobox.shape, transform=geobox.affine)
    return total


def test_one_square_is_one_detection_of_its_area() -> None:
    (detection,) = found(squares((20, 30)))
    assert detection.number == 1
    assert detection.area == pytest.approx(6 * 6 * 100)
    assert detection.onset == regions.Onset(datetime(2024, 3, 3, tzinfo=UTC), datetime(2024, 5, 3, tzinfo=UTC))
    assert shape(detection.polygon).contains(Point(detection.centroid))
    assert detection.polygon["type"] == "Polygon"


def test_corners_have_seven_decimals_and_lie_on_the_pixels() -> None:
    (detection,) = found(squares((20, 30)))
    text = json.dumps(dict(detection.polygon))
    ring = json.loads(text)["coordinates"][0]
    assert all(round(value, 7) == value for corner in ring for value in corner)
    outline = Geometry(dict(detection.polygon), "EPSG:4326").to_crs("EPSG:32637").geom
    west, south, east, north = 600_300, 3_919_740, 600_360, 3_919_800  # columns 30–36, rows 20–26 of 10 m
    assert outline.bounds == pytest.approx((west, south, east, north), abs=0.02)


def test_nothing_changed_gives_nothing() -> None:
    assert find_detections(a_map(noise()), {}, {}, a_site(), RATE) == ()


def test_pieces_two_pixels_apart_are_one_object_and_the_gap_is_not_painted() -> None:
    (detection,) = found(squares((20, 20), (20, 28)))
    assert detection.polygon["type"] == "MultiPolygon"
    assert detection.area == pytest.approx(2 * 36 * 100)


def test_pieces_thirty_metres_apart_join_only_when_of_one_kind() -> None:
    same = squares((20, 20), (20, 29))
    assert len(found(same, optical=optical(same))) == 1
    # the second turns to water-dark green instead: another kind
    first, second = squares((20, 20)), squares((20, 29))
    stack = optical(first)
    leaves = {"blue": 0.03, "green": 0.06, "red": 0.03, "nir": 0.45, "swir16": 0.2, "swir22": 0.1}
    for band, value in leaves.items():
        plane = stack[band].values
        plane[:3, second], plane[3:, second] = BARE[band], value
    kinds = [d.kind for d in found(first | second, optical=stack)]
    assert sorted(kinds) == ["structure removed", "vegetation"]


def test_pieces_far_apart_stay_two() -> None:
    assert len(found(squares((10, 10), (40, 40)))) == 2


def test_one_flagged_pixel_is_below_what_the_optics_resolve() -> None:
    lone = squares((20, 20), size=1)
    stack = optical(lone)
    assert found(lone, optical=stack, p=1e-12) == ()


def test_hole_is_kept() -> None:
    ring = squares((10, 10), size=12)
    ring[14:18, 14:18] = False
    (detection,) = found(ring)
    assert len(detection.polygon["coordinates"]) == 2
    assert detection.area == pytest.approx((144 - 16) * 100)


def test_pixels_touching_at_a_corner_make_a_valid_multipolygon() -> None:
    (detection,) = found(squares((10, 10), (16, 16)))
    outline = shape(detection.polygon)
    assert outline.is_valid
    assert outline.geom_type == "MultiPolygon"


def test_most_significant_comes_first() -> None:
    weak, strong = squares((10, 10)), squares((40, 40))
    p_value = np.where(strong, 1e-9, np.where(weak, 1e-4, noise()))
    first, second = find_detections(a_map(p_value), {}, {}, a_site(), RATE)
    assert (first.number, second.number) == (1, 2)
    assert first.score > second.score
    assert first.p_value <= second.p_value
    assert first.centroid[1] < second.centroid[1], "rows count southwards: the strong one lies south"


def test_zone_is_the_one_it_overlaps_most() -> None:
    geobox = grid()

    def zone(name: str, west: int, east: int) -> Zone:
        area = geobox[10:40, west:east].footprint("EPSG:4326")
        return Zone(name=name, polygon=tuple(area.exterior.coords)[:-1])

    (detection,) = found(squares((20, 30)), zone("tank farm", 20, 32), zone("pipe yard", 32, 50))
    assert detection.zone == "pipe yard"  # four of its six columns
    (elsewhere,) = found(squares((50, 50)), zone("tank farm", 20, 32))
    assert elsewhere.zone is None


def test_directions_are_after_minus_before() -> None:
    place = squares((20, 30))
    (detection,) = found(place, optical=optical(place))
    assert detection.kind == "structure removed"
    for band, value in detection.directions["optical"].items():
        assert value == pytest.approx(BARE[band] - ROOF[band], abs=0.004)


def test_scenes_are_the_clear_dates_after_the_onset() -> None:
    place = squares((20, 30))
    stack = optical(place, hidden={4: place})
    (detection,) = found(place, optical=stack)
    assert detection.scenes == ("S2-3", "S2-5")


def test_a_date_on_which_it_was_whole_again_does_not_show_it() -> None:
    place = squares((20, 30))
    stack = optical(place)
    for band, value in ROOF.items():
        stack[band].values[4][place] = value
    (detection,) = found(place, optical=stack)
    assert detection.scenes == ("S2-3", "S2-5")


def test_radar_direction_is_in_decibel() -> None:
    place = squares((20, 30), size=10)
    rng = np.random.default_rng(2)
    layers = []
    for i, date in enumerate(DATES):
        level = np.where(place & (i < 3), 0.4, 0.04)  # 10 dB above the ground, then gone
        speckle = rng.gamma(4.4, 1 / 4.4, (2, *place.shape))
        bands = {"vv": (level * speckle[0]).astype(np.float32), "vh": (0.2 * level * speckle[1]).astype(np.float32)}
        layers.append(Layer(date, f"S1-{i}", "sentinel-1a", 137, bands))
    stack = build_stack(layers, grid(), sensor="sentinel-1", key="sentinel-1-orbit-137")
    (detection,) = found(place, radar=stack)
    assert detection.directions["radar"]["vv"] == pytest.approx(-10, abs=0.6)
    assert detection.directions["radar"]["vh"] == pytest.approx(-10, abs=0.6)
    assert detection.kind == "structure removed"
    assert detection.scenes == ("S1-3", "S1-4", "S1-5")


def test_a_stack_without_dates_after_says_nothing() -> None:
    stack = optical(squares((20, 30))).isel(time=slice(0, 3))
    pixels = np.flatnonzero(squares((20, 30)))
    sides = (np.ones(3, bool), np.zeros(3, bool))
    assert measure(stack, sides, pixels, squares((20, 30))) is None


def test_a_map_that_breaks_its_contract_is_refused() -> None:
    change = a_map(noise())
    change.attrs["schema"] = "something else"
    with pytest.raises(ContractError, match="something else"):
        find_detections(change, {}, {}, a_site(), RATE)


def test_same_map_same_answer() -> None:
    place = squares((10, 10), (40, 40), (10, 40))
    assert found(place, optical=optical(place)) == found(place, optical=optical(place))


blobs = arrays(bool, (9, 9), elements=st.booleans(), fill=st.just(False))
gentle = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def coarse(pattern: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks of 4 × 4 pixels in the middle of the map."""
    place = np.zeros((SIDE, SIDE), bool)
    place[10:46, 10:46] = np.kron(pattern, np.ones((4, 4), bool))
    return place


@gentle
@given(blobs)
def test_polygons_rasterised_again_are_the_changed_pixels(pattern: NDArray[np.bool_]) -> None:
    place = coarse(pattern)
    detections = found(place, p=1e-8)
    covered = burnt_in(detections, grid())
    assert (covered == place).all()
    assert sum(d.area for d in detections) == pytest.approx(100 * place.sum())
    for detection in detections:
        outline = shape(detection.polygon)
        assert outline.is_valid
        assert outline.contains(Point(detection.centroid))


@gentle
@given(blobs, blobs, st.integers(0, 2**32 - 1))
def test_no_detection_covers_an_unobservable_pixel(
    pattern: NDArray[np.bool_], clouds: NDArray[np.bool_], seed: int
) -> None:
    place, hidden = coarse(pattern), coarse(clouds)
    p_value = np.where(place, 1e-8, noise(seed))
    detections = find_detections(a_map(p_value, observable=~hidden), {}, {}, a_site(), RATE)
    covered = burnt_in(detections, grid())
    assert not covered[hidden].any()
    assert (covered <= 1).all()


@gentle
@given(blobs, st.integers(0, 2**32 - 1))
def test_numbers_follow_significance(pattern: NDArray[np.bool_], seed: int) -> None:
    place = coarse(pattern)
    level = np.random.default_rng(seed).uniform(2, 9, (9, 9))
    p_value = np.where(place, 10.0 ** -np.pad(np.kron(level, np.ones((4, 4))), (10, 14)), noise(seed))
    detections = find_detections(a_map(p_value), {}, {}, a_site(), RATE)
    assert [d.number for d in detections] == list(range(1, len(detections) + 1))
    assert all(a.p_value <= b.p_value for a, b in pairwise(detections))
