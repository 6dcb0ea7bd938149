from __future__ import annotations

import json
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from changedet.errors import CatalogueError, ServiceError
from changedet.sources import Query
from changedet.sources.allowed import Rules
from changedet.sources.presets import PRESETS, Signer, preset_of
from changedet.sources.stac import Config, StacSource, open_source
from changedet.sources.transport import Patience, Transport
from changedet.stack import site_geobox
from changedet.store import Store
from tests.archive import day, footprint, ground, shot, write_archive
from tests.loopback import send, serving

QUICK = Patience(attempts=2, connect=2, read=2, total=5, base=0.01)
EARTH_SEARCH, PLANETARY = PRESETS


def query(sensor: Any = "sentinel-2", collection: str | None = None) -> Query:
    west, south, east, north = footprint()
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return Query(sensor, ring, day("2024-01-01"), day("2025-01-01"), collection)


def test_an_archive_is_known_by_name_and_by_address() -> None:
    assert preset_of("earth-search") is EARTH_SEARCH
    assert preset_of("https://earth-search.aws.element84.com/v1/") is EARTH_SEARCH
    assert preset_of("planetary-computer") is PLANETARY
    assert preset_of("archive/catalog.json") is None
    assert EARTH_SEARCH.collection(None, "sentinel-2") == "sentinel-2-l2a"
    assert PLANETARY.collection(None, "sentinel-1") == "sentinel-1-rtc"


@pytest.mark.parametrize(
    ("catalogue", "sensor", "collection", "words"),
    [
        ("earth-search", "sentinel-1", None, "use sentinel-1-rtc of planetary-computer, or source kind sentinelhub"),
        ("earth-search", "sentinel-1", "sentinel-1-grd", "requester-pays.*use sentinel-1-rtc of planetary-computer"),
        ("https://earth-search.aws.element84.com/v1", "sentinel-1", "sentinel-1-grd", "requester-pays"),
        ("earth-search", "sentinel-2", "sentinel-2-l1c", "requester-pays.*use sentinel-2-l2a"),
        ("planetary-computer", "sentinel-1", "sentinel-1-grd", "use sentinel-1-rtc"),
    ],
)
def test_pixels_that_cost_money_are_refused_before_any_request(
    tmp_path: Path, catalogue: str, sensor: str, collection: str | None, words: str
) -> None:
    source = open_source(Config(catalog=catalogue), tmp_path, QUICK)
    with pytest.raises(CatalogueError, match=words):
        source.search(query(sensor, collection))
    assert source.spent()["requests"] == 0


def test_scenes_that_lie_in_paid_buckets_are_refused_wherever_they_are_listed(tmp_path: Path) -> None:
    catalogue = write_archive(tmp_path / "archive", [shot("2024-01-05", ground())])
    for path in catalogue.parent.glob("*/*.json"):
        item = json.loads(path.read_text())
        for name, asset in item["assets"].items():
            asset["href"] = f"s3://sentinel-s2-l1c/{name}.tif"
        path.write_text(json.dumps(item))
    source = open_source(Config(catalog=catalogue.name), catalogue.parent, QUICK)
    with pytest.raises(CatalogueError, match="sentinel-2-l2a of earth-search"):
        source.search(query())


def guarded(valid: list[str], *, refuse: set[str]) -> Any:
    """Files need the newest token; ``/token/…`` gives out the next."""

    def fault(handler: BaseHTTPRequestHandler, number: int) -> bool:
        if handler.path.startswith("/token/"):
            valid.append(f"sig=secret{len(valid)}")
            answer = {"token": valid[-1], "msft:expiry": "2999-01-01T00:00:00Z"}
            send(handler, 200, json.dumps(answer).encode())
            return True
        if not handler.path.split("?")[0].endswith(".tif"):
            return False
        token = handler.path.partition("?")[2]
        if token != valid[-1] or token in refuse:
            send(handler, 403, b"", "text/plain")
            return True
        return False

    return fault


@pytest.mark.parametrize("refuse", [set(), {"sig=secret0"}], ids=["valid", "ended early"])
def test_files_are_signed_and_the_signature_is_kept_nowhere(tmp_path: Path, refuse: set[str]) -> None:
    catalogue = write_archive(tmp_path / "archive", [shot("2024-01-05", ground())])
    tokens: list[str] = []
    with serving(catalogue.parent, fault=guarded(tokens, refuse=refuse)) as served:
        rules = Rules(loopback=True)
        address = f"{served.url}/catalog.json"
        preset = replace(PLANETARY, collections={"sentinel-2": "any"}, tokens=f"{served.url}/token")
        source = StacSource("planetary-computer", address, rules, Transport(rules, QUICK), preset)
        source._signer = Signer(source.transport, f"{served.url}/token", hosts="127.0.0.1")
        scene = source.search(query())[0]
        fetched = source.fetch(scene, ("red", "nir"), site_geobox(query().ring, 10), Store(tmp_path / "cache"))
    assert set(fetched.windows) == {"red", "nir"}
    assert len(tokens) == 1 + len(refuse)
    kept = "".join(path.read_text("utf-8", "replace") for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert "secret" not in kept
    assert "secret" not in repr(scene)


def test_only_storage_hosts_are_signed() -> None:
    signer = Signer(Transport(Rules(), QUICK), "https://planetarycomputer.microsoft.com/api/sas/v1/token")
    for address in ("https://example.com/a/b.tif", "https://blob.core.windows.net.evil.org/a/b.tif"):
        assert signer.sign(address) == address


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"token": "a b"}', b"<html>"])
def test_a_signing_service_without_a_token_is_one_sentence(tmp_path: Path, body: bytes) -> None:
    def fault(handler: BaseHTTPRequestHandler, number: int) -> bool:
        send(handler, 200, body)
        return True

    with serving(tmp_path, fault=fault) as served:
        signer = Signer(Transport(Rules(loopback=True), QUICK), f"{served.url}/token", hosts="127.0.0.1")
        with pytest.raises(ServiceError, match=r"without a token|not JSON"):
            signer.sign(f"{served.url}/container/a.tif")
