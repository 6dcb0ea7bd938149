"""From windows on disk to a Stack on the one grid of the site, through odc-stac."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import odc.stac
import pystac
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning

from changedet import scratch
from changedet.errors import ServiceError
from changedet.scene import CLASSIFICATION, Scene
from changedet.sources import Fetched, Window
from changedet.sources.windows import gdal
from changedet.stack import Layer

WORKERS = 4
RESAMPLING = "cubic"
Resampled = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Pass:
    """The scenes of one sensor that belong to one solar day and orbit: one date of a stack."""

    day: date
    relative_orbit: int
    scenes: tuple[Fetched, ...]


def solar_day(scene: Scene) -> date:
    """The day by the sun at the scene's middle longitude, so that one pass is never split by midnight UTC."""
    longitudes = [lon for lon, _ in scene.footprint] or [0.0]
    middle = (min(longitudes) + max(longitudes)) / 2
    return (scene.time + timedelta(hours=middle / 15)).date()


def passes(fetched: Iterable[Fetched]) -> tuple[Pass, ...]:
    """Group scenes by solar day and relative orbit, in order of time."""
    groups: dict[tuple[date, int], list[Fetched]] = {}
    for one in fetched:
        key = (solar_day(one.scene), -1 if one.scene.relative_orbit is None else one.scene.relative_orbit)
        groups.setdefault(key, []).append(one)
    return tuple(
        Pass(day, orbit, tuple(sorted(group, key=lambda f: (f.scene.time, f.scene.id))))
        for (day, orbit), group in sorted(groups.items())
    )


def layers(
    fetched: Iterable[Fetched], geobox: GeoBox, progress: Callable[[int, int], None] | None = None
) -> list[Layer]:
    """One layer per pass: physical values on the grid, NaN where no scene has data."""
    groups = passes(fetched)
    done = 0
    results: list[Layer] = []
    with warnings.catch_warnings(), ThreadPoolExecutor(WORKERS) as pool:
        # rasterio warns of the identity transform of its own in-memory target
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        for layer in pool.map(lambda group: layer_of(group, geobox), groups):
            results.append(layer)
            done += 1
            if progress is not None:
                progress(done, len(groups))
    return results


def layer_of(group: Pass, geobox: GeoBox) -> Layer:
    """Resample and fuse the scenes of one pass; where scenes overlap, the first in order of time wins."""
    names = [band for band in group.scenes[0].windows if all(band in one.windows for one in group.scenes)]
    bands: dict[str, NDArray[np.float32]] = {}
    scl: NDArray[np.uint8] | None = None
    for name in names:
        for one in group.scenes:
            with gdal():
                values = _resample(one, name, geobox)
            if name == CLASSIFICATION:
                classes = np.nan_to_num(values, nan=0).astype(np.uint8)
                scl = classes if scl is None else np.where(scl == 0, classes, scl)
            elif name not in bands:
                bands[name] = values
            else:
                np.copyto(bands[name], values, where=~np.isfinite(bands[name]))
        if name in bands:
            bands[name] = scratch.kept(bands[name])
    first = group.scenes[0].scene
    ids = [one.scene.id for one in group.scenes]
    return Layer(_naive(first.time), "+".join(ids), first.platform, group.relative_orbit, bands, scl)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _resample(fetched: Fetched, band: str, geobox: GeoBox) -> NDArray[np.float32]:
    window = fetched.windows[band]
    if window.on_grid:
        return _read(window, geobox, fetched.scene.id)
    item = _local_item(fetched.scene, band, window)
    loaded = odc.stac.load(
        [item],
        bands=[band],
        geobox=geobox,
        resampling="nearest" if band == CLASSIFICATION else RESAMPLING,
        dtype="float32",
        nodata=float("nan"),
        fail_on_error=True,
    )
    values: NDArray[np.float32] = loaded[band].values[0]
    if band != CLASSIFICATION:
        values *= np.float32(window.scale)
        values += np.float32(window.offset)
    return values


def _read(window: Window, geobox: GeoBox, scene: str) -> NDArray[np.float32]:
    """A band that lies on the grid already: physical values, NaN where there is none."""
    with rasterio.open(window.path, driver="GTiff") as source:
        if source.shape != tuple(geobox.shape):
            raise ServiceError(f"scene {scene}: the service answered {source.shape} pixels, not {tuple(geobox.shape)}")
        numbers = source.read(window.band)
    values: NDArray[np.float32] = numbers.astype(np.float32)
    if window.nodata is not None and not np.isnan(window.nodata):
        values[numbers == window.nodata] = np.nan
    return values * np.float32(window.scale) + np.float32(window.offset)


def _local_item(scene: Scene, band: str, window: Window) -> pystac.Item:
    """What odc-stac reads: an item whose one asset is the cached window."""
    ring = [list(point) for point in scene.footprint]
    lons, lats = [p[0] for p in ring], [p[1] for p in ring]
    raster: dict[str, Any] = {"data_type": "float32"}
    if window.nodata is not None:
        raster["nodata"] = "nan" if np.isnan(window.nodata) else window.nodata
    return pystac.Item(
        id="window",
        geometry={"type": "Polygon", "coordinates": [ring]},
        bbox=[min(lons), min(lats), max(lons), max(lats)],
        datetime=scene.time,
        properties={},
        stac_extensions=["https://stac-extensions.github.io/raster/v1.1.0/schema.json"],
        assets={
            band: pystac.Asset(
                str(window.path),
                media_type=pystac.MediaType.COG,
                roles=["data"],
                extra_fields={"raster:bands": [raster]},
            )
        },
    )
