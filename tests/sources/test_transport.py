from __future__ import annotations

import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from changedet.errors import ServiceError
from changedet.sources.allowed import Rules
from changedet.sources.rangefile import RangeFile
from changedet.sources.transport import Patience, RefusedError, Transport, retry_after
from tests.loopback import Fault, send, serving

QUICK = Patience(attempts=3, connect=2, read=0.4, total=1.5, base=0.01, longest=0.3)
CONTENT = bytes(range(256)) * 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.tif").write_bytes(CONTENT)
    (tmp_path / "a.json").write_text('{"type": "Catalog"}')
    return tmp_path


def transport() -> Transport:
    return Transport(Rules(loopback=True), QUICK)


def first(status: int, headers: dict[str, str] | None = None, body: bytes = b"{}", kind: str = "text/plain") -> Fault:
    """Answer the first request wrongly, the later ones well."""

    def fault(handler: BaseHTTPRequestHandler, number: int) -> bool:
        if number > 1:
            return False
        send(handler, status, body, kind, headers)
        return True

    return fault


def always(status: int, body: bytes = b"", kind: str = "text/plain", headers: dict[str, str] | None = None) -> Fault:
    def fault(handler: BaseHTTPRequestHandler, number: int) -> bool:
        send(handler, status, body, kind, headers)
        return True

    return fault


def test_a_remote_file_reads_like_the_local_one(root: Path) -> None:
    with serving(root) as served:
        sender = transport()
        remote = RangeFile(sender, f"{served.url}/a.tif")
        with (root / "a.tif").open("rb") as local:
            for position, size in ((0, 10), (65_530, 20), (200_000, 100_000), (262_140, 50), (5, 0)):
                remote.seek(position)
                local.seek(position)
                assert remote.read(size) == local.read(size)
                assert remote.tell() == local.tell()
        # blocks 0, 1 and 3 of 64 KB were touched, each fetched once
        assert (sender.spent.requests, sender.spent.bytes) == (3, 3 * 65_536)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_faults_are_tried_again(root: Path, status: int) -> None:
    with serving(root, fault=first(status)) as served:
        sender = transport()
        assert sender.get_json(f"{served.url}/a.json") == {"type": "Catalog"}
        assert sender.spent.requests == 2


def test_a_refusal_keeps_its_status(root: Path) -> None:
    for status in (401, 403):
        with serving(root, fault=always(status)) as served, pytest.raises(RefusedError) as refused:
            transport().get_json(f"{served.url}/a.json")
        assert refused.value.status == status


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_lasting_faults_fail_at_once(root: Path, status: int) -> None:
    with serving(root, fault=always(status)) as served:
        with pytest.raises(ServiceError, match=str(status)):
            transport().get_json(f"{served.url}/a.json")
        assert len(served.requests) == 1


def test_attempts_are_bounded(root: Path) -> None:
    with serving(root, fault=always(503)) as served:
        with pytest.raises(ServiceError, match=r"503 Service Unavailable \(tried 3 times\)"):
            transport().get_json(f"{served.url}/a.json")
        assert len(served.requests) == 3


def test_retry_after_is_honoured(root: Path) -> None:
    with serving(root, fault=first(429, {"Retry-After": "0.2"})) as served:
        transport().get_json(f"{served.url}/a.json")
    with serving(root, fault=first(503, {"Retry-After": "9"})) as served:
        start = time.monotonic()
        transport().get_json(f"{served.url}/a.json")
        assert 0.3 <= time.monotonic() - start < 2  # bounded by `longest`


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("Tue, 24 Nov 2026 10:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_reads_seconds_and_dates(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, now=datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)) == seconds


def test_a_cut_body_is_fetched_again(root: Path) -> None:
    def cut(handler: BaseHTTPRequestHandler, number: int) -> bool:
        if number > 1:
            return False
        handler.send_response(206)
        handler.send_header("Content-Length", "65536")
        handler.send_header("Content-Range", f"bytes 0-65535/{len(CONTENT)}")
        handler.end_headers()
        handler.wfile.write(b"short")
        handler.close_connection = True
        return True

    with serving(root, fault=cut) as served:
        assert RangeFile(transport(), f"{served.url}/a.tif").read(4) == CONTENT[:4]
        assert len(served.requests) == 2


def test_a_server_that_hangs_is_given_up(root: Path) -> None:
    def hang(handler: BaseHTTPRequestHandler, number: int) -> bool:
        time.sleep(1)
        return False

    with serving(root, fault=hang) as served, pytest.raises(ServiceError, match="no answer in time"):
        transport().get_json(f"{served.url}/a.json")


def test_a_body_that_drips_is_given_up(root: Path) -> None:
    def drip(handler: BaseHTTPRequestHandler, number: int) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        try:
            for _ in range(40):
                handler.wfile.write(b" " * 70_000)
                time.sleep(0.2)
        except OSError:
            pass
        handler.close_connection = True
        return True

    quick = Patience(attempts=1, read=0.5, total=0.6)
    with serving(root, fault=drip) as served, pytest.raises(ServiceError, match="longer than"):
        Transport(Rules(loopback=True), quick).get_json(f"{served.url}/a.json")


def test_a_web_page_is_not_data(root: Path) -> None:
    with serving(root, fault=always(200, b"<html>maintenance</html>", "text/html; charset=utf-8")) as served:
        with pytest.raises(ServiceError, match="web page"):
            transport().get_json(f"{served.url}/a.json")


def test_what_is_not_json_is_said_so(root: Path) -> None:
    with serving(root, fault=always(200, b"{", "application/json")) as served:
        with pytest.raises(ServiceError, match="not JSON"):
            transport().get_json(f"{served.url}/a.json")


def test_a_server_without_ranges_is_said_so(root: Path) -> None:
    with serving(root, fault=always(200, CONTENT, "image/tiff")) as served:
        with pytest.raises(ServiceError, match="byte ranges"):
            RangeFile(transport(), f"{served.url}/a.tif")


def test_redirects_are_checked_and_lose_the_key(root: Path) -> None:
    seen: list[str | None] = []

    def note(handler: BaseHTTPRequestHandler, number: int) -> bool:
        seen.append(handler.headers.get("Authorization"))
        return False

    with serving(root, fault=note) as target:

        def away(handler: BaseHTTPRequestHandler, number: int) -> bool:
            send(handler, 302, b"", headers={"Location": f"{target.url}/a.json"})
            return True

        with serving(root, fault=away) as served:
            transport().text("GET", f"{served.url}/x", headers={"Authorization": "Bearer SECRET"})
    assert seen == [None]


@pytest.mark.parametrize("place", ["file:///etc/passwd", "http://example.org/", "https://10.0.0.1/", "gopher://x/"])
def test_a_redirect_out_of_the_rules_is_refused(root: Path, place: str) -> None:
    with serving(root, fault=always(302, headers={"Location": place})) as served:
        with pytest.raises(ServiceError, match=r"allowed|public network|this machine"):
            transport().get_json(f"{served.url}/a.json")


def test_a_malformed_address_is_said_to_be_one() -> None:
    with pytest.raises(ServiceError, match="the address is malformed"):
        transport().get_json("https://[bad/x.json")


def test_endless_redirects_end(root: Path) -> None:
    with serving(root, fault=always(302, headers={"Location": "/a.json"})) as served:
        with pytest.raises(ServiceError, match="redirects more than"):
            transport().get_json(f"{served.url}/a.json")


def test_addresses_in_errors_carry_no_query(root: Path) -> None:
    with serving(root, fault=always(403)) as served:
        with pytest.raises(ServiceError) as caught:
            transport().get_json(f"{served.url}/a.json?sig=SECRET")
        assert "SECRET" not in str(caught.value)
