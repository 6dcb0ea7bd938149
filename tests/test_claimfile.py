"""Claim files: what a good one becomes, and the line on which each kind of bad one is told what is wrong."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from changedet.claim import Claim
from changedet.errors import FileError
from changedet.pipeline import load_claim, schema

ROOT = Path(__file__).resolve().parent.parent

SITE = """\
id: plant
name: Plant
area: {center: [40.3, 35.3], radius: 500}
source: {kind: stac, catalog: catalog.json}
sensors: {sentinel-2: {}}
before: [2024-01-01, 2024-12-31]
after: [2025-01-01, 2025-06-30]
"""
CLAIM = """\
quotation: The depot and a hut were destroyed.
source:
  url: https://example.org/report
  date: 2025-03-02
  publisher: A paper
site: site.yaml
what: destroyed
window: [2025-02-01, 2025-02-28]
objects:
  - name: depot
    kind: fuel depot
    center: [40.3, 35.3]
    size: 40
    note: Placed on an image of January.
  - name: hut
    kind: building
    polygon: [[40.301, 35.301], [40.3011, 35.301], [40.3011, 35.3011], [40.301, 35.3011]]
"""


def write(folder: Path, old: str = "", new: str = "", site: str = SITE) -> Path:
    assert old in CLAIM
    (folder / "site.yaml").write_text(site)
    path = folder / "claim.yaml"
    path.write_text(CLAIM.replace(old, new, 1) if old else CLAIM)
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(FileError) as caught:
        load_claim(path)
    return [str(problem).removeprefix(f"{path.parent}/") for problem in caught.value.problems]


def test_a_good_file(tmp_path: Path) -> None:
    claim, folder = load_claim(write(tmp_path))
    assert folder == tmp_path
    assert (claim.what, claim.window.first, claim.site.id) == ("destroyed", date(2025, 2, 1), "plant")
    assert claim.source.url == "https://example.org/report"
    depot, hut = claim.objects
    assert depot.diameter == 40
    # 0.0001° is 9.1 m east and 11.1 m north at 35.3° N; the circle of 101 m² is 11.3 m across
    assert hut.diameter == pytest.approx(11.3, abs=0.1)
    assert depot.note.startswith("Placed on")


def test_a_site_written_in_place_has_its_lines(tmp_path: Path) -> None:
    inline = "site:\n" + "".join(f"  {line}\n" for line in SITE.splitlines())
    path = write(tmp_path, "site: site.yaml\n", inline)
    assert load_claim(path)[0].site.name == "Plant"
    path.write_text(path.read_text().replace("radius: 500", "raduis: 500"))
    assert any(s.startswith("claim.yaml:9: site.area.raduis: is not a known key") for s in problems(path))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("what: destroyed", "what: destroid", ["claim.yaml:7", "destroid", "did you mean 'destroyed'"]),
        ("size: 40", "size: 0", ["claim.yaml:13", "objects[0].size", "more than 0"]),
        ("    size: 40\n", "", ["claim.yaml:10", "center and size, or polygon"]),
        ("kind: fuel depot", "kind: fuel depo", ["claim.yaml:11", "did you mean 'fuel depot'"]),
        ("[40.3, 35.3]", "[35.3, 140.3]", ["claim.yaml:12", "swapped"]),
        ("name: hut", "name: depot", ["claim.yaml:15", "earlier object"]),
        ("[2025-02-01, 2025-02-28]", "[2025-02-28, 2025-02-01]", ["claim.yaml:8", "comes before"]),
        ("[2025-02-01, 2025-02-28]", "[2024-12-01, 2025-02-28]", ["claim.yaml:8", "within the site's after"]),
        ("site: site.yaml", "site: other.yaml", ["claim.yaml:6", "does not exist beside this file"]),
        ("https://example.org/report", "FILL-IN", ["claim.yaml:3", "source.url", "FILL-IN"]),
        ("publisher: A paper", "publisher: FILL-IN", ["claim.yaml:5", "FILL-IN"]),
        ("date: 2025-03-02", "date: FILL-IN", ["claim.yaml:4", "a day such as"]),
        ("https://", "javascript:", ["claim.yaml:3", "https://"]),
        ("quotation: ", "quote: ", ["claim.yaml:1: quote: is not a known key"]),
        ("[40.3011, 35.301], [40.3011, 35.3011]", "[40.3011, 35.3011], [40.3011, 35.301]", ["crosses itself"]),
    ],
)
def test_each_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    said = problems(write(tmp_path, old, new))
    for word in words:
        assert any(word in sentence for sentence in said), said


def test_mistakes_of_the_site_file_are_told_with_its_own_name(tmp_path: Path) -> None:
    said = problems(write(tmp_path, "size: 40", "size: -1", site=SITE.replace("radius: 500", "radius: 5")))
    assert said[0].startswith("claim.yaml:13: objects[0].size")
    assert said[1].startswith("site.yaml:3: area.radius")


def test_objects_near_the_edge_widen_what_is_looked_at(tmp_path: Path) -> None:
    claim, _ = load_claim(write(tmp_path))
    watched = claim.watched()
    west, south, east, north = watched.bbox
    # 1 km on each side of the depot: 2.04 km of latitude, where the site has 1 km
    assert (north - south) * 111_320 == pytest.approx(2_150, abs=60)
    assert [zone.name for zone in watched.zones] == ["depot", "hut"]
    assert west < claim.site.bbox[0]
    assert east > claim.site.bbox[2]
    wide = SITE.replace("radius: 500", "radius: 3000")
    assert (
        load_claim(write(tmp_path, site=wide))[0].watched().ring == load_claim(write(tmp_path, site=wide))[0].site.ring
    )


@pytest.mark.parametrize("name", ["conoco", "al-omar"])
def test_the_claims_of_the_seed(name: str) -> None:
    path = ROOT / "configs" / "claims" / f"{name}-demolition.yaml"
    claim, folder = load_claim(path)
    assert folder.resolve() == ROOT / "configs"
    assert {one.kind for one in claim.objects} == {"fuel depot", "command installation", "communications array"}
    assert all("to be corrected by a person" in one.note for one in claim.objects)
    assert isinstance(claim, Claim)


def test_the_schema_accepts_what_the_reader_accepts() -> None:
    described = schema("claim")
    Draft202012Validator.check_schema(described)
    for path in (ROOT / "configs" / "claims").glob("*.yaml"):
        content = YAML(typ="safe", pure=True).load(path)
        Draft202012Validator(described).validate(json.loads(json.dumps(content, default=str)))
    with_site = YAML(typ="safe", pure=True).load(CLAIM)
    with_site["site"] = YAML(typ="safe", pure=True).load(SITE)
    plain = json.loads(json.dumps(with_site, default=str))
    Draft202012Validator(described).validate(plain)
    plain["site"]["sensor"] = 1
    assert not Draft202012Validator(described).is_valid(plain)
