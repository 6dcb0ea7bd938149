"""Stacks of noise for the tests of single objects, with or without a step at a known place and date."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from changedet.claim import ClaimedObject
from changedet.site import Period
from changedet.stack import Layer, Periods, build_stack

SIDE = 110
GEOBOX = GeoBox((SIDE, SIDE), Affine(10, 0, 600_000, 0, -10, 3_900_000), "EPSG:32637")
PERIODS = Periods(
    Period(first=date(2023, 1, 1), last=date(2024, 3, 31)), Period(first=date(2024, 4, 1), last=date(2024, 12, 31))
)
ROWS, COLUMNS = slice(53, 57), slice(53, 57)
"""Of the object: 40 m × 40 m in the middle."""
CLEAR = 0.30
"""What the object reflects more than the ground."""


def corners() -> tuple[tuple[float, float], ...]:
    back = Transformer.from_crs("EPSG:32637", "EPSG:4326", always_xy=True)
    left, right, top, low = 600_530, 600_570, 3_899_470, 3_899_430
    return tuple(back.transform(x, y) for x, y in ((left, top), (right, top), (right, low), (left, low)))


OBJECT = ClaimedObject(name="depot", kind="fuel depot", polygon=corners())


def stack(
    seed: int,
    gone: date | None,
    *,
    every: int = 10,
    hidden: tuple[date, date] | None = None,
    left: float = 0.0,
) -> xr.Dataset:
    """Optical: flat textured ground, a bright object that vanishes on a day; hidden from it between two days.

    ``left`` is what it reflects more than the ground after that day.
    """
    rng = np.random.default_rng(seed)
    texture = 0.25 + 0.02 * rng.standard_normal((SIDE, SIDE))
    layers = []
    day = date(2023, 1, 3)
    while day < date(2025, 1, 1):
        common = 0.01 * rng.standard_normal()
        bands = {}
        for b, name in enumerate(("red", "nir")):
            image = texture * (1 + 0.2 * b) + common + 0.01 * rng.standard_normal((SIDE, SIDE))
            image[ROWS, COLUMNS] += CLEAR if gone is None or day < gone else left
            if hidden is not None and hidden[0] <= day <= hidden[1]:
                image[40:70, 40:70] = np.nan
            bands[name] = image.astype(np.float32)
        moment = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
        layers.append(Layer(moment, f"s2-{day}", "sentinel-2a", 78, bands))
        day += timedelta(days=every)
    return build_stack(layers, GEOBOX, sensor="sentinel-2", key="sentinel-2")


def radar_stack(seed: int, when: date, louder: float) -> xr.Dataset:
    """Speckle of 12 looks, and an object whose echo grows by some decibels on a day."""
    rng = np.random.default_rng(seed)
    layers = []
    day = date(2023, 1, 5)
    while day < date(2025, 1, 1):
        bands = {}
        for name, level in (("vv", 0.1), ("vh", 0.02)):
            image = level * rng.gamma(12, 1 / 12, (SIDE, SIDE))
            image[ROWS, COLUMNS] *= 2 if day < when else 2 * 10 ** (louder / 10)
            bands[name] = image.astype(np.float32)
        moment = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
        layers.append(Layer(moment, f"s1-{day}", "sentinel-1a", 21, bands))
        day += timedelta(days=12)
    return build_stack(layers, GEOBOX, sensor="sentinel-1", key="sentinel-1-orbit-021")
