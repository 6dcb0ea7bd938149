"""Site files: what a good one becomes, and what each kind of bad one is told."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import Field
from ruamel.yaml import YAML

from changedet.errors import FileError, Problem
from changedet.site import Site
from changedet.sitefile import read_site, site_schema
from changedet.values import DetectorConfig, SourceConfig

ROOT = Path(__file__).resolve().parent.parent

GOOD = """\
id: conoco
name: Conoco gas plant
area:
  center: [40.30944, 35.33611]
  radius: 2500
resolution: 10
source:
  kind: stac
  catalog: archive/catalog.json
sensors:
  sentinel-2:
    collection: sentinel-2-l2a
    max_cloud: 60
before: [2024-06-01, 2025-02-28]
after: [2025-03-01, 2025-06-30]
detect:
  false_alarm_rate: 0.02
  pair: {scales: [1, 3]}
zones:
  - name: tank 1
    kind: fuel tank
    center: [40.31, 35.336]
    radius: 30
"""


class Stac(SourceConfig):
    kind: Literal["stac"] = "stac"
    catalog: str


class Pair(DetectorConfig):
    scales: tuple[int, ...] = (1, 2, 4)
    sigma: float = Field(default=2, gt=0)


SOURCES: dict[str, type[SourceConfig]] = {"stac": Stac}
DETECTORS: dict[str, type[DetectorConfig]] = {"pair": Pair}


def read(path: Path) -> Site:
    return read_site(
        path,
        source_config=SOURCES.get,
        detector_config=DETECTORS.get,
        source_kinds=("sentinelhub", "stac"),
        detector_names=("pair", "scan"),
    )


def read_text(folder: Path, text: str) -> Site:
    (folder / "site.yaml").write_text(text, encoding="utf-8")
    return read(folder / "site.yaml")


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(FileError) as caught:
        read_text(folder, text)
    return caught.value.problems


def test_a_good_file(tmp_path: Path) -> None:
    site = read_text(tmp_path, GOOD)
    assert (site.id, site.name, site.resolution) == ("conoco", "Conoco gas plant", 10)
    assert site.center == pytest.approx((40.30944, 35.33611))
    assert site.source == Stac(catalog="archive/catalog.json")  # stays as written
    assert site.sensors["sentinel-2"].max_cloud == 60
    assert (site.before.first, site.before.last) == (date(2024, 6, 1), date(2025, 2, 28))
    assert (site.after.first, site.after.last) == (date(2025, 3, 1), date(2025, 6, 30))
    assert site.detect.false_alarm_rate == 0.02
    assert site.detect.detectors == {"pair": Pair(scales=(1, 3))}
    assert [zone.name for zone in site.zones] == ["tank 1"]


def test_what_may_be_left_out(tmp_path: Path) -> None:
    text = GOOD.split("detect:", maxsplit=1)[0].replace("resolution: 10\n", "")
    text = text.replace("  sentinel-2:\n    collection: sentinel-2-l2a\n    max_cloud: 60\n", "  sentinel-1:\n")
    site = read_text(tmp_path, text)
    assert site.resolution == 10
    assert site.detect.false_alarm_rate == 0.01
    assert site.zones == ()
    assert set(site.sensors) == {"sentinel-1"}


def test_a_cloud_model_is_asked_for_by_name(tmp_path: Path) -> None:
    asked = GOOD.replace("max_cloud: 60", "max_cloud: 60\n    cloud_mask: s2cloudless")
    assert read_text(tmp_path, asked).sensors["sentinel-2"].cloud_mask == "s2cloudless"
    assert read_text(tmp_path, asked).model_dump(mode="json")["sensors"]["sentinel-2"]["cloud_mask"] == "s2cloudless"
    # the name of a run is a hash of the site: where nothing was asked for it stays what it was
    plain = read_text(tmp_path, GOOD).model_dump(mode="json")["sensors"]["sentinel-2"]
    assert plain == {"collection": "sentinel-2-l2a", "max_cloud": 60, "relative_orbits": None}
    with pytest.raises(FileError, match="s2cloudless"):
        read_text(tmp_path, asked.replace("s2cloudless", "fmask"))


def test_radar_needs_no_cloud_model(tmp_path: Path) -> None:
    asked = GOOD.replace("sentinel-2:", "sentinel-1:").replace("sentinel-2-l2a", "sentinel-1-rtc")
    asked = asked.replace("max_cloud: 60", "cloud_mask: s2cloudless")
    with pytest.raises(FileError, match=r"yaml:13.*sentinel-1\.cloud_mask.*radar sees through clouds"):
        read_text(tmp_path, asked)


def test_yaml_is_1_2_so_words_are_not_booleans(tmp_path: Path) -> None:
    assert read_text(tmp_path, GOOD.replace("Conoco gas plant", "NO")).name == "NO"
    assert read_text(tmp_path, GOOD.replace("Conoco gas plant", "12:30")).name == "12:30"


def test_a_quoted_date_is_a_date(tmp_path: Path) -> None:
    assert read_text(tmp_path, GOOD.replace("2025-06-30", '"2025-06-30"')).after.last == date(2025, 6, 30)


CIRCLE = "area:\n  center: [40.30944, 35.33611]\n  radius: 2500\n"
BOW_TIE = "[[40.31, 35.33], [40.32, 35.34], [40.32, 35.33], [40.31, 35.34]]"
TWIN = "{name: tank 1, center: [40.31, 35.336], radius: 9}"
# what is replaced, by what, the line and field that must be named, and words that must be in the sentence
MISTAKES = [
    ("resolution: 10", "resolutoin: 10", 6, "resolutoin", ["did you mean 'resolution'?", "known keys: id, name"]),
    ("radius: 2500", "raduis: 2500", 5, "area.raduis", ["did you mean 'radius'?", "center, radius"]),
    ("radius: 2500", "radius: big", 5, "area.radius", ["'big'", "a number"]),
    ("radius: 2500", "radius: '2500'", 5, "area.radius", ["'2500'", "a number"]),
    ("radius: 2500", "radius: true", 5, "area.radius", ["true", "a number"]),
    ("radius: 2500", "radius: .inf", 5, "area.radius", ["finite"]),
    ("radius: 2500", "radius: 500000", 5, "area.radius", ["500 km", "60 km"]),
    ("radius: 2500", "radius: 0", 5, "area.radius", ["is 0", "more than 0"]),
    ("radius: 2500", "radius: 3", 5, "area.radius", ["3 m is too small", "30 m"]),
    ("  radius: 2500\n", "", 3, "area.radius", ["is missing"]),
    ("[40.30944, 35.33611]", "[40.30944]", 4, "area.center", ["[40.30944]", "more entries"]),
    ("[40.30944, 35.33611]", "[35.33611, 140.30944]", 4, "area.center", ["looks swapped", "[140.30944, 35.33611]"]),
    ("[40.30944, 35.33611]", "[40.30944, 89.9]", 4, "area.center", ["polar", "-80 and 84"]),
    ("[40.30944, 35.33611]", "[40.30944, 83.99]", 3, "area", ["polar", "-80 and 84"]),
    ("[40.30944, 35.33611]", "[179.999, 35.33611]", 3, "area", ["180°", "one site on either side"]),
    ("[40.30944, 35.33611]", "[400, 35.33611]", 4, "area.center", ["outside the world"]),
    (CIRCLE, "bbox: [40, 35, 40, 35]\n", 3, "bbox", ["0 m", "at least 60 m"]),
    (CIRCLE, "bbox: [40, 35, 50, 36]\n", 3, "bbox", ["km", "at most 120 km"]),
    (CIRCLE, "bbox: [40, 36, 40.1, 35]\n", 3, "bbox", ["south 36 north of 35", "[west, south, east, north]"]),
    (CIRCLE, "bbox: [41, 35, 40, 36]\n", 3, "bbox", ["west 41 east of 40", "[west, south, east, north]"]),
    (CIRCLE, "bbox: [40.2, 40.4, 35.2, 35.4]\n", 3, "bbox", ["write [40.2, 35.2, 40.4, 35.4]"]),
    (CIRCLE, "bbox: [35, 120, 35.1, 120.1]\n", 3, "bbox", ["looks swapped", "write [120, 35, 120.1, 35.1]"]),
    (CIRCLE, "bbox: [40, 88, 41, 90]\n", 3, "bbox", ["polar"]),
    (CIRCLE, "bbox: [40, 35, 41]\n", 3, "bbox", ["four numbers", "[west, south, east, north]"]),
    (CIRCLE, CIRCLE + "bbox: [40, 35, 40.1, 35.1]\n", 6, "bbox", ["beside area", "only one"]),
    (CIRCLE, "", 1, "area", ["is missing", "bbox or geometry"]),
    (CIRCLE, "geometry: none.geojson\n", 3, "geometry", ["none.geojson", "does not exist"]),
    (CIRCLE, "geometry: /etc/plant.geojson\n", 3, "geometry", ["relative"]),
    ("id: conoco", "id: ../conoco", 1, "id", ["'../conoco'", "lower-case letters"]),
    ("id: conoco", "id: ''", 1, "id", ["''", "lower-case letters"]),
    ("name: Conoco gas plant", "name: 2024", 2, "name", ["2024", "quotes"]),
    ("name: Conoco gas plant", "name:", 2, "name", ["empty", "text"]),
    ("resolution: 10", "resolution: 1", 6, "resolution", ["is 1", "at least 5"]),
    ("kind: stac", "kind: stack", 8, "source.kind", ["'stack'", "did you mean 'stac'?", "sentinelhub, stac"]),
    ("kind: stac", "kind: ../../evil", 8, "source.kind", ["accepted: sentinelhub, stac"]),
    ("  kind: stac\n", "", 7, "source.kind", ["is missing", "sentinelhub, stac"]),
    ("catalog: archive", "catalogue: archive", 9, "source.catalogue", ["did you mean 'catalog'?"]),
    ("sentinel-2:", "sentinel2:", 11, "sensors.sentinel2", ["did you mean 'sentinel-2'?"]),
    ("max_cloud: 60", "max_cloud: 160", 13, "sensors.sentinel-2.max_cloud", ["160", "at most 100"]),
    ("max_cloud: 60", "max_clouds: 60", 13, "sensors.sentinel-2.max_clouds", ["did you mean 'max_cloud'?"]),
    ("before: [2024-06-01, 2025-02-28]\n", "", 1, "before", ["is missing"]),
    ("[2024-06-01, 2025-02-28]", "[2024-06-01]", 14, "before", ["[2024-06-01]", "two days"]),
    ("[2024-06-01, 2025-02-28]", "2024", 14, "before", ["is 2024", "two days"]),
    ("[2024-06-01, 2025-02-28]", "[soon, 2025-02-28]", 14, "before[0]", ["'soon'", "a day such as 2024-06-01"]),
    ("2025-02-28]", "2025-02-30]", 14, "before[1]", ["'2025-02-30'", "day is out of range"]),
    ("2025-02-28]", "2023-02-28]", 14, "before", ["2023-02-28 comes before the first day 2024-06-01"]),
    ("[2025-03-01, 2025-06-30]", "[2025-02-28, 2025-06-30]", 15, "after", ["2025-02-28", "after must follow before"]),
    ("[2025-03-01, 2025-06-30]", "[2023-03-01, 2023-06-30]", 15, "after", ["the two look swapped"]),
    ("rate: 0.02", "rate: 2", 17, "detect.false_alarm_rate", ["is 2", "above 0 and below 0.5"]),
    ("pair: {", "piar: {", 18, "detect.piar", ["did you mean 'pair'?"]),
    ("scales: [1, 3]", "scale: [1, 3]", 18, "detect.pair.scale", ["did you mean 'scales'?"]),
    ("scales: [1, 3]", "scales: [1, x]", 18, "detect.pair.scales[1]", ["'x'", "a whole number"]),
    ("kind: fuel tank", "kind: fule tank", 21, "zones[0].kind", ["did you mean 'fuel tank'?", "fuel depot"]),
    ("    radius: 30\n", "", 20, "zones[0]", ["either center and radius, or polygon"]),
    ("[40.31, 35.336]", "[35.336, 40.31]", 20, "zones[0]", ["outside of the area", "looks swapped"]),
    ("[40.31, 35.336]", "[41.31, 35.336]", 20, "zones[0]", ["outside of the area", "move it or widen"]),
    ("center: [40.31, 35.336]\n    radius: 30", f"polygon: {BOW_TIE}", 22, "zones[0].polygon", ["crosses itself"]),
    ("zones:\n", f"zones:\n  - {TWIN}\n", 21, "zones[1].name", ["its own name"]),
    ("zones:\n", "claims:\n", 19, "claims", ["is not a known key"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    MISTAKES,
    ids=[f"{field}-{new[:24]!r}" for _, new, _, field, _ in MISTAKES],
)
def test_one_mistake_one_sentence(tmp_path: Path, old: str, new: str, line: int, field: str, words: list[str]) -> None:
    assert GOOD.count(old) == 1
    found = problems(tmp_path, GOOD.replace(old, new))
    (problem,) = [one for one in found if one.field == field]
    assert all(one is problem or one.message == "is missing" for one in found)  # a misspelt key is also a missing one
    assert (problem.line, problem.field) == (line, field)
    for word in words:
        assert word in problem.message
    assert "\n" not in problem.message
    for jargon in ("Value error", "Input should", "pydantic", "type=", "NoneType"):
        assert jargon not in problem.message


def test_every_mistake_of_a_file_at_once_in_order_of_lines(tmp_path: Path) -> None:
    text = GOOD.replace("id: conoco", "id: A B").replace("radius: 2500", "radius: big").replace("kind: stac", "kind: s")
    text = text.replace("max_cloud: 60", "max_cloud: x").replace("2025-06-30]", "x]").replace("fuel tank", "tank")
    found = problems(tmp_path, text)
    assert [(problem.line, problem.field) for problem in found] == [
        (1, "id"),
        (5, "area.radius"),
        (8, "source.kind"),
        (13, "sensors.sentinel-2.max_cloud"),
        (15, "after[1]"),
        (21, "zones[0].kind"),
    ]
    assert {problem.file for problem in found} == {str(tmp_path / "site.yaml")}


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", 1, "is empty"),
        (b"# only a comment\n", 1, "is empty"),
        (b"- a\n- b\n", 1, "must be a block of keys"),
        (b"just words", 1, "must be a block of keys"),
        (b"id: a\nname: caf\xe9\n", 1, "not UTF-8 text (byte 15, line 2)"),
        (b"id: a\nbefore: [1, 2\nafter: 3\n", 3, "is not YAML"),
        (b"id: a\n\tname: b\n", 2, "is not YAML"),
        (b"id: a\nname: b\nid: c\n", 3, "given twice; first on line 1"),
        (b"id: &x a\nname: *x\n", 1, "anchor"),
        (b"id: *x\n", 1, "alias"),
        (b"id: !!python/object/apply:os.system [ls]\n", 1, "tag"),
        (b"id: !secret a\n", 1, "tag"),
        (b"id: a\n---\nid: b\n", 2, "second document"),
        (b"%YAML 1.1\n---\nid: a\n", 2, "directive"),
        (b"a: " + b"[" * 100_000, 1, "nested more than 16 levels"),
        (b"a: " + b"{a: " * 10_000, 1, "nested more than 16 levels"),
        (b"a: " + b"9" * 5000, 1, "5000 digits"),
        (b"1: a\n", 1, "keys must be words"),
        (b"? [a, b]\n: c\n", 1, "keys must be plain words"),
        (b'a: "\\ud800"\n', 1, "no text"),
        (b"a: \x00\n", 1, "is not YAML"),
        (b"#" * 1_000_001, 1, "larger than 1 MB"),
    ],
)  # fmt: skip
def test_files_that_are_no_site_files(tmp_path: Path, content: bytes, line: int, words: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        read(path)
    (problem,) = caught.value.problems
    assert problem.line == line
    assert words in problem.message


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in [(tmp_path, "folder"), (tmp_path / "none.yaml", "not exist"), (tmp_path / "pipe", "regular")]:
        with pytest.raises(FileError, match=words):
            read(path)


def polygon(*corners: tuple[float, float]) -> dict[str, object]:
    return {"type": "Polygon", "coordinates": [[list(corner) for corner in (*corners, corners[0])]]}


SQUARE = polygon((40.30, 35.33), (40.32, 35.33), (40.32, 35.34), (40.30, 35.34))
EAST = polygon((40.34, 35.33), (40.36, 35.33), (40.36, 35.34), (40.34, 35.34))


def with_geometry(folder: Path, content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "plant.geojson").write_text(text, encoding="utf-8")
    return GOOD.replace(CIRCLE, "geometry: plant.geojson\n")


@pytest.mark.parametrize(
    "content",
    [
        SQUARE,
        {"type": "Feature", "properties": {}, "geometry": SQUARE},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": None, "geometry": SQUARE}]},
        {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]]},
        {**SQUARE, "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}},
    ],
)
def test_an_area_from_geojson(tmp_path: Path, content: object) -> None:
    site = read_text(tmp_path, with_geometry(tmp_path, content))
    assert site.ring == ((40.30, 35.33), (40.32, 35.33), (40.32, 35.34), (40.30, 35.34), (40.30, 35.33))


def test_several_polygons_give_their_convex_hull(tmp_path: Path) -> None:
    both = {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"], EAST["coordinates"]]}
    assert read_text(tmp_path, with_geometry(tmp_path, both)).bbox == (40.30, 35.33, 40.36, 35.34)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "nested too deep"),
        ("[NaN]", "NaN"),
        ({"type": "Point", "coordinates": [40, 35]}, "no Polygon"),
        ({"type": "Polygon", "coordinates": [[[40, 35], [41, 35], [40, 35]]]}, "fewer than three corners"),
        ({"type": "Polygon", "coordinates": [[["a", 35], [41, 35], [40, 36]]]}, "not [longitude, latitude]"),
        ({"type": "Polygon", "coordinates": 3}, "fewer than three corners"),
        (polygon((500_000, 3_900_000), (501_000, 3_900_000), (501_000, 3_901_000)), "outside the world"),
        (polygon((40.30, 35.33), (40.32, 35.34), (40.32, 35.33), (40.30, 35.34)), "crosses or touches itself"),
        ({**SQUARE, "crs": {"type": "name", "properties": {"name": "EPSG:3857"}}}, "EPSG:4326"),
    ],
)
def test_geojson_that_outlines_nothing(tmp_path: Path, content: object, words: str) -> None:
    (problem,) = problems(tmp_path, with_geometry(tmp_path, content))
    assert (problem.line, problem.field) == (3, "geometry")
    assert words in problem.message
    assert "plant.geojson" in problem.message


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60), st.integers(0, len(GOOD)), st.integers(0, 40))
def test_whatever_stands_in_the_file_the_answer_is_a_site_or_a_file_error(
    tmp_path: Path, text: str, at: int, cut: int
) -> None:
    told: tuple[Problem, ...] | None = None
    try:
        read_text(tmp_path, GOOD[:at] + text + GOOD[at + cut :])
    except FileError as error:
        told = error.problems
    assert told is None or (told and all(problem.line >= 1 and problem.message for problem in told))


@pytest.mark.parametrize("name", ["conoco.yaml", "al-omar.yaml"])
def test_the_shipped_configs(name: str) -> None:
    path = ROOT / "configs" / name
    site = read(path)
    assert site.id == path.stem
    assert (site.before.last - site.before.first).days >= 364  # a whole year of seasons
    assert {zone.kind for zone in site.zones} == {"fuel depot", "command installation", "communications array"}
    assert all("laceholder" in zone.note for zone in site.zones)


def as_json(path: Path) -> object:
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(path), default=str))


def test_the_schema_accepts_what_the_reader_accepts(tmp_path: Path) -> None:
    schema = site_schema(SOURCES, DETECTORS)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    for path in (tmp_path / "good.yaml", *sorted((ROOT / "configs").glob("*.yaml"))):
        assert not list(validator.iter_errors(as_json(path)))
    assert all("description" in field for key, field in schema["properties"].items() if key != "name")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("resolution: 10", "resolutoin: 10"),
        ("radius: 2500", "radius: big"),
        (CIRCLE, ""),
        (CIRCLE, CIRCLE + "bbox: [40, 35, 40.1, 35.1]\n"),
        ("kind: stac", "kind: stack"),
        ("sentinel-2:", "sentinel2:"),
        ("after: [2025-03-01, 2025-06-30]", "after: [2025-03-01]"),
        ("scales: [1, 3]", "scale: [1, 3]"),
        ("kind: fuel tank", "kind: tank"),
        ("    radius: 30\n", ""),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "bad.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")
    assert list(Draft202012Validator(site_schema(SOURCES, DETECTORS)).iter_errors(as_json(tmp_path / "bad.yaml")))
