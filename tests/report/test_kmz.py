from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from fastkml.validator import get_schema_parser
from lxml import etree
from PIL import Image
from pyproj import Transformer

from changedet.evidence import Evidence
from changedet.report import kmz
from changedet.report.kmz import NAMESPACE, to_lonlat
from changedet.site import Period
from changedet.stack import geobox_of
from tests.report.builders import CHANGES, HOSTILE_NAMES, OPTICAL_KEY, RADAR_KEY, make_evidence

KML = f"{{{NAMESPACE}}}"


def written(evidence: Evidence, folder: Path) -> dict[str, bytes]:
    """Members of the archive by name."""
    (path,) = kmz.write(evidence, folder)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def document(members: dict[str, bytes]) -> ET.Element:
    return ET.fromstring(members["doc.kml"])


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return written(make_evidence(simulated=False), tmp_path_factory.mktemp("kmz"))


@pytest.mark.parametrize("kind", ["plain", "hostile", "radar", "holes", "none"])
def test_the_document_is_valid_kml(kind: str, tmp_path: Path) -> None:
    evidence = make_evidence(hostile=kind == "hostile", optical=kind != "radar")
    if kind == "none":
        evidence = replace(evidence, detections=(), verdicts=())
    if kind == "holes":
        outer, inner = [[0, 0], [3, 0], [3, 3], [0, 0]], [[2, 1], [2.5, 1], [2.5, 1.5], [2, 1]]
        parts = {"type": "MultiPolygon", "coordinates": [[outer, inner], [[[5, 5], [6, 5], [6, 6], [5, 5]]]]}
        evidence = replace(evidence, detections=(replace(evidence.detections[0], polygon=parts),))
    schema = get_schema_parser()
    valid = schema.validate(etree.fromstring(written(evidence, tmp_path)["doc.kml"]))
    assert valid, schema.error_log


def test_each_utm_pixel_is_found_at_its_longitude_and_latitude() -> None:
    """Each pixel carries its row and column as colours; its centre, put into the overlay, must show them again."""
    stack = make_evidence(radar=False).stacks[OPTICAL_KEY]
    geobox = geobox_of(stack)
    rows, cols = np.mgrid[0 : geobox.shape[0], 0 : geobox.shape[1]]
    coded = np.dstack([rows, cols, np.full_like(rows, 255)]).astype(np.uint8)
    overlay, (west, south, east, north) = to_lonlat(stack, coded)

    to_lonlat_degrees = Transformer.from_crs(str(geobox.crs), "EPSG:4326", always_xy=True)
    lons, lats = to_lonlat_degrees.transform(*np.meshgrid(stack.x.values, stack.y.values))
    height, width = overlay.shape[:2]
    at_row = ((north - lats) / (north - south) * height).astype(int)
    at_col = ((lons - west) / (east - west) * width).astype(int)
    np.testing.assert_array_equal(overlay[at_row, at_col], coded)


def test_a_reduced_overlay_lies_where_the_full_one_does() -> None:
    stack = make_evidence(radar=False).stacks[OPTICAL_KEY]
    geobox = geobox_of(stack)
    even = [n // 2 * 2 for n in geobox.shape]
    rows, cols = np.mgrid[0 : even[0] // 2, 0 : even[1] // 2]
    coded = np.dstack([rows, cols]).astype(np.uint8)
    overlay, (west, south, east, north) = to_lonlat(stack, coded, reduce=2)
    lon, lat = Transformer.from_crs(str(geobox.crs), "EPSG:4326", always_xy=True).transform(
        *(geobox.affine @ (61.0, 31.0))  # the middle of the square of rows 30–31, columns 60–61
    )
    row = int((north - lat) / (north - south) * overlay.shape[0])
    col = int((lon - west) / (east - west) * overlay.shape[1])
    assert overlay[row, col].tolist() == [15, 30]


def test_overlays_in_the_file_show_the_tank_before_and_soot_after(real: dict[str, bytes]) -> None:
    geobox = geobox_of(make_evidence(radar=False).stacks[OPTICAL_KEY])
    x, y = geobox.affine @ (CHANGES[0].cols.start + 8.0, CHANGES[0].rows.start + 6.0)
    lon, lat = Transformer.from_crs(str(geobox.crs), "EPSG:4326", always_xy=True).transform(x, y)
    brightness = {}
    for overlay in document(real).iter(f"{KML}GroundOverlay"):
        box = overlay.find(f"{KML}LatLonBox")
        href = overlay.findtext(f"{KML}Icon/{KML}href")
        assert box is not None
        assert href is not None
        north, south, east, west = (
            float(box.findtext(f"{KML}{side}") or "") for side in ("north", "south", "east", "west")
        )
        picture = np.asarray(Image.open(io.BytesIO(real[href])))
        row = int((north - lat) / (north - south) * picture.shape[0])
        col = int((lon - west) / (east - west) * picture.shape[1])
        assert picture[row, col, 3] == 255
        brightness[href] = int(picture[row, col, :3].mean())
    assert brightness["images/before.png"] > 200
    assert brightness["images/after.png"] < 60


def test_the_time_slider_shows_before_until_after_begins(real: dict[str, bytes]) -> None:
    spans = [
        (overlay.findtext(f"{KML}TimeSpan/{KML}begin"), overlay.findtext(f"{KML}TimeSpan/{KML}end"))
        for overlay in document(real).iter(f"{KML}GroundOverlay")
    ]
    assert len(spans) == 2
    assert spans[0][1] == spans[1][0]
    assert spans[0][0] is not None
    assert spans[0][0] < "2025-03-01" <= str(spans[1][0])
    assert spans[1][1] is None


def test_a_cloud_is_transparent(tmp_path: Path) -> None:
    """Only the date whose western 45 % are clouded is left before the change."""
    made = make_evidence(radar=False)
    stack = made.stacks[OPTICAL_KEY].isel(time=[2, -2])
    members = written(replace(made, stacks={OPTICAL_KEY: stack}), tmp_path)
    alpha = np.asarray(Image.open(io.BytesIO(members["images/before.png"])))[..., 3]
    middle = alpha[alpha.shape[0] // 2]
    assert middle[int(0.25 * len(middle))] == 0
    assert middle[int(0.75 * len(middle))] == 255


def test_simulated_pictures_say_so_and_real_ones_do_not(real: dict[str, bytes], tmp_path: Path) -> None:
    simulated = written(make_evidence(), tmp_path)
    stamped, clean = (np.asarray(Image.open(io.BytesIO(m["images/before.png"]))) for m in (simulated, real))
    differs = (stamped != clean).any(axis=-1)
    rows, cols = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    assert rows.max() < differs.shape[0] / 5
    assert cols.max() - cols.min() > 3 * (rows.max() - rows.min())  # a line of letters, nothing else
    assert b"SIMULATED" in simulated["doc.kml"]
    assert b"SIMULATED" not in real["doc.kml"]


def test_numbers_stand_at_their_detections(real: dict[str, bytes]) -> None:
    folders = {f.findtext(f"{KML}name"): f for f in document(real).iter(f"{KML}Folder")}
    points = {
        p.findtext(f"{KML}name"): [float(v) for v in (p.findtext(f"{KML}Point/{KML}coordinates") or "").split(",")]
        for p in folders["Numbers"].iter(f"{KML}Placemark")
    }
    assert list(points) == ["1", "2", "3"]
    for detection in make_evidence().detections:
        assert points[str(detection.number)] == pytest.approx(detection.centroid, abs=1e-7)


def test_hostile_names_are_text_to_xml_and_to_the_html_of_descriptions(tmp_path: Path) -> None:
    members = written(make_evidence(hostile=True), tmp_path)
    root = document(members)
    assert not [element for element in root.iter() if element.tag.lower().endswith("script")]
    names = [element.text for element in root.iter(f"{KML}name")]
    assert HOSTILE_NAMES[0] in names
    descriptions = [element.text or "" for element in root.iter(f"{KML}description")]
    assert any("&lt;script&gt;" in text for text in descriptions)
    assert not any("<script" in text for text in descriptions)
    assert {"doc.kml", "images/caption.png", "images/before.png", "images/after.png"} == set(members)


def test_characters_that_xml_forbids_are_replaced() -> None:
    assert kmz.xml_text("a\x00\x0b\ud800\ufffe<b>\U0001f525") == "a\ufffd\ufffd?\ufffd<b>\U0001f525"


def test_without_a_picture_on_both_sides_there_are_outlines_alone(tmp_path: Path) -> None:
    made = make_evidence(radar=False)
    late = made.site.model_copy(update={"after": Period(first=date(2030, 1, 1), last=date(2030, 2, 1))})
    members = written(replace(made, site=late), tmp_path)
    assert set(members) == {"doc.kml", "images/caption.png"}
    assert len(list(document(members).iter(f"{KML}Polygon"))) == 1 + 3 + 3  # the site, its zones, the detections


def test_radar_alone_has_overlays_too(tmp_path: Path) -> None:
    evidence = make_evidence(optical=False)
    assert list(evidence.stacks) == [RADAR_KEY]
    assert "images/after.png" in written(evidence, tmp_path)


def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    assert kmz.write(make_evidence(), first)[0].read_bytes() == kmz.write(make_evidence(), second)[0].read_bytes()
