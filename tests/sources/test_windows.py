"""Copying the native pixels over a site."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.session import Session
from rasterio.transform import from_origin

from changedet.sources.windows import MARGIN, copy_window

SITE = GeoBox((20, 30), Affine(10, 0, 600_200, 0, -10, 3_899_800), "EPSG:32637")
"""20 pixels below and right of the corner of the scene."""


def scene(folder: Path) -> tuple[Path, np.ndarray]:
    pixels = np.arange(100 * 120, dtype="uint16").reshape(100, 120)
    path, place = folder / "scene.tif", Affine(10, 0, 600_000, 0, -10, 3_900_000)
    with rasterio.open(
        path, "w", driver="GTiff", width=120, height=100, count=1, dtype="uint16", crs="EPSG:32637", transform=place
    ) as raster:
        raster.write(pixels, 1)
    return path, pixels


def test_the_site_and_a_margin_are_copied_as_they_are(tmp_path: Path) -> None:
    path, pixels = scene(tmp_path)
    copy_window(str(path), 1, SITE, tmp_path / "window.tif", None)
    with rasterio.open(tmp_path / "window.tif") as raster:
        copied, place = raster.read(1), raster.transform
    row, column = round((3_900_000 - place.f) / 10), round((place.c - 600_000) / 10)
    assert (row, column) == (20 - MARGIN, 20 - MARGIN)
    np.testing.assert_array_equal(copied, pixels[row : 20 + 20 + MARGIN, column : 20 + 30 + MARGIN])


def test_the_key_of_an_object_store_is_not_taken_for_rasters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = scene(tmp_path)

    def taken() -> Session:
        raise AssertionError("a raster was opened under an account")

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(Session, "from_environ", staticmethod(taken))
    copy_window(str(path), 1, SITE, tmp_path / "window.tif", None)
    assert (tmp_path / "window.tif").exists()


def test_many_threads_copy_the_same_pixels(tmp_path: Path) -> None:
    """Opened one at a time, read at once: GDAL's list of file systems bears no two threads."""
    path = tmp_path / "original.tif"
    numbers = np.arange(300 * 300, dtype=np.uint16).reshape(1, 300, 300)
    profile = {"driver": "GTiff", "width": 300, "height": 300, "count": 1, "dtype": "uint16", "crs": "EPSG:32637"}
    with rasterio.open(path, "w", **profile, transform=from_origin(600_000, 3_900_000, 10, 10)) as target:
        target.write(numbers)
    content = path.read_bytes()
    geobox = GeoBox.from_bbox((600_500, 3_897_600, 602_000, 3_899_500), crs="EPSG:32637", resolution=10)

    def opener(address: str, mode: str = "rb") -> io.BytesIO:
        if "://" not in address:
            raise FileNotFoundError(address)
        return io.BytesIO(content)

    def copied(number: int) -> bytes:
        target = tmp_path / f"{number}.tif"
        copy_window(f"https://example.org/{number}.tif", 1, geobox, target, opener)
        return target.read_bytes()

    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(copied, range(200)))
    assert len(found) == 1
    with rasterio.MemoryFile(found.pop()) as memory, memory.open() as kept:
        np.testing.assert_array_equal(kept.read(1), numbers[0, 42:248, 42:208])
