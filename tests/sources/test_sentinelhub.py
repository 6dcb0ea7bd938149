from __future__ import annotations

import json
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from changedet import pipeline
from changedet.errors import InputError, ServiceError
from changedet.scene import Sensor
from changedet.sources import Query
from changedet.sources.process import MAX_SIDE, _collection, process_body, tiles, units
from changedet.sources.sentinelhub import Config, SentinelHubSource, open_source
from changedet.sources.sh_catalog import acquisitions, search_body
from changedet.sources.transport import Patience
from changedet.stack import site_geobox
from changedet.store import Store
from tests.archive import day
from tests.loopback import send
from tests.sources.sentinelhub_server import SECRET, Hub, process_errors, search_errors, sentinel_hub

QUICK = Patience(attempts=3, connect=2, read=5, total=20, base=0.01, retry_after_unit=0.001)
RING = ((22.147, 45.201), (22.157, 45.201), (22.157, 45.208), (22.147, 45.208), (22.147, 45.201))
SITE = """\
id: romania
name: Managed forest
bbox: [22.1455, 45.2001, 22.1589, 45.2094]
source: {source}
sensors: {{sentinel-2: {{max_cloud: 100}}}}
before: [2018-04-01, 2018-10-31]
after: [2019-04-01, 2019-06-30]
"""
RADAR = """\
id: rtc
name: Burst
bbox: [-119.7768, 34.43297, -119.7434, 34.4607]
resolution: 30
source: {source}
sensors: {{sentinel-1: {{}}}}
before: [2021-01-01, 2023-12-31]
after: [2024-01-01, 2025-12-31]
"""


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SH_CLIENT_ID", "loopback-client")
    monkeypatch.setenv("SH_CLIENT_SECRET", SECRET)


def opened(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> SentinelHubSource:
    monkeypatch.setenv("CHANGEDET_SH_LOOPBACK", hub.url)
    return open_source(Config(), Path(), QUICK)


def query(sensor: Any = "sentinel-2", **more: Any) -> Query:
    return Query(sensor, RING, day("2018-05-01"), day("2018-08-01"), **more)


def with_short_waves(archive: Path, folder: Path) -> Path:
    """A copy of an archive in which nir also stands in for the short-wave bands, which every Sentinel-2 scene has."""
    shutil.copytree(archive, folder)
    for path in folder.glob("*/*.json"):
        item = json.loads(path.read_text())
        if "nir" in item["assets"]:
            item["assets"] |= {"swir16": item["assets"]["nir"], "swir22": item["assets"]["nir"]}
            path.write_text(json.dumps(item))
    return folder


@pytest.mark.parametrize(
    ("name", "text"), [("romania", SITE), ("rtc/t137-292319-iw2", RADAR)], ids=["sentinel-2", "sentinel-1"]
)
def test_the_same_scenes_give_the_same_map_as_stac(
    data: Path, contracts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    archive = with_short_waves(data / name, tmp_path / "archive")

    def run(name: str, source: str) -> pipeline.Run:
        path = tmp_path / f"{name}.yaml"
        path.write_text(text.format(source=source))
        return pipeline.run(path, tmp_path / name, cache=tmp_path / f"cache-{name}")

    with sentinel_hub(archive, contracts) as hub:
        monkeypatch.setenv("CHANGEDET_SH_LOOPBACK", hub.url)
        ours = run("hub", "{kind: sentinelhub, deployment: cdse}")
        assert hub.refused == []
        asked = {json.dumps(body, sort_keys=True) for body in hub.processed}
        assert len(asked) == len(ours.evidence.scenes) + len(ours.evidence.dropped)
        again = len(hub.processed)
        site = pipeline.load_site(tmp_path / "hub.yaml")
        pipeline.gather(site, tmp_path, Store(tmp_path / "cache-hub"), day("2026-01-01"))
        assert len(hub.processed) == again  # the second time downloads nothing
    theirs = run("stac", "{kind: stac, catalog: archive/catalog.json}")
    for key, stack in theirs.evidence.stacks.items():
        for band in stack.data_vars:
            np.testing.assert_allclose(ours.evidence.stacks[key][band], stack[band], rtol=1e-5, atol=1e-6)
    left, right = (rasterio.open(run.folder / "change.tif") for run in (ours, theirs))
    with left, right:
        assert left.descriptions == right.descriptions
        for band, values in enumerate(right.read(), 1):
            np.testing.assert_allclose(left.read(band), values, rtol=1e-5, equal_nan=True)
    assert bool(theirs.evidence.change.observable.any())
    text_of_run = "".join(path.read_text("utf-8", "replace") for path in tmp_path.rglob("*.json"))
    assert SECRET not in text_of_run
    assert "token-1" not in text_of_run


def test_each_scene_keeps_the_ids_of_its_products() -> None:
    def feature(identity: str, time: str) -> dict[str, Any]:
        properties = {"datetime": time, "constellation": "sentinel-2", "platform": "sentinel-2b", "eo:cloud_cover": 3}
        return {"id": identity, "bbox": [22, 45, 23, 46], "properties": properties}

    first = "S2B_MSIL2A_20180502T092029_N0500_R093_T34TFQ_20230826T120000.SAFE"
    second = "S2B_MSIL2A_20180502T092029_N0500_R093_T34TFR_20230826T120000.SAFE"
    found = acquisitions(
        [feature(second, "2018-05-02T09:20:44Z"), feature(first, "2018-05-02T09:20:30Z"),
         feature("S2B_MSIL2A_20180512T092029_N0500_R093_T34TFQ_x.SAFE", "2018-05-12T09:20:30Z")],
        query(), "hub",
    )  # fmt: skip
    assert [(scene.id, scene.relative_orbit, scene.tile) for scene in found] == [
        (first, 93, "34TFQ"),
        ("S2B_MSIL2A_20180512T092029_N0500_R093_T34TFQ_x.SAFE", 93, "34TFQ"),
    ]
    assert found[0].product == f"{first.removesuffix('.SAFE')}+{second.removesuffix('.SAFE')}"


def test_a_radar_orbit_is_read_from_the_product() -> None:
    feature = {
        "id": "S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13_6FF8",
        "bbox": [22, 45, 23, 46],
        "properties": {"datetime": "2018-06-01T17:39:53Z", "constellation": "sentinel-1", "platform": "sentinel-1a"},
    }
    assert acquisitions([feature], query("sentinel-1"), "hub")[0].relative_orbit == 59


def test_the_catalogue_request_is_what_the_schema_allows(contracts: Path) -> None:
    body = search_body(query(max_cloud=60), "sentinel-2-l2a")
    assert body["filter"] == {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 60]}
    assert search_errors(contracts, body) == []
    assert search_errors(contracts, search_body(query("sentinel-1"), "sentinel-1-grd")) == []
    # the schema is not so lax that it lets mistakes through
    for wrong in (
        {"limit": 101},
        {"collections": []},
        {"bbox": [1, 2]},
        {"filter": {"op": "less", "args": [{"property": "eo:cloud_cover"}, 60]}},
        {"filter": {"op": "<=", "args": [{"name": "eo:cloud_cover"}, 60]}},
        {"filter-lang": "cql"},
    ):
        assert search_errors(contracts, {**body, **wrong}) != []
    assert search_errors(contracts, {name: value for name, value in body.items() if name != "datetime"}) != []


@pytest.mark.parametrize("sensor", ["sentinel-2", "sentinel-1"])
def test_the_process_request_is_what_the_schema_allows(
    data: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch, sensor: Sensor
) -> None:
    folder = data / ("romania" if sensor == "sentinel-2" else "rtc/t137-292319-iw2")
    with sentinel_hub(folder, contracts) as hub:
        source = opened(hub, monkeypatch)
        scene = source.search(Query(sensor, RING, day("2015-01-01"), day("2026-01-01")))[0]
    collection = "sentinel-2-l2a" if sensor == "sentinel-2" else "sentinel-1-grd"
    body = process_body(scene, site_geobox(RING, 10), collection, "https://sh.dataspace.copernicus.eu")
    assert process_errors(contracts, body) == []
    assert process_errors(contracts, {**body, "output": {"width": "wide"}}) != []
    processing = body["input"]["data"][0]["processing"]
    wanted = (
        {"harmonizeValues": True} if sensor == "sentinel-2" else {"backCoeff": "GAMMA0_TERRAIN", "orthorectify": True}
    )
    assert wanted.items() <= processing.items()


def test_a_large_grid_is_asked_for_in_tiles() -> None:
    wide = ((22.0, 45.0), (22.8, 45.0), (22.8, 45.1), (22.0, 45.1), (22.0, 45.0))
    geobox = site_geobox(wide, 10)
    parts = tiles(geobox)
    assert len(parts) == 3
    assert all(max(part.geobox.shape) <= MAX_SIDE for part in parts)
    assert sum(part.geobox.shape[0] * part.geobox.shape[1] for part in parts) == geobox.shape[0] * geobox.shape[1]
    for part in parts:
        assert part.geobox.transform.c == geobox.transform.c + 10 * part.column


def test_many_downloads_may_begin_at_once() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        # a fresh address each time: the library's enumeration remembers names for the life of the process
        for port in range(40_000, 40_030):
            together, base = threading.Barrier(8), f"http://127.0.0.1:{port}"

            def define(together: threading.Barrier, base: str) -> object:
                together.wait()
                return _collection("sentinel-2-l2a", base)

            with ThreadPoolExecutor(8) as pool:
                tasks = [pool.submit(define, together, base) for _ in range(8)]
            assert len({task.result() for task in tasks}) == 1
    finally:
        sys.setswitchinterval(interval)


def test_units_are_counted_as_the_service_counts_them(
    data: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sentinel_hub(data / "romania", contracts) as hub:
        scene = opened(hub, monkeypatch).search(query())[0]
    square = site_geobox(RING, 10)[:64, :64].zoom_to(512)
    # six bands and the classification of three that one unit holds; dataMask is free, 32 bits cost double
    assert units(scene, square, 16) == pytest.approx(7 / 3)
    assert units(scene, square, 32) == pytest.approx(14 / 3)
    # two bands of three, 32 bits, orthorectified
    assert units(replace(scene, sensor="sentinel-1"), square) == pytest.approx(2 / 3 * 2 * 2)
    # an area counts as a hundredth of 512 × 512 at least
    assert units(scene, square[:10, :10], 16) == pytest.approx(0.01 * 7 / 3)


def refusing(name: str, status: int, times: int, headers: dict[str, str] | None = None, body: bytes = b"{}") -> Any:
    def fault(handler: BaseHTTPRequestHandler, called: str, number: int) -> bool:
        if called != name or number > times:
            return False
        kind = "text/html" if body.startswith(b"<") else "image/tiff" if body.startswith(b"II") else "application/json"
        send(handler, status, body, kind, headers)
        return True

    return fault


@pytest.mark.parametrize(
    "fault",
    [
        refusing("process", 429, 2, {"Retry-After": "20"}),
        refusing("process", 503, 2),
        refusing("process", 401, 1),
        refusing("process", 200, 1, body=b"<html>maintenance</html>"),
        refusing("process", 200, 1, body=b'{"error": "not an image"}'),
        refusing("search", 500, 1),
        refusing("token", 502, 1),
    ],
    ids=["429", "503", "expired token", "html", "json instead of tiff", "search 500", "token 502"],
)
def test_passing_faults_are_recovered(
    data: Path, contracts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    with sentinel_hub(data / "romania", contracts, fault) as hub:
        source = opened(hub, monkeypatch)
        scene = source.search(query())[0]
        fetched = source.fetch(scene, ("red", "scl"), site_geobox(RING, 10), Store(tmp_path))
    assert set(fetched.windows) == {"red", "scl"}
    assert fetched.windows["red"].band == 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (refusing("token", 401, 99), "401 Unauthorized"),
        (refusing("search", 403, 99), "check the account"),
        (refusing("search", 500, 99), "tried 3 times"),
    ],
)
def test_lasting_faults_are_one_sentence(
    data: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch, fault: Any, words: str
) -> None:
    with sentinel_hub(data / "romania", contracts, fault) as hub, pytest.raises(ServiceError, match=words) as caught:
        opened(hub, monkeypatch).search(query())
    assert SECRET not in str(caught.value)


def test_without_credentials_the_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SH_CLIENT_SECRET")
    with pytest.raises(InputError, match="create the client in the dashboard"):
        open_source(Config(), Path())


def test_the_loopback_of_tests_cannot_be_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANGEDET_SH_LOOPBACK", "https://evil.example.com")
    with pytest.raises(InputError, match="this machine"):
        open_source(Config(), Path())
