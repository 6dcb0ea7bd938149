from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from changedet.report import raster
from changedet.stack import CHANGE_VARIABLES, change_map, geobox_of, spatial_coords

from .builders import CHANGES, OPTICAL_TIMES, make_evidence

CORNER = (slice(0, 8), slice(0, 12))
"""The builder says that nothing was ever seen here."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raster")
    raster.write(make_evidence(), folder)
    return folder


def test_files_are_cogs_and_nothing_else_is_left(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["change.tif", "changed.tif"]
    for path in folder.iterdir():
        with rasterio.open(path) as opened:
            assert opened.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_the_grid_is_the_sites(folder: Path) -> None:
    geobox = geobox_of(make_evidence().change)
    for path in folder.iterdir():
        with rasterio.open(path) as opened:
            assert opened.crs.to_epsg() == 32637
            assert opened.transform == geobox.affine
            assert opened.shape == tuple(geobox.shape)


def test_bands_are_the_variables(folder: Path) -> None:
    with rasterio.open(folder / "change.tif") as opened:
        assert opened.descriptions == tuple(CHANGE_VARIABLES)
        assert set(opened.dtypes) == {"float32"}
        assert all(np.isnan(value) for value in opened.nodatavals)
        assert opened.units[6] == "days since 1970-01-01T00:00:00Z"
        assert opened.tags()["simulated"] == "yes"
        assert opened.tags()["attribution"] == make_evidence().attribution


def test_truth_stays_three_valued(folder: Path) -> None:
    with rasterio.open(folder / "change.tif") as opened:
        bands = dict(zip(opened.descriptions, opened.read(), strict=True))
    changed = bands["changed"]
    assert np.isnan(changed[CORNER]).all()
    assert (bands["observable"][CORNER] == 0).all()
    assert (bands["observable"] == 1).sum() == changed.size - 8 * 12
    for change in CHANGES:
        assert (changed[change.rows, change.cols] == 1).all()
    assert np.nansum(changed) == 12 * 16 + 8 * 14 + 8 * 10


def test_onsets_are_days_within_85_seconds(folder: Path) -> None:
    with rasterio.open(folder / "change.tif") as opened:
        bands = dict(zip(opened.descriptions, opened.read(), strict=True))
    first = CHANGES[0]
    days = float(bands["onset_before"][first.rows.start, first.cols.start])
    want = (OPTICAL_TIMES[6] - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    assert abs(days * 86400 - want) <= 85
    assert int(days) == 20158  # 11 March 2025
    assert np.isnan(bands["onset_before"][0, 50])


def test_the_flags_have_a_colour_table(folder: Path) -> None:
    with rasterio.open(folder / "changed.tif") as opened:
        values, table = opened.read(1), opened.colormap(1)
        assert opened.nodata == 255
        assert opened.colorinterp[0].name == "palette"
    assert set(np.unique(values)) == {0, 1, 255}
    assert (values[CORNER] == 255).all()
    assert len({table[0][:3], table[1][:3]}) == 2
    assert table[1][:3] == (213, 94, 0)


def test_same_evidence_same_bytes(folder: Path, tmp_path: Path) -> None:
    for path in raster.write(make_evidence(), tmp_path):
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_overviews_hold_no_value_that_no_pixel_has(tmp_path: Path) -> None:
    evidence = make_evidence()
    geobox = GeoBox((700, 1100), geobox_of(evidence.change).affine, "EPSG:32637")
    changed = np.zeros(geobox.shape, bool)
    changed[::3, ::5] = True
    plain = np.ones(geobox.shape)
    like = evidence.change.drop_dims(("y", "x")).assign_coords(spatial_coords(geobox))
    onset = np.full(geobox.shape, np.datetime64("2025-03-11", "ns"))
    values = dict.fromkeys(("score", "p_value", "observable", "n_before", "n_after"), plain)
    change = change_map(
        like, {**values, "changed": changed, "onset_after": onset, "onset_before": onset}, detector="test"
    )
    raster.write(dataclasses.replace(evidence, change=change), tmp_path)
    for name in ("change.tif", "changed.tif"):
        with rasterio.open(tmp_path / name) as opened:
            assert opened.overviews(1) == [2, 4]
            np.testing.assert_array_equal(opened.read(opened.count if name == "changed.tif" else 3), changed)
        with rasterio.open(tmp_path / name, overview_level=0) as small:
            assert set(np.unique(small.read(1 if name == "changed.tif" else 3))) <= {0, 1}


def test_a_failed_write_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise rasterio.errors.RasterioIOError("no space left")

    monkeypatch.setattr(raster.rasterio.shutil, "copy", fail)
    with pytest.raises(rasterio.errors.RasterioIOError):
        raster.write(make_evidence(), tmp_path)
    assert list(tmp_path.iterdir()) == []
