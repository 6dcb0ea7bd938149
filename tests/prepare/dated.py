"""Dates of a small textured site, as layers: clouds, wrong offsets and shifts where they are wanted."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from changedet.site import Period, SensorSpec, Site
from changedet.stack import Layer, band_names, build_stack
from changedet.values import SourceConfig

SIDE = 48
GRID = GeoBox.from_bbox((600_000, 3_900_000, 600_480, 3_900_480), "EPSG:32637", resolution=10)
LEVELS = {"red": 0.30, "nir": 0.36}
CLEAR, CLOUD = 5, 9


def site() -> Site:
    west, south, east, north = GRID.extent.to_crs("EPSG:4326").boundingbox
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return Site(
        id="tiny",
        name="Tiny",
        ring=ring,
        source=SourceConfig(kind="stac"),
        sensors={"sentinel-2": SensorSpec()},
        before=Period(first=date(2022, 1, 1), last=date(2022, 6, 30)),
        after=Period(first=date(2022, 7, 1), last=date(2022, 12, 31)),
    )


def layer(number: int, *, offset: float = 0.0, shift: float = 0.0, cloud: int = 0, roof: bool = False) -> Layer:
    """Textured ground ten days after the one before; ``cloud`` columns are hidden, a roof is called cloud."""
    texture = ndimage.gaussian_filter(np.random.default_rng(4).uniform(-1, 1, (SIDE, SIDE)), 1.5)
    noise = 0.002 * np.random.default_rng(number).standard_normal((SIDE, SIDE))
    moved = ndimage.shift(texture, (shift, shift / 2), mode="nearest")
    bands: dict[str, NDArray[np.float32]] = {
        name: (level * (1 + moved) + noise + offset).astype(np.float32) for name, level in LEVELS.items()
    }
    scl = np.full((SIDE, SIDE), CLEAR, np.uint8)
    scl[:, :cloud] = CLOUD
    if roof:
        scl[40:42, 40:42] = CLOUD
    day = datetime(2022, 1, 1) + timedelta(days=10 * number)
    return Layer(day, f"scene-{number}", "sentinel-2a", 7, bands, scl)


def stack_of(layers: list[Layer]) -> xr.Dataset:
    return build_stack(layers, GRID, sensor="sentinel-2", key="sentinel-2")


def radar(number: int) -> Layer:
    rng = np.random.default_rng(number)
    bands = {name: rng.gamma(4, 0.05, (SIDE, SIDE)).astype(np.float32) for name in ("vv", "vh")}
    return Layer(datetime(2022, 1, 1) + timedelta(days=12 * number), f"pass-{number}", "sentinel-1a", 21, bands)


def assert_same(parts: list[xr.Dataset], whole: xr.Dataset) -> None:
    """The parts behind each other are the whole, value by value, to the last bit."""
    parts = [part for part in parts if part.sizes["time"]]
    assert sum(part.sizes["time"] for part in parts) == whole.sizes["time"]
    for name in (*band_names(whole), "valid", *whole.coords):
        if "time" not in whole[name].dims:
            assert all(part[name].equals(whole[name]) for part in parts)
            continue
        found = np.concatenate([part[name].values for part in parts])
        assert found.dtype == whole[name].dtype, name
        np.testing.assert_array_equal(found, whole[name].values, err_msg=str(name))
