"""Verdicts on zones: which detections a zone meets, and why nothing is said where it meets none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from pyproj import Transformer

from changedet.regions import Detection, find_detections
from changedet.site import Zone
from changedet.verdict import Verdict, zone_verdicts
from tests.test_regions import BARE, RATE, SIDE, a_map, a_site, grid, noise, optical, squares

LIMIT = 20.0
LEAVES = {"blue": 0.03, "green": 0.06, "red": 0.03, "nir": 0.45, "swir16": 0.2, "swir22": 0.1}


def zone(name: str, row: int, column: int, size: int = 6) -> Zone:
    """A square of pixels, kept half a metre clear of its neighbours."""
    back = Transformer.from_crs("EPSG:32637", "EPSG:4326", always_xy=True)
    left, top = grid().affine @ (column, row)
    right, low = grid().affine @ (column + size, row + size)
    corners = ((left + 0.5, top - 0.5), (right - 0.5, top - 0.5), (right - 0.5, low + 0.5), (left + 0.5, low + 0.5))
    return Zone(name=name, polygon=tuple(back.transform(x, y) for x, y in corners))


TANKS = squares((10, 10), (40, 40))
FAR = zone("far", 10, 40)


def changed() -> tuple[xr.Dataset, tuple[Detection, ...]]:
    """Two roofs gone, the second with the smaller p-value and so detection 1."""
    p_value = np.where(squares((40, 40)), 1e-9, np.where(squares((10, 10)), 1e-5, noise()))
    change = a_map(p_value)
    return change, find_detections(change, {"sentinel-2": optical(TANKS)}, {}, a_site(), RATE)


def said(*zones: Zone) -> tuple[Verdict, ...]:
    change, detections = changed()
    return zone_verdicts(a_site(*zones), detections, change, LIMIT)


def test_each_zone_names_the_detection_that_lies_in_it() -> None:
    first, second = said(zone("first", 10, 10), zone("second", 40, 40))
    assert (first.outcome, second.outcome) == ("supported", "supported")
    assert "structure removed" in first.sentence
    assert first.sentence.endswith("see detection 2.")
    assert second.sentence.endswith("see detection 1.")


def test_a_zone_that_meets_several_names_the_surest() -> None:
    change, detections = changed()
    sure = tuple(replace(detection, p_value=10.0 ** (-2 - detection.number)) for detection in detections)
    (both,) = zone_verdicts(a_site(zone("both", 8, 8, size=40)), sure, change, LIMIT)
    assert both.sentence.endswith("see detection 2.")
    assert both.p_intact == 1e-4


def test_a_zone_beside_a_detection_does_not_meet_it() -> None:
    assert said(zone("beside", 10, 16))[0].outcome == "inconclusive"
    assert said(zone("touching", 10, 15))[0].outcome == "supported"


def test_silence_proves_nothing() -> None:
    (far,) = said(FAR)
    assert (far.outcome, far.reasons) == ("inconclusive", ())
    assert "does not prove" in far.sentence


def test_what_was_not_seen_is_clouded() -> None:
    observable = np.ones((SIDE, SIDE), bool)
    observable[:, 40:44] = False
    (hidden,) = zone_verdicts(a_site(FAR), (), a_map(noise(), observable), LIMIT)
    assert (hidden.outcome, hidden.reasons) == ("inconclusive", ("clouded",))
    observable[:, 42:44] = True
    (seen,) = zone_verdicts(a_site(FAR), (), a_map(noise(), observable), LIMIT)
    assert seen.reasons == ()


def test_a_mast_is_below_the_detection_limit() -> None:
    lon, lat = FAR.ring()[0]
    mast = Zone(name="mast", kind="mast", center=(lon, lat), radius=LIMIT / 2 - 1)
    assert said(mast)[0].reasons == ("below-detection-limit",)
    assert said(mast.model_copy(update={"radius": LIMIT / 2}))[0].reasons == ()


def test_another_kind_of_change_is_no_support() -> None:
    field = squares((10, 10))
    stack = optical(field, before=BARE, after=LEAVES)
    change = a_map(np.where(field, 1e-9, noise()))
    detections = find_detections(change, {"sentinel-2": stack}, {}, a_site(), RATE)
    (sown,) = zone_verdicts(a_site(zone("field", 10, 10)), detections, change, LIMIT)
    assert (sown.outcome, sown.reasons) == ("inconclusive", ("changed-otherwise",))
    assert "vegetation" in sown.sentence


def test_a_detection_of_weak_significance_is_no_support() -> None:
    change, detections = changed()
    weak = tuple(replace(detection, p_value=0.011) for detection in detections)
    assert zone_verdicts(a_site(zone("first", 10, 10)), weak, change, LIMIT)[0].outcome == "inconclusive"
