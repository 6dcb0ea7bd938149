"""Services that redirect, swell, track, or pass on."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.archive import site_yaml
from tests.hostile.world import DATES, WORD, World, acquire
from tests.loopback import send, serving
from tests.sources.sentinelhub_server import SECRET, sentinel_hub
from tests.stac_api import next_link, stac_api


def redirecting(place: str) -> Callable[[BaseHTTPRequestHandler, int], bool]:
    def fault(handler: BaseHTTPRequestHandler, number: int) -> bool:
        if not handler.path.endswith(".tif"):
            return False
        send(handler, 307, b"", headers={"Location": place})
        return True

    return fault


@pytest.mark.parametrize(
    "place",
    ["file://{folder}/secret.tif", "http://example.org/x.tif", "ftp://{canary}/x", "https://10.0.0.1/x", "//[bad/x",
     "/vsicurl/http://{canary}/x.tif", "https://me:" + WORD + "@example.org/"],
)  # fmt: skip
def test_a_redirect_leads_nowhere(world: World, place: str) -> None:
    target = place.replace("{folder}", str(world.folder)).replace("{canary}", world.address)
    with serving(world.archive, fault=redirecting(target)) as served:
        world.site = site_yaml(world.folder, f"{served.url}/catalog.json", **DATES)
        before = world.tree()
        outcome, sentence = acquire(world)
    assert outcome == "refused"
    assert "none of 4 scenes could be fetched" in sentence
    assert WORD not in sentence
    world.nothing_happened(before)


@pytest.mark.parametrize("place", ["http://example.org/search", "file:///etc/passwd", "ftp://{canary}/search"])
def test_a_next_page_elsewhere_is_not_asked_for(world: World, place: str) -> None:
    def elsewhere(page: dict[str, Any], number: int, address: str) -> dict[str, Any]:
        return {**page, "links": [next_link(place.replace("{canary}", world.address), {"token": 1})]}

    with stac_api(world.archive, change=elsewhere) as served:
        world.site = site_yaml(world.folder, f"{served.url}/", **DATES)
        before = world.tree()
        outcome, sentence = acquire(world)
    assert outcome == "refused"
    assert "allowed" in sentence or "may not point at files" in sentence
    world.nothing_happened(before)


def test_a_small_answer_that_is_huge_when_unpacked(world: World) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as stream:
        for _ in range(300):
            stream.write(bytes(1_000_000))

    def bomb(handler: BaseHTTPRequestHandler, number: int) -> bool:
        send(handler, 200, packed.getvalue(), "application/json", {"Content-Encoding": "gzip"})
        return True

    with serving(world.archive, fault=bomb) as served:
        world.site = site_yaml(world.folder, f"{served.url}/catalog.json", **DATES)
        tracemalloc.start()
        outcome, sentence = acquire(world)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (outcome, "not JSON" in sentence) == ("refused", True), sentence
    assert most < 250e6


def test_cookies_are_not_kept(world: World) -> None:
    heard: list[str | None] = []

    def bake(handler: BaseHTTPRequestHandler, number: int) -> bool:
        heard.append(handler.headers.get("Cookie"))
        path = world.archive / handler.path.split("?")[0].lstrip("/")
        if path.suffix != ".json":
            return False
        send(handler, 200, path.read_bytes(), headers={"Set-Cookie": f"track={WORD}; Path=/"})
        return True

    with serving(world.archive, fault=bake) as served:
        world.site = site_yaml(world.folder, f"{served.url}/catalog.json", **DATES)
        assert acquire(world)[0] == "used"
    assert set(heard) == {None}


def test_a_token_service_cannot_pass_the_secret_on(
    world: World, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def listen(handler: BaseHTTPRequestHandler, name: str, number: int) -> bool:
        told.append(name)
        send(handler, 200, b'{"access_token": "stolen", "expires_in": 60}')
        return True

    with sentinel_hub(world.archive, contracts, listen) as thief:

        def away(handler: BaseHTTPRequestHandler, name: str, number: int) -> bool:
            if name != "token":
                return False
            send(handler, 307, b"", headers={"Location": f"{thief.url}/token"})
            return True

        with sentinel_hub(world.archive, contracts, away) as hub:
            monkeypatch.setenv("CHANGEDET_SH_LOOPBACK", hub.url)
            monkeypatch.setenv("SH_CLIENT_ID", "me")
            monkeypatch.setenv("SH_CLIENT_SECRET", SECRET)
            text = world.site.read_text()
            world.site.write_text(text.replace("kind: stac\n  catalog: archive/catalog.json", "kind: sentinelhub"))
            outcome, sentence = acquire(world)
    assert (outcome, "another host; not followed" in sentence) == ("refused", True), sentence
    assert told == []
    assert SECRET not in sentence
