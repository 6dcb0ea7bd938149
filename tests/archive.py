"""A tiny static STAC archive whose every pixel is known."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds

LEFT, TOP, SIZE = 600_000.0, 3_900_000.0, 80
"""Corner (EPSG:32637) and pixels a side of every raster."""
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")


@dataclass
class Shot:
    """One acquisition to write."""

    day: str
    bands: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Digital numbers by band; a band may also be one number."""
    scl: NDArray[np.uint8] | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    sensor: str = "sentinel-2"
    epsg: int = 32637
    time: str = "08:12:31"

    @property
    def id(self) -> str:
        return f"{self.sensor}-{self.day}-{self.properties.get('sat:relative_orbit', 'x')}"


def ground(seed: int = 1) -> NDArray[np.float64]:
    """A still ground: smooth reflectance with texture, (y, x)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    return 0.25 + 0.05 * np.sin(x / 7) * np.cos(y / 11) + 0.02 * rng.standard_normal((SIZE, SIZE))


def shot(day: str, reflectance: NDArray[np.float64], noise: int = 0, **more: Any) -> Shot:
    """A Sentinel-2 acquisition of a reflectance, the same in each band but for its level."""
    rng = np.random.default_rng(noise)
    bands = {
        band: np.round((reflectance * (0.7 + 0.1 * i) + 0.004 * rng.standard_normal(reflectance.shape)) * 10_000)
        for i, band in enumerate(BANDS)
    }
    return Shot(day, bands, np.full(reflectance.shape, 5, np.uint8), **more)


def write_archive(folder: Path, shots: Iterable[Shot]) -> Path:
    """Write COGs, items and ``catalog.json``; returns the path of the catalogue."""
    folder.mkdir(parents=True, exist_ok=True)
    links: list[dict[str, str]] = [{"rel": "root", "href": "./catalog.json"}]
    for one in shots:
        (folder / one.id).mkdir(exist_ok=True)
        assets = {}
        layers = {**one.bands, **({} if one.scl is None else {"scl": one.scl})}
        for band, values in layers.items():
            dtype = "uint8" if band == "scl" else "float32" if one.sensor == "sentinel-1" else "uint16"
            write_cog(folder / one.id / f"{band}.tif", np.broadcast_to(values, (SIZE, SIZE)).astype(dtype), one.epsg)
            raster: dict[str, Any] = {"data_type": dtype, "nodata": "nan" if dtype == "float32" else 0}
            if dtype == "uint16":
                raster |= {"scale": 0.0001, "offset": one.properties.get("offset", 0)}
            assets[band] = {
                "href": f"./{band}.tif",
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                "roles": ["data"],
                "raster:bands": [raster],
            }
        item = _item(one, assets)
        (folder / one.id / f"{one.id}.json").write_text(json.dumps(item))
        links.append({"rel": "item", "href": f"./{one.id}/{one.id}.json"})
    catalogue = {"type": "Catalog", "id": "tiny", "stac_version": "1.1.0", "description": "tiny", "links": links}
    (folder / "catalog.json").write_text(json.dumps(catalogue))
    return folder / "catalog.json"


def _item(one: Shot, assets: dict[str, Any]) -> dict[str, Any]:
    west, south, east, north = footprint()
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": one.id,
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
        },
        "bbox": [west, south, east, north],
        "properties": {
            "datetime": f"{one.day}T{one.time}Z",
            "constellation": one.sensor,
            "platform": f"{one.sensor}a",
            **{name: value for name, value in one.properties.items() if name != "offset"},
        },
        "links": [{"rel": "root", "href": "../catalog.json"}],
        "assets": assets,
    }


def write_cog(path: Path, values: NDArray[Any], epsg: int = 32637) -> None:
    profile = {
        "driver": "COG",
        "height": values.shape[0],
        "width": values.shape[1],
        "count": 1,
        "dtype": values.dtype.name,
        "crs": f"EPSG:{epsg}",
        "transform": from_origin(LEFT, TOP, 10, 10),
        "nodata": float("nan") if values.dtype.kind == "f" else 0,
        "compress": "deflate",
        "blocksize": 128,
    }
    with rasterio.open(path, "w", **profile) as target:
        target.write(values, 1)


def footprint() -> tuple[float, float, float, float]:
    """West, south, east, north of every raster."""
    reach = 10.0 * SIZE
    west, south, east, north = transform_bounds("EPSG:32637", "EPSG:4326", LEFT, TOP - reach, LEFT + reach, TOP)
    return west, south, east, north


def site_yaml(folder: Path, catalogue: str, *, before: str, after: str, more: str = "") -> Path:
    """A site file for the middle of the archive."""
    west, south, east, north = footprint()
    path = folder / "site.yaml"
    path.write_text(
        f"id: tiny\nname: Tiny site\narea:\n  center: [{(west + east) / 2:.6f}, {(south + north) / 2:.6f}]\n"
        f"  radius: 300\nsource:\n  kind: stac\n  catalog: {catalogue}\n"
        f"before: {before}\nafter: {after}\n" + (more or "sensors:\n  sentinel-2: {}\n")
    )
    return path


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
