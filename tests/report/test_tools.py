"""Other people's tools open what runs leave behind: the demo, optical and radar imagery."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from fastkml.validator import get_schema_parser
from lxml import etree
from numpy.typing import NDArray
from PIL import Image
from pyogrio import list_layers
from rasterio.transform import from_bounds
from rasterio.warp import Resampling, reproject
from skimage.registration import phase_cross_correlation

from changedet.report import arrays, choose, stretch
from changedet.report.kmz import NAMESPACE
from changedet.stack import geobox_of
from tests.report.rows import rows_of
from tests.report.stac import validate

RASTERS = ("change.tif", "changed.tif")
VECTORS = ("detections.geojson", "detections.gpkg", "detections.kmz")


@pytest.fixture(params=["demo_run", "romania_run", "dubai_run", "rtc_run"])
def run(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


def said(program: str, *arguments: object) -> str:
    """What a program says of a file; it must neither fail nor complain."""
    beside = str(Path(sys.executable).parent)
    path = shutil.which(program, path=beside) or shutil.which(program)
    if path is None:
        missing = f"{program} is not installed; install Debian's gdal-bin, and rio-cogeo from the extra dev"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    # PROJ and GDAL of the wheels must not be found by Debian's programs
    clean = {name: value for name, value in os.environ.items() if name not in ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA")}
    done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, env=clean, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("name", RASTERS)
def test_gdalinfo_reads_every_raster(run: Path, name: str) -> None:
    found: dict[str, Any] = json.loads(said("gdalinfo", "-json", "-stats", "-nomd", run / name))
    geobox = geobox_of(arrays.load(run).change)
    assert found["size"] == [geobox.shape[1], geobox.shape[0]]
    assert found["geoTransform"] == pytest.approx(geobox.affine.to_gdal())
    assert [band["description"] for band in found["bands"]][:1] == [{"change.tif": "score"}.get(name, "changed")]
    assert all(band["noDataValue"] in (255, "NaN") for band in found["bands"])
    (run / f"{name}.aux.xml").unlink(missing_ok=True)  # -stats keeps what it counted beside the file


@pytest.mark.parametrize("name", RASTERS)
def test_rio_cogeo_calls_every_raster_a_cog(run: Path, name: str) -> None:
    assert f"{run / name} is a valid cloud optimized GeoTIFF" in said(
        "rio", "cogeo", "validate", "--strict", run / name
    )


@pytest.mark.parametrize("name", VECTORS)
def test_ogrinfo_reads_every_vector(run: Path, name: str) -> None:
    text = said("ogrinfo", "-ro", "-al", run / name, "detections")
    wanted = len(json.loads((run / "detections.geojson").read_bytes())["features"])
    assert f"Feature Count: {wanted}" in text


def test_pyogrio_reads_the_same_from_all_three(run: Path) -> None:
    """Geometry and attributes; the GeoJSON's own names are those of all."""
    features = json.loads((run / "detections.geojson").read_bytes())["features"]
    if not features:
        assert [[row for row in list_layers(run / name) if row[0] == "detections"] for name in VECTORS[:2]]
        return
    first, *others = (rows_of(run / name) for name in VECTORS)
    names = list(features[0]["properties"])
    for other in others:
        assert [geometry for geometry, _ in other] == [geometry for geometry, _ in first]
        for (_, mine), (_, theirs) in zip(first, other, strict=True):
            assert {name: theirs[name] for name in names} == {name: mine[name] for name in names}


def test_the_kmz_keeps_to_the_schema_of_kml(run: Path) -> None:
    with zipfile.ZipFile(run / "detections.kmz") as archive:
        document = etree.fromstring(archive.read("doc.kml"))
    schema = get_schema_parser()
    assert schema.validate(document), schema.error_log


def overlay_on_grid(run: Path, side: str) -> NDArray[np.float32]:
    """Brightness of an overlay of the KMZ, laid by its LatLonBox onto the grid of ``change.tif``; NaN outside."""
    with zipfile.ZipFile(run / "detections.kmz") as archive:
        document = etree.fromstring(archive.read("doc.kml"))
        (found,) = (
            overlay
            for overlay in document.iter(f"{{{NAMESPACE}}}GroundOverlay")
            if overlay.findtext(f"{{{NAMESPACE}}}Icon/{{{NAMESPACE}}}href") == f"images/{side}.png"
        )
        box = {edge.tag.rpartition("}")[2]: float(edge.text or "") for edge in found.find(f"{{{NAMESPACE}}}LatLonBox")}
        with Image.open(io.BytesIO(archive.read(f"images/{side}.png"))) as image:
            points = np.asarray(image.convert("RGBA"), np.float32)
    grey = np.where(points[..., 3] > 0, points[..., :3].mean(axis=-1), np.nan).astype(np.float32)
    with rasterio.open(run / "change.tif") as grid:
        result = np.full(grid.shape, np.nan, np.float32)
        reproject(
            grey,
            result,
            src_transform=from_bounds(box["west"], box["south"], box["east"], box["north"], *grey.shape[::-1]),
            src_crs="EPSG:4326",
            src_nodata=np.nan,
            dst_transform=grid.transform,
            dst_crs=grid.crs,
            dst_nodata=np.nan,
            resampling=Resampling.average,
        )
    return result


@pytest.mark.parametrize("side", ["before", "after"])
def test_the_overlays_lie_within_a_pixel_of_the_geotiff(run: Path, side: str) -> None:
    evidence = arrays.load(run)
    pair = choose.leading_pair(evidence)
    assert pair is not None
    stack = evidence.stacks[pair.key]
    look = stretch.leading_rendition(stack)
    both = [stretch.side_values(stack, times, look) for times in (pair.before, pair.after)]
    wanted = stretch.joint_stretch(both, look).apply(both[side == "after"].values).mean(axis=-1)
    shown = overlay_on_grid(run, side)
    if evidence.simulated:  # the word SIMULATED stands in the upper left
        wanted, shown = wanted[wanted.shape[0] // 5 :], shown[shown.shape[0] // 5 :]
    assert np.isfinite(shown).mean() > 0.9
    seen = np.isfinite(shown)
    flat = [np.where(seen, picture - picture[seen].mean(), 0) for picture in (wanted, shown)]
    shift, *_ = phase_cross_correlation(*flat, upsample_factor=20, normalization=None)
    assert np.abs(shift).max() <= 0.5
    # of 255; where there is texture, a shift of one pixel gives more
    assert np.abs(shown - wanted)[seen].mean() < 12


def test_item_and_catalogue_validate(run: Path) -> None:
    validate(json.loads((run / "item.json").read_bytes()))
    validate(json.loads((run.parent.parent / "catalog.json").read_bytes()))
