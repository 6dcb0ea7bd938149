"""Writes the simulated archive: COGs, a static STAC catalogue, ``truth.geojson`` and ``site.yaml``."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pystac
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import box

from changedet.errors import OutputError
from changedet.scene import OPTICAL_BANDS
from changedet.simulate import optical, radar
from changedet.simulate.scenario import (
    EPSG,
    NEW_BASELINE,
    RADAR_ORBITS,
    Pass,
    Simulation,
    optical_passes,
    radar_passes,
)
from changedet.simulate.surface import Surface, Terrain
from changedet.simulate.truth import SITE_NAME, claim_yaml, site_yaml, truth_features

Progress = Callable[[int, int], None]
"""Called with the scenes done and the scenes in all; never from two threads at once."""
SIMULATOR = 3
"""To be raised whenever the same simulation would give other bytes than before."""
WORKERS = 2
LICENCE_NOTE = "Simulated from random numbers by changedet; no real imagery, no evidence of anything."
MEDIA_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
COLLECTIONS = {"sentinel-2": "sentinel-2-l2a", "sentinel-1": "sentinel-1-rtc"}
BAND_NAMES = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11", "swir22": "B12"}
EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "https://stac-extensions.github.io/sat/v1.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
]


def write_archive(folder: Path, simulation: Simulation, progress: Progress | None = None) -> Path:
    """Simulate all scenes into ``folder`` and return the path of its ``catalog.json``, which is written last.

    Beside it: ``site.yaml``, ``truth.geojson``, and a folder a collection. The same simulation gives the same bytes;
    where it already lies in the folder, nothing is done, and another simulation in the folder is replaced.

    Raises
    ------
    OutputError
        If the folder cannot be written or holds a catalogue that is not a simulation of this package.
    """
    folder = folder.absolute()
    catalog = folder / "catalog.json"
    try:
        if catalog.exists():
            if _fingerprint_of(catalog) == fingerprint(simulation):
                return catalog
            catalog.unlink()
            for name in COLLECTIONS.values():
                shutil.rmtree(folder / name, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        items = _Writer(folder, simulation, progress).write_scenes()
        (folder / "truth.geojson").write_text(_json(truth_features(simulation)), encoding="utf-8")
        (folder / "site.yaml").write_text(site_yaml(simulation), encoding="utf-8")
        claim = claim_yaml(simulation)
        (folder / "claim.yaml").unlink(missing_ok=True)
        if claim is not None:
            (folder / "claim.yaml").write_text(claim, encoding="utf-8")
        return _write_catalogue(folder, simulation, items)
    except OSError as error:
        raise OutputError(f"{folder}: the simulated archive cannot be written: {error}") from error


def fingerprint(simulation: Simulation) -> str:
    """SHA-256 over all that decides the bytes of an archive."""
    return hashlib.sha256(f"{SIMULATOR} {simulation!r}".encode()).hexdigest()


def _fingerprint_of(catalog: Path) -> str:
    """The fingerprint that a catalogue of ours carries."""
    try:
        content = json.loads(catalog.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("changedet:fingerprint"), str):
        raise OutputError(f"{catalog}: is not a simulated catalogue and is left alone; choose another folder")
    return str(content["changedet:fingerprint"])


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


class _Writer:
    """Renders and writes the scenes, one state of the ground after the other so that only one is in memory."""

    def __init__(self, folder: Path, simulation: Simulation, progress: Progress | None) -> None:
        self._folder, self._simulation, self._progress = folder, simulation, progress
        self._terrain = Terrain(simulation)
        wanted = simulation.sensors
        self._optical = optical_passes(simulation) if "sentinel-2" in wanted else ()
        self._tracks = radar_passes(simulation) if "sentinel-1" in wanted else ()
        self._total = len(self._optical) + sum(len(track) for track in self._tracks)
        self._done = 0
        self._lock = Lock()

    def write_scenes(self) -> list[pystac.Item]:
        simulation = self._simulation
        days = sorted({simulation.start, *(event.on for event in simulation.all_events)})
        tracks = [radar.Track(simulation, self._terrain, orbit, direction) for orbit, direction, *_ in RADAR_ORBITS]
        items: list[pystac.Item] = []
        with ThreadPoolExecutor(WORKERS) as pool:
            for first, end in zip(days, [*days[1:], simulation.end], strict=True):

                def current(p: Pass, first: Any = first, end: Any = end) -> bool:
                    return bool(first <= p.time.date() < end)

                optical_now = [p for p in self._optical if current(p)]
                tracks_now = [[p for p in track if current(p)] for track in self._tracks]
                if not (optical_now or any(tracks_now)):
                    continue
                surface = self._terrain.at(first)
                jobs = [
                    pool.submit(self._radar, surface, track, passes)
                    for track, passes in zip(tracks, tracks_now, strict=False)
                ]
                jobs += [pool.submit(self._optical_scene, surface, p) for p in optical_now]
                items += [item for job in jobs for item in job.result()]
        return sorted(items, key=lambda item: (str(item.datetime), item.id))

    def _radar(self, surface: Surface, track: radar.Track, passes: list[Pass]) -> list[pystac.Item]:
        items = []
        for p in passes:
            bands = track.render(surface, p)
            items.append(self._item(p, bands, None))
        return items

    def _optical_scene(self, surface: Surface, p: Pass) -> list[pystac.Item]:
        bands, seen = optical.render(self._simulation, self._terrain, surface, p)
        return [self._item(p, bands, seen)]

    def _item(self, p: Pass, bands: Mapping[str, NDArray], seen: optical.Conditions | None) -> pystac.Item:
        folder = self._folder / COLLECTIONS[p.sensor] / p.id
        folder.mkdir(parents=True, exist_ok=True)
        item = _bare_item(self._simulation, p, bands, seen)
        for name, image in bands.items():
            path = folder / f"{name}.tif"
            pixel = optical.RESOLUTION.get(name, 10)
            write_cog(path, image, Affine(*_transform(self._simulation, pixel)))
            item.add_asset(name, _asset(path, name, image, p, self._simulation))
        with self._lock:
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, self._total)
        return item


def write_cog(path: Path, image: NDArray, transform: Affine) -> None:
    """One band as a tiled, deflate-compressed COG in EPSG:32637; SCL with nearest overviews."""
    integer = np.issubdtype(image.dtype, np.integer)
    options = {
        "driver": "COG",
        "blocksize": 128,
        "compress": "deflate",
        "predictor": "standard" if integer else "floating_point",
        "overview_resampling": "nearest" if image.dtype == np.uint8 else "average",
        "num_threads": 1,
    }
    rows, columns = image.shape
    with rasterio.open(
        path,
        "w",
        width=columns,
        height=rows,
        count=1,
        dtype=image.dtype,
        crs=f"EPSG:{EPSG}",
        transform=transform,
        nodata=0 if integer else float("nan"),
        **options,
    ) as target:
        target.write(image, 1)


def _bare_item(
    simulation: Simulation, p: Pass, bands: Mapping[str, NDArray], seen: optical.Conditions | None
) -> pystac.Item:
    west, north = simulation.origin
    square = box(west, north - simulation.size_m, west + simulation.size_m, north)
    to_geographic = Transformer.from_crs(f"EPSG:{EPSG}", "EPSG:4326", always_xy=True)
    ring = [[round(v, 7) for v in to_geographic.transform(x, y)] for x, y in square.exterior.coords]
    lons, lats = [point[0] for point in ring], [point[1] for point in ring]
    side = simulation.size_m // 10
    properties: dict[str, Any] = {
        "platform": p.platform,
        "constellation": p.sensor,
        "instruments": ["msi" if p.sensor == "sentinel-2" else "c-sar"],
        "sat:relative_orbit": p.relative_orbit,
        "sat:orbit_state": p.direction,
        "proj:code": f"EPSG:{EPSG}",
        "proj:shape": [side, side],
        "proj:transform": _transform(simulation, 10),
        "gsd": 10,
        "license": "other",
        "changedet:simulated": True,
        "changedet:note": LICENCE_NOTE,
    }
    if seen is not None:
        scl = bands["scl"]
        cloudy = np.isin(scl, (8, 9, 10))
        properties |= {
            "processing:level": "L2A",
            "s2:processing_baseline": p.baseline,
            "s2:product_uri": f"{p.id}_N{p.baseline.replace('.', '')}",
            "eo:cloud_cover": round(100 * float(cloudy.mean()), 2),
            "view:sun_azimuth": round(seen.sun_azimuth, 2),
            "view:sun_elevation": round(seen.sun_elevation, 2),
            "changedet:shift_m": [round(shift, 3) for shift in seen.shift],
        }
    else:
        properties |= {
            "processing:level": "RTC",
            "sar:instrument_mode": "IW",
            "sar:frequency_band": "C",
            "sar:polarizations": ["VV", "VH"],
            "sar:product_type": "RTC",
            "sar:looks_equivalent_number": 4.4,
        }
    item = pystac.Item(
        p.id,
        {"type": "Polygon", "coordinates": [ring]},
        [min(lons), min(lats), max(lons), max(lats)],
        p.time,
        properties,
    )
    item.stac_extensions = list(EXTENSIONS)
    return item


def _transform(simulation: Simulation, pixel: int) -> list[float]:
    west, north = simulation.origin
    return [float(pixel), 0.0, west, 0.0, -float(pixel), north]


def _asset(path: Path, name: str, image: NDArray, p: Pass, simulation: Simulation) -> pystac.Asset:
    content = path.read_bytes()
    raster: dict[str, Any] = {"data_type": str(image.dtype), "nodata": 0 if image.dtype != np.float32 else "nan"}
    extra: dict[str, Any] = {}
    pixel = optical.RESOLUTION.get(name, 10)
    if name in OPTICAL_BANDS:
        raster |= {"scale": 0.0001, "offset": -0.1 if p.baseline >= NEW_BASELINE else 0.0}
        extra["eo:bands"] = [{"name": BAND_NAMES[name], "common_name": name}]
    raster["spatial_resolution"] = pixel
    extra |= {
        "raster:bands": [raster],
        "gsd": pixel,
        "proj:shape": list(image.shape),
        "proj:transform": _transform(simulation, pixel),
        "file:checksum": "1220" + hashlib.sha256(content).hexdigest(),
        "file:size": len(content),
    }
    return pystac.Asset(str(path), media_type=MEDIA_TYPE, roles=["data"], extra_fields=extra)


def _write_catalogue(folder: Path, simulation: Simulation, items: list[pystac.Item]) -> Path:
    catalog = pystac.Catalog(
        "changedet-simulation",
        f"{SITE_NAME}. {LICENCE_NOTE}",
        extra_fields={"changedet:simulated": True, "changedet:fingerprint": fingerprint(simulation)},
    )
    for sensor in simulation.sensors:
        mine = [item for item in items if item.properties["constellation"] == sensor]
        if not mine:
            continue
        times: list[datetime | None] = [mine[0].datetime, mine[-1].datetime]
        extent = pystac.Extent(pystac.SpatialExtent([list(mine[0].bbox or ())]), pystac.TemporalExtent([times]))
        collection = pystac.Collection(
            COLLECTIONS[sensor],
            f"Simulated {sensor} scenes. {LICENCE_NOTE}",
            extent,
            license="other",
            extra_fields={"changedet:simulated": True},
        )
        collection.add_items(mine)
        catalog.add_child(collection)
    catalog.normalize_hrefs(str(folder), strategy=None)
    catalog.make_all_asset_hrefs_relative()
    catalog.save(pystac.CatalogType.SELF_CONTAINED)
    return folder / "catalog.json"
