"""Reads just the native pixels over the site, as the provider stores them, into the cache."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.session import DummySession
from rasterio.windows import Window as RasterWindow
from rasterio.windows import from_bounds

from changedet.sources.allowed import GDAL_OPTIONS, MAX_BLOCK_BYTES, MAX_SIDE, RASTER_DRIVERS

MARGIN = 8
"""Native pixels kept around the site, for resampling and co-registration."""
ROWS = 1024

Opener = Callable[[str, str], IO[bytes]]


class UnreadableRasterError(ValueError):
    """The raster cannot be used, with the reason in plain words."""


def gdal() -> rasterio.Env:
    """The settings under which rasters are read, and no account.

    rasterio would take that of an object store from the environment (``AWS_ACCESS_KEY_ID``), and open a session of it
    for each raster: a key has no business there, and a third of the time of a worker went into it.
    """
    return rasterio.Env(DummySession(), **GDAL_OPTIONS)


_FILE_SYSTEMS = threading.Lock()
"""Held while files are opened and closed; pixels are read without it.

rasterio adds a file system to GDAL's list for each file that Python opens, and GDAL looks names up in that list without
a lock of its own: threads that did both have crashed a process (https://github.com/rasterio/rasterio/issues/3636).
"""


@contextmanager
def _one_at_a_time(opening: Callable[[], Any]) -> Iterator[Any]:
    """What is opened, and closed at the end, while no other thread does either."""
    with _FILE_SYSTEMS:
        opened = opening()
    try:
        yield opened
    finally:
        with _FILE_SYSTEMS:
            opened.close()


def copy_window(address: str, band: int, geobox: GeoBox, target: Path, opener: Opener | None) -> None:
    """Write the native pixels of one band over the grid, with a margin, to a tiled GeoTIFF.

    Digital numbers, CRS and nodata are those of the file; nothing is resampled.

    Raises
    ------
    UnreadableRasterError
        Not a GeoTIFF, no georeference, implausible header, no overlap with the site, or damaged pixels.
    """
    try:
        with (
            gdal(),
            _one_at_a_time(lambda: rasterio.open(address, driver=RASTER_DRIVERS[0], opener=opener)) as source,
        ):
            _check(source, band)
            window = _window(source, geobox)
            _copy(source, band, window, target)
    except RasterioError as error:
        raise UnreadableRasterError(_plain(error)) from error
    except (ValueError, MemoryError) as error:
        if isinstance(error, UnreadableRasterError):
            raise
        raise UnreadableRasterError(f"the file is not a readable GeoTIFF ({error})") from error


def estimate_bytes(geobox: GeoBox, resolution: float, bytes_per_pixel: int = 2) -> int:
    """Decoded bytes of one band's window at a native resolution in metres."""
    height, width = geobox.shape
    cell = abs(float(geobox.resolution.x))
    rows = height * cell / resolution + 2 * MARGIN
    columns = width * cell / resolution + 2 * MARGIN
    return int(rows * columns * bytes_per_pixel)


def _plain(error: RasterioError) -> str:
    text = str(error)
    if "not recognized as being in a supported file format" in text:
        return "the file is not a GeoTIFF"
    if "No such file" in text:
        return "there is no such file"
    return f"the GeoTIFF is damaged or cut short ({text.splitlines()[0][:200]})"


def huge_blocks(source: Any) -> str | None:
    """What is wrong with the blocks that a header claims: reading one pixel decodes a whole block; None if nothing."""
    for (rows, columns), dtype in zip(source.block_shapes, source.dtypes, strict=True):
        if rows * columns * np.dtype(dtype).itemsize > MAX_BLOCK_BYTES:
            return f"the header claims blocks of {columns} × {rows} pixels"
    return None


def _check(source: Any, band: int) -> None:
    if max(source.width, source.height) > MAX_SIDE:
        raise UnreadableRasterError(f"the header claims {source.width} × {source.height} pixels")
    if not 1 <= band <= source.count:
        raise UnreadableRasterError(f"band {band} was asked for, the file has {source.count}")
    if claims := huge_blocks(source):
        raise UnreadableRasterError(claims)
    if source.crs is None:
        raise UnreadableRasterError(
            "the file has no map projection; ground range products (GRD) must be terrain-corrected first, "
            "use a collection such as sentinel-1-rtc"
        )


def _window(source: Any, geobox: GeoBox) -> RasterWindow:
    bounds = geobox.extent.to_crs(source.crs, resolution=geobox.resolution.x * 16, check_and_fix=True).boundingbox
    exact = from_bounds(bounds.left, bounds.bottom, bounds.right, bounds.top, source.transform)
    col, row = int(np.floor(exact.col_off)) - MARGIN, int(np.floor(exact.row_off)) - MARGIN
    right = int(np.ceil(exact.col_off + exact.width)) + MARGIN
    bottom = int(np.ceil(exact.row_off + exact.height)) + MARGIN
    col, row = max(col, 0), max(row, 0)
    right, bottom = min(right, source.width), min(bottom, source.height)
    if right <= col or bottom <= row:
        raise UnreadableRasterError("the file does not cover the site")
    return RasterWindow(col, row, right - col, bottom - row)


def _copy(source: Any, band: int, window: RasterWindow, target: Path) -> None:
    dtype = source.dtypes[band - 1]
    profile = {
        "driver": "GTiff",
        "width": window.width,
        "height": window.height,
        "count": 1,
        "dtype": dtype,
        "crs": source.crs,
        "transform": source.window_transform(window),
        "nodata": source.nodata,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
        "predictor": 3 if dtype.startswith("float") else 2,
    }
    # in memory first: GDAL does not say that a disk is full, and a short file would pass for the answer
    with _one_at_a_time(MemoryFile) as memory:
        with _one_at_a_time(lambda: memory.open(**profile)) as kept:
            for row in range(0, window.height, ROWS):
                height = min(ROWS, window.height - row)
                part = RasterWindow(window.col_off, window.row_off + row, window.width, height)
                pixels = source.read(band, window=part)
                kept.write(pixels, 1, window=RasterWindow(0, row, window.width, height))
        with _FILE_SYSTEMS:
            content = memory.getbuffer()
        target.write_bytes(content)
