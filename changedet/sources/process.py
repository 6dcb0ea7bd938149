"""Sentinel Hub's Process API: request bodies built by the sentinelhub library, tiles of the grid, and their cost."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window as RasterWindow

from changedet.scene import Scene
from changedet.sources.allowed import RASTER_DRIVERS
from changedet.sources.windows import gdal, huge_blocks
from changedet.store import Entry, Store

MAX_SIDE = 2500
"""Pixels a side that one request may ask for."""
AROUND = timedelta(minutes=11)
"""Time around an acquisition that a request asks for: all products of the pass, and no other pass."""
Bits = Literal[16, 32]
"""Bits of a pixel of optical bands in an answer."""
EVALSCRIPTS = Path(__file__).parent / "evalscripts"
_DEFINING = threading.Lock()
"""Sixteen downloads begin at once, and a cache alone lets two of them define the same name."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of the grid, small enough for one request."""

    geobox: GeoBox
    row: int
    column: int


def tiles(geobox: GeoBox) -> tuple[Tile, ...]:
    """The grid in parts of at most ``MAX_SIDE`` pixels a side, on the same pixels."""
    height, width = geobox.shape
    return tuple(
        Tile(geobox[row : min(row + MAX_SIDE, height), column : min(column + MAX_SIDE, width)], row, column)
        for row in range(0, height, MAX_SIDE)
        for column in range(0, width, MAX_SIDE)
    )


def process_body(scene: Scene, geobox: GeoBox, collection: str, base: str, bits: Bits = 32) -> dict[str, Any]:
    """The body of a Process request for one acquisition on one part of the grid; radar always comes in 32 bits."""
    from sentinelhub.api.process import SentinelHubRequest
    from sentinelhub.constants import CRS, MimeType
    from sentinelhub.geometry import BBox

    box = geobox.boundingbox
    epsg = geobox.crs.to_epsg() if geobox.crs is not None else None
    height, width = geobox.shape
    name = "sentinel-2-uint16.js" if (scene.sensor, bits) == ("sentinel-2", 16) else f"{scene.sensor}.js"
    data = SentinelHubRequest.input_data(
        _collection(collection, base),
        time_interval=(_naive(scene.time - AROUND), _naive(scene.time + AROUND)),
        other_args=_processing(scene),
    )
    request = SentinelHubRequest(
        evalscript=(EVALSCRIPTS / name).read_text("utf-8"),
        input_data=[data],
        responses=[SentinelHubRequest.output_response("default", MimeType.TIFF)],
        bbox=BBox((box.left, box.bottom, box.right, box.top), CRS(str(epsg))),
        size=(width, height),
        config=_config(base),
    )
    # as plain JSON: the library's own dictionary types end here
    body: dict[str, Any] = json.loads(json.dumps(request.download_list[0].post_values))
    for response in body["output"]["responses"]:
        # "default" is what is meant when none is named, and the published schema does not allow it to be written
        response.pop("identifier", None)
    return body


def _processing(scene: Scene) -> dict[str, Any]:
    if scene.sensor == "sentinel-2":
        return {"processing": {"harmonizeValues": True, "upsampling": "BICUBIC"}}
    filters = {"orbitDirection": scene.orbit_direction.upper()} if scene.orbit_direction else {}
    return {
        "dataFilter": {**filters, "acquisitionMode": "IW", "polarization": "DV"},
        "processing": {
            "backCoeff": "GAMMA0_TERRAIN",
            "orthorectify": True,
            "demInstance": "COPERNICUS_30",
            "upsampling": "BILINEAR",
        },
    }


def _collection(collection: str, base: str) -> Any:
    """The library's collection of one host; its global enumeration takes each name only once."""
    with _DEFINING:
        return _defined(collection, base)


@lru_cache(maxsize=8)
def _defined(collection: str, base: str) -> Any:
    from sentinelhub.data_collections import DataCollection

    known = {"sentinel-2-l2a": DataCollection.SENTINEL2_L2A, "sentinel-1-grd": DataCollection.SENTINEL1_IW}
    name = re.sub(r"\W", "_", f"CHANGEDET_{collection}_{base}").upper()
    return known[collection].define_from(name, service_url=base)


def _config(base: str) -> Any:
    from sentinelhub.config import SHConfig

    return SHConfig(use_defaults=True, sh_base_url=base)


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def units(scene: Scene, geobox: GeoBox, bits: Bits = 32) -> float:
    """Processing units of one request, as Sentinel Hub counts them.

    One unit is 512 × 512 pixels of three bands at 16 bits; ``dataMask`` is not counted, 32 bits count double, and so
    does orthorectification. An area counts as at least 0.01, a request as at least 0.005. (Sentinel Hub documentation,
    "Processing unit")
    """
    height, width = geobox.shape
    bands, weight = (7, bits / 16) if scene.sensor == "sentinel-2" else (2, 4.0)
    return max(0.005, max(0.01, height * width / 512**2) * bands / 3 * weight)


def trouble(content: bytes, geobox: GeoBox, bands: int) -> str | None:
    """What is wrong with an answer: not the raster that was asked for, or pixels that cannot be read; None if nothing.

    Every pixel is read, so that a file cut short on the server's side never enters the cache.
    """
    try:
        with (
            gdal(),
            # a name of ours: the library's own is drawn at random, and errors repeat it
            MemoryFile(content, filename="answer.tif") as memory,
            memory.open(driver=RASTER_DRIVERS[0]) as file,
        ):
            if (file.count, *file.shape) != (bands, *geobox.shape):
                return f"the TIFF has {file.count} bands of {file.shape} pixels, not {bands} of {tuple(geobox.shape)}"
            if claims := huge_blocks(file):
                return claims
            file.read()
    except RasterioError as error:
        return f"the TIFF is damaged or cut short ({str(error).splitlines()[0][:200]})"
    return None


def mosaic(entries: Sequence[Entry], parts: Sequence[Tile], geobox: GeoBox, store: Store, scene: str) -> Entry:
    """The answers of several tiles as one file on the whole grid."""
    request = {"mosaic": [entry.sha256 for entry in entries], "shape": list(geobox.shape)}
    found = store.get(request)
    if found is not None:
        return found

    def write(path: Path) -> None:
        with gdal(), rasterio.open(entries[0].path) as first:
            profile = {**first.profile, "driver": "GTiff", "height": geobox.shape[0], "width": geobox.shape[1]}
        profile |= {"transform": geobox.transform, "tiled": True, "blockxsize": 256, "blockysize": 256}
        # in memory first: GDAL does not say that a disk is full, and a short file would pass for the answer
        with gdal(), MemoryFile() as memory:
            with memory.open(**profile) as target:
                for entry, part in zip(entries, parts, strict=True):
                    height, width = part.geobox.shape
                    with rasterio.open(entry.path) as source:
                        target.write(source.read(), window=RasterWindow(part.column, part.row, width, height))
            path.write_bytes(memory.getbuffer())

    return store.put(request, write, scene=scene, asset="mosaic")
