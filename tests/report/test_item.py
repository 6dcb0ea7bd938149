from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pystac
import pytest
from filelock import FileLock
from jsonschema import ValidationError

from changedet.errors import OutputError
from changedet.report import item
from changedet.report.item import scene_uri
from changedet.scene import Scene
from tests.report.builders import HOSTILE_NAMES, make_evidence
from tests.report.runs import copied, small_evidence, write_run
from tests.report.stac import validate


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    write_run(folder, small_evidence(hostile=True))
    item.update_catalogue(folder)
    return folder


@pytest.fixture(scope="module")
def run(out: Path) -> Path:
    (path,) = out.glob("*/*/item.json")
    return path.parent


@pytest.fixture
def record(run: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((run / "item.json").read_bytes())
    return loaded


def test_the_item_validates(record: dict[str, Any]) -> None:
    assert len(record["stac_extensions"]) == 2
    validate(record)


def test_the_schemas_do_find_mistakes(record: dict[str, Any]) -> None:
    asset = record["assets"]["detections.kmz"]
    for wrong in (
        {**record, "stac_version": "0.9"},
        {**record, "assets": {"a": {**asset, "file:checksum": "no hex"}}},
        {**record, "properties": {**record["properties"], "processing:software": ["changedet"]}},
    ):
        with pytest.raises(ValidationError):
            validate(wrong)


def test_place_and_time_are_those_of_the_site_and_its_scenes(record: dict[str, Any]) -> None:
    evidence = make_evidence()
    west, south, east, north = record["bbox"]
    assert (west, south, east, north) == evidence.site.bbox
    assert record["geometry"]["coordinates"][0][0] == record["geometry"]["coordinates"][0][-1]
    assert record["properties"]["datetime"] is None
    assert record["properties"]["start_datetime"] == "2024-06-09T08:06:21Z"
    assert record["properties"]["end_datetime"] == "2025-06-29T08:06:32Z"


def test_each_artefact_has_its_checksum_and_size(run: Path, record: dict[str, Any]) -> None:
    named = {asset["href"][2:] for asset in record["assets"].values()}
    present = {p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file()}
    assert named == present - {"item.json", "SHA256SUMS"}
    for asset in record["assets"].values():
        content = (run / asset["href"]).read_bytes()
        if asset["href"] == "./run.json":
            assert "file:checksum" not in asset  # its times differ from run to run, and the item must not
            continue
        assert asset["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
        assert asset["file:size"] == len(content)
        assert asset["roles"]
        assert asset["type"] != "application/octet-stream"


def test_the_item_derives_from_every_scene(record: dict[str, Any]) -> None:
    derived = [link for link in record["links"] if link["rel"] == "derived_from"]
    assert len(derived) == 22
    assert derived[1]["href"] == "urn:changedet:scene:S2B_37SFU_20240719_0_L2A"
    assert not any("/" in link["href"] for link in derived)  # hostile ids cannot make a path


@pytest.mark.parametrize(
    ("source", "collection", "uri"),
    [
        ("https://earth.example.org/v1/", "s2-l2a", "https://earth.example.org/v1/collections/s2-l2a/items/S2A%2F1"),
        ("https://earth.example.org/catalog.json", "s2-l2a", "urn:changedet:scene:S2A%2F1"),
        ("catalog.json", None, "urn:changedet:scene:S2A%2F1"),
    ],
)
def test_a_scene_is_named_so_that_it_can_be_found_again(source: str, collection: str | None, uri: str) -> None:
    first = make_evidence().scenes[0]
    scene: Scene = replace(first, id="S2A/1", source=source, collection=collection)
    assert scene_uri(scene) == uri


def test_hostile_names_are_text(record: dict[str, Any]) -> None:
    assert record["properties"]["title"] == HOSTILE_NAMES[0] + HOSTILE_NAMES[1]


def test_the_same_evidence_gives_the_same_item_whatever_the_times_of_running(tmp_path: Path) -> None:
    evidence = small_evidence()
    later = replace(evidence.provenance, timings={"search": 99.0}, downloads={"requests": 0, "bytes": 0})
    first = write_run(tmp_path / "1", evidence)
    second = write_run(tmp_path / "2", replace(evidence, provenance=later))
    assert (first / "item.json").read_bytes() == (second / "item.json").read_bytes()
    assert (first / "run.json").read_bytes() != (second / "run.json").read_bytes()


def test_the_catalogue_validates_and_leads_to_every_item(out: Path, run: Path) -> None:
    validate(json.loads((out / "catalog.json").read_bytes()))
    catalogue = pystac.Catalog.from_file(str(out / "catalog.json"))
    (found,) = catalogue.get_items()
    assert found.id == f"conoco-test-{run.name}"
    kmz = found.assets["detections.kmz"].get_absolute_href()
    assert kmz is not None
    assert Path(kmz).samefile(run / "detections.kmz")
    root = found.get_root()
    assert root is not None
    assert root.id == catalogue.id


def test_runs_are_listed_by_site_and_run_and_unfinished_ones_left_out(run: Path, tmp_path: Path) -> None:
    for name in ("b-site/2", "b-site/1", "a-site/1", "a-site/.1.ab12.part", "a-site/broken"):
        copied(run, tmp_path / name)
    (tmp_path / "a-site" / "broken" / "item.json").write_text("{")
    (tmp_path / "a-site" / "no-item").mkdir()
    item.update_catalogue(tmp_path)
    links = json.loads((tmp_path / "catalog.json").read_bytes())["links"]
    assert [link["href"] for link in links if link["rel"] == "item"] == [
        "./a-site/1/item.json",
        "./b-site/1/item.json",
        "./b-site/2/item.json",
    ]


def test_a_catalogue_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "catalog.json").mkdir()
    with pytest.raises(OutputError, match=r"catalog\.json: cannot be written"):
        item.update_catalogue(tmp_path)
    monkeypatch.setattr(item, "LOCK_TIMEOUT", 0.01)
    with FileLock(tmp_path / ".catalog.lock"), pytest.raises(OutputError, match="another run has held the catalogue"):
        item.update_catalogue(tmp_path)


def test_runs_that_end_together_leave_a_whole_catalogue(run: Path, tmp_path: Path) -> None:
    def end(number: int) -> None:
        copied(run, tmp_path / "site" / f"run-{number}")
        item.update_catalogue(tmp_path)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(end, range(8)))
    links = json.loads((tmp_path / "catalog.json").read_bytes())["links"]
    assert len([link for link in links if link["rel"] == "item"]) == 8
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]
