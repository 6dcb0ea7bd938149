from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyogrio import read_info
from pyproj import Transformer

from changedet.evidence import Evidence
from changedet.report import kmz, vectors
from changedet.report.records import records
from tests.report.builders import CHANGES, HOSTILE_NAMES, make_evidence, make_geobox
from tests.report.rows import as_text, rows_of


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return make_evidence()


@pytest.fixture(scope="module")
def files(evidence: Evidence, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("vectors")
    return (*vectors.write(evidence, folder), *kmz.write(evidence, folder))


def test_all_three_files_read_back_as_the_same_records(evidence: Evidence, files: tuple[Path, ...]) -> None:
    wanted = [
        (shapely.normalize(row.geometry).wkt, {name: as_text(value) for name, value in row.properties.items()})
        for row in records(evidence)
    ]
    for path in files:
        found = rows_of(path)
        assert [geometry for geometry, _ in found] == [geometry for geometry, _ in wanted], path.name
        for (_, got), (_, want) in zip(found, wanted, strict=True):
            assert {name: got[name] for name in want} == want, path.name


def test_where_one_place_has_several_parts_all_files_still_agree(evidence: Evidence, tmp_path: Path) -> None:
    one, two, three = evidence.detections
    parts = [detection.polygon["coordinates"] for detection in (one, two)]
    several = replace(one, polygon={"type": "MultiPolygon", "coordinates": parts})
    made = replace(evidence, detections=(several, three))
    first, *others = (rows_of(path) for path in (*vectors.write(made, tmp_path), *kmz.write(made, tmp_path)))
    assert [geometry.split(" ")[0] for geometry, _ in first] == ["MULTIPOLYGON"] * 2
    for other in others:
        assert [geometry for geometry, _ in other] == [geometry for geometry, _ in first]


def test_times_and_booleans_have_types_where_the_format_has_them(files: tuple[Path, ...]) -> None:
    info = read_info(str(files[1]), layer="detections")
    types = dict(zip(info["fields"], info["ogr_types"], strict=True))
    assert types["onset_after"] == "OFTDateTime"
    assert types["area_m2"] == "OFTReal"
    assert info["crs"] == "EPSG:4326"


def test_the_geojson_keeps_to_rfc_7946(files: tuple[Path, ...]) -> None:
    collection = json.loads(files[0].read_bytes())
    assert collection["type"] == "FeatureCollection"
    assert "crs" not in collection
    for feature in collection["features"]:
        ring = feature["geometry"]["coordinates"][0]
        assert ring[0] == ring[-1]
        assert shapely.LinearRing(ring).is_ccw
        lons, lats = zip(*ring, strict=True)
        assert feature["bbox"] == [min(lons), min(lats), max(lons), max(lats)]


def test_outlines_lie_where_the_change_is(files: tuple[Path, ...]) -> None:
    """The first change covers rows 30–41 and columns 24–39 of the UTM grid: 12 × 16 px of 100 m²."""
    collection = json.loads(files[0].read_bytes())
    geobox = make_geobox()
    outline = shapely.Polygon(collection["features"][0]["geometry"]["coordinates"][0])
    west, north = geobox.affine @ (CHANGES[0].cols.start, CHANGES[0].rows.start)
    east, south = geobox.affine @ (CHANGES[0].cols.stop, CHANGES[0].rows.stop)
    to_utm = Transformer.from_crs("EPSG:4326", str(geobox.crs), always_xy=True)
    in_metres = shapely.transform(outline, lambda p: np.column_stack(to_utm.transform(p[:, 0], p[:, 1])))
    np.testing.assert_allclose(in_metres.bounds, (west, south, east, north), atol=0.05)
    assert collection["features"][0]["properties"]["area_m2"] == 19_200


def test_the_same_evidence_gives_the_same_bytes_at_any_time(
    evidence: Evidence, files: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OGR_CURRENT_DATE", "2031-01-01T00:00:00.000Z")
    again = vectors.write(evidence, tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in files[:2]]
    assert b"2031-01-01" not in again[1].read_bytes()


def test_a_second_writing_replaces_the_first(evidence: Evidence, tmp_path: Path) -> None:
    first = [path.read_bytes() for path in vectors.write(evidence, tmp_path)]
    assert [path.read_bytes() for path in vectors.write(evidence, tmp_path)] == first


def test_no_detection_gives_valid_empty_layers(evidence: Evidence, tmp_path: Path) -> None:
    none = replace(evidence, detections=())
    geojson, geopackage = vectors.write(none, tmp_path)
    assert json.loads(geojson.read_bytes()) == {"type": "FeatureCollection", "features": []}
    info = read_info(str(geopackage), layer="detections")
    assert (info["features"], info["geometry_type"]) == (0, "Polygon")
    assert "onset_before" in info["fields"]


def test_missing_values_are_null_not_zero(evidence: Evidence, tmp_path: Path) -> None:
    first = evidence.detections[0]
    unknown = replace(first, zone=None, p_value=float("nan"), onset=replace(first.onset, after=None), directions={})
    paths = vectors.write(replace(evidence, detections=(unknown, *evidence.detections[1:])), tmp_path)
    for path in paths:
        (_, row), *_ = rows_of(path)
        assert row["zone"] == row["onset_after"] == ""
        assert row["p_value"] == ""
    assert json.loads(paths[0].read_bytes())["features"][0]["properties"]["p_value"] is None


def test_hostile_names_are_text_in_every_format(tmp_path: Path) -> None:
    hostile = make_evidence(hostile=True)
    for path in vectors.write(hostile, tmp_path):
        zones = [row["zone"] for _, row in rows_of(path)]
        assert zones == [name[:200] for name in HOSTILE_NAMES], path.name
