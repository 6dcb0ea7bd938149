"""How long ``verify`` takes without acquisition: 20 objects on 2 km × 2 km, 150 optical dates of four bands."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry
from shapely.geometry import Point

from changedet.claim import ClaimedObject
from changedet.detect.choose import detect_changes
from changedet.objects.assess import assess
from changedet.objects.finding import Question
from changedet.site import DetectSpec, Period
from changedet.stack import Layer, Periods, build_stack

SIDE, DATES, OBJECTS = 200, 150, 20
GEOBOX = GeoBox((SIDE, SIDE), Affine(10, 0, 600_000, 0, -10, 3_900_000), "EPSG:32637")
PERIODS = Periods(
    Period(first=date(2021, 1, 1), last=date(2023, 6, 30)), Period(first=date(2023, 7, 1), last=date(2024, 12, 31))
)


def _stack() -> xr.Dataset:
    rng = np.random.default_rng(1)
    ground = 0.25 + 0.03 * rng.standard_normal((SIDE, SIDE))
    first = datetime(2021, 1, 3, 8, tzinfo=UTC)
    layers = []
    for number in range(DATES):
        bands = {
            name: (ground + 0.01 * rng.standard_normal((SIDE, SIDE))).astype(np.float32)
            for name in ("blue", "green", "red", "nir")
        }
        bands["red"][rng.random((SIDE, SIDE)) < 0.02] = np.nan
        layers.append(Layer(first + timedelta(days=9 * number), f"s{number}", "sentinel-2a", 78, bands))
    return build_stack(layers, GEOBOX, sensor="sentinel-2", key="sentinel-2")


def _objects() -> list[ClaimedObject]:
    rng = np.random.default_rng(2)
    found = []
    for number in range(OBJECTS):
        x, y = 600_000 + rng.uniform(300, 1700), 3_900_000 - rng.uniform(300, 1700)
        outline = Geometry(Point(x, y).buffer(rng.uniform(8, 40)).simplify(0.5), GEOBOX.crs).to_crs("EPSG:4326")
        ring = tuple((float(a), float(b)) for a, b in outline.exterior.points[:-1])
        found.append(ClaimedObject(name=f"object {number}", polygon=ring))
    return found


def timed() -> list[str]:
    """Rows of a table; everything is compiled beforehand by a run on one object."""
    stack, objects = _stack(), _objects()
    question = Question("destroyed", Period(first=date(2023, 9, 1), last=date(2023, 12, 31)), PERIODS)
    assess(objects[:1], question, {"sentinel-2": stack})
    detect_changes({"sentinel-2": stack}, PERIODS, DetectSpec())
    began = time.monotonic()
    findings, smallest = assess(objects, question, {"sentinel-2": stack})
    middle = time.monotonic()
    detect_changes({"sentinel-2": stack}, PERIODS, DetectSpec())
    end = time.monotonic()
    least = min(len(finding.places) for finding in findings)
    return [
        f"{OBJECTS} objects, {SIDE * 10 / 1000:g} km × {SIDE * 10 / 1000:g} km, {DATES} dates of four bands, at least "
        f"{least} controls each, the site's detection limit ({smallest:g} m) among it: {middle - began:.1f} s; the "
        f"change map of the site {end - middle:.1f} s.",
    ]
