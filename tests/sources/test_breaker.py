from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from changedet.errors import ServiceError
from changedet.sources import acquire
from changedet.sources.acquire import fetch_scenes
from changedet.sources.allowed import Rules
from changedet.sources.breaker import Breaker, GivenUpError
from changedet.sources.transport import Patience, Transport
from changedet.stack import site_geobox
from changedet.store import Store
from tests.archive import ground, shot, write_archive
from tests.killing import opened, query
from tests.loopback import send, serving

PATIENT = Patience(attempts=5, connect=5, read=10, total=30, base=0.05)


def test_a_host_is_given_up_after_failures_in_a_row() -> None:
    breaker = Breaker(3)
    for _ in range(2):
        breaker.failed("https://a.example.com/x?sig=1", "503")
    breaker.check("https://a.example.com/y")
    breaker.succeeded("https://a.example.com/z")
    for _ in range(3):
        breaker.failed("https://a.example.com/x", "503")
    with pytest.raises(GivenUpError, match=r"a\.example\.com failed 3 times in a row .* last: 503"):
        breaker.check("https://a.example.com/y")
    breaker.check("https://b.example.com/y")
    breaker.check("https://a.example.com:8443/y")


def test_two_transports_share_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    down = [True]

    def fault(handler: BaseHTTPRequestHandler, number: int) -> bool:
        if down[0]:
            send(handler, 503, b"")
        return down[0]

    once = Patience(attempts=1, give_up=2)
    with serving(tmp_path, fault=fault) as served:
        first = Transport(Rules(loopback=True), once)
        for words in ("503", "503", "not asked again", "not asked again"):
            with pytest.raises(ServiceError, match=words):
                first.get_json(f"{served.url}/a.json")
        assert len(served.requests) == 2
        down[0] = False
        assert Transport(Rules(loopback=True), once).get_json(f"{served.url}/a.json") == {}


@pytest.mark.parametrize("workers", [1, 16])
def test_sixty_scenes_do_not_each_wait_for_a_host_that_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(acquire, "WORKERS", workers)
    days = [f"2024-{month:02d}-{day:02d}" for month in range(1, 13) for day in (1, 6, 11, 16, 21)]
    shots = [shot(day, ground()) for day in days]
    for one in shots:
        one.bands = {"red": one.bands["red"]}
    archive = write_archive(tmp_path / "archive", shots).parent

    def down(handler: BaseHTTPRequestHandler, number: int) -> bool:
        if not handler.path.endswith(".tif"):
            return False
        send(handler, 503, b"", "text/plain")
        return True

    with serving(archive, fault=down) as served:
        source = opened("stac", f"{served.url}/catalog.json", PATIENT)
        scenes = source.search(query())
        assert len(scenes) == 60
        begun = time.monotonic()
        with pytest.raises(ServiceError, match="none of 60 scenes could be fetched") as caught:
            fetch_scenes(scenes, source, site_geobox(query().ring, 10), Store(tmp_path / "cache"))
        asked = [path for path in served.requests if path.endswith(".tif")]
    assert "run again later" in str(caught.value)
    # the host is given up by the fifth request that fails for good: four that failed before it have made room for
    # four more, and each is tried five times at most; without giving up it would be 300
    begun_requests = workers + PATIENT.give_up - 1
    assert len(set(asked)) <= begun_requests
    assert len(asked) <= begun_requests * PATIENT.attempts
    assert time.monotonic() - begun < 20
