"""Every fault that a service, a wire or a disk may have, on every source, over real loopback sockets."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from unittest import mock

from changedet.errors import ChangedetError
from changedet.pipeline import load_site
from changedet.sources import Source
from changedet.sources.acquire import check_sides, fetch_scenes, find_scenes
from changedet.sources.allowed import Rules
from changedet.sources.sentinelhub import Deployment, SentinelHubSource
from changedet.sources.transport import Patience, Transport
from changedet.stack import site_geobox
from changedet.store import Entry, Store
from tests.archive import ground, shot, site_yaml, write_archive
from tests.killing import held, opened
from tests.loopback import send, serving
from tests.sources.sentinelhub_server import SECRET, sentinel_hub
from tests.stac_api import next_link, stac_api

Handler = BaseHTTPRequestHandler
Answer = Callable[[Handler], None]
KINDS = ("stac static", "stac API", "sentinelhub")
LASTS = 10**6
QUICK = Patience(attempts=3, connect=2, read=1.0, total=1.6, base=0.01, longest=0.2)
VICTIM = "2024-02-05"
"""The day whose scene alone is hurt where a fault has ``one``."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and what must come of it."""

    name: str
    expected: str
    """``recovered``: every scene came; ``recorded``: it is named, the others are used; ``refused``: one sentence."""
    answer: Answer | None = None
    """What the server sends instead."""
    times: int = LASTS
    where: str = "pixels"
    one: bool = False
    damage: Callable[[Path], None] | None = None
    """What befalls the cache before the run."""
    page: Callable[[dict[str, Any], int, str], dict[str, Any]] | None = None
    """What befalls the answer of a search."""
    special: str = ""
    kinds: tuple[str, ...] = KINDS
    differs: Mapping[str, str] = field(default_factory=dict)
    """What must come of it, by source, where it is not the same for all."""

    def outcome(self, kind: str) -> str:
        return self.differs.get(kind, self.expected)


@dataclass(frozen=True)
class Cell:
    """What one fault did to one source."""

    outcome: str
    requests: int
    lost: int
    """Bytes that an undisturbed run keeps and the run again has not."""
    again: int
    """Requests of the run again, without the fault."""
    same: bool
    """Whether the run again ends with the bytes of an undisturbed run."""
    sentence: str
    code: int


def status(code: int, headers: dict[str, str] | None = None, body: bytes = b"{}", kind: str = "text/plain") -> Answer:
    return lambda handler: send(handler, code, body, kind, headers)


def _hang(handler: Handler) -> None:
    time.sleep(1.5)
    handler.close_connection = True


def _reset(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True
    handler.wfile = open(os.devnull, "wb")  # noqa: SIM115, PTH123  the server flushes it after the reset


def _begin(handler: Handler, length: int, kind: str = "image/tiff") -> None:
    handler.send_response(200 if handler.command == "POST" else 206)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(length))
    handler.send_header("Content-Range", f"bytes 0-{length - 1}/{length}")
    handler.end_headers()


def _cut(handler: Handler) -> None:
    _begin(handler, 5000)
    handler.wfile.write(b"II*\0" + bytes(600))
    handler.close_connection = True


def _drip(handler: Handler) -> None:
    _begin(handler, 2_000_000)
    for _ in range(12):
        handler.wfile.write(bytes(66_000))
        time.sleep(0.25)
    handler.close_connection = True


def _short_tiff(handler: Handler) -> None:
    content = b"II*\0" + struct.pack("<I", 4000) + bytes(300)
    _begin(handler, len(content))
    handler.wfile.write(content)


def _huge_length(handler: Handler) -> None:
    _begin(handler, 10**15)
    handler.wfile.write(b"II*\0" + bytes(600))
    handler.close_connection = True


def _objects(cache: Path) -> list[Path]:
    return sorted((cache / "objects").glob("*/*.tif"))


def _rewrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def _flip(cache: Path) -> None:
    content = bytearray(_objects(cache)[0].read_bytes())
    content[len(content) // 2] ^= 1
    _rewrite(_objects(cache)[0], bytes(content))


def _exchange(cache: Path) -> None:
    first, second, *_ = _objects(cache)
    _rewrite(first, second.read_bytes())


def _leave_parts(cache: Path) -> None:
    (cache / "objects" / ".0123456789abcdef.part").write_bytes(b"half")
    record = next((cache / "requests").glob("*/*.json"))
    record.with_name(f".{record.name}.01234567.part").write_text('{"sha')


def _empty_page(page: dict[str, Any], number: int, address: str) -> dict[str, Any]:
    """The first page is empty and names a next one that is not."""
    if number > 1:
        return page
    if "context" in page:
        return {**page, "features": [], "context": {"next": 0}}
    dates = "2024-01-01T00:00:00Z/2024-06-30T23:59:59Z"
    return {**page, "features": [], "links": [next_link(address, {"datetime": dates, "token": 0})]}


def _loop(page: dict[str, Any], number: int, address: str) -> dict[str, Any]:
    if "context" in page:
        return {**page, "context": {"next": 0}}
    dates = "2024-01-01T00:00:00Z/2024-06-30T23:59:59Z"
    return {**page, "links": [next_link(address, {"datetime": dates, "token": 0})]}


def _no_scenes(page: dict[str, Any], number: int, address: str) -> dict[str, Any]:
    return {**page, "features": []}


def _rubbish(page: dict[str, Any], number: int, address: str) -> dict[str, Any]:
    return {**page, "features": [None, 7, {}, {"id": 1, "properties": None}, *page["features"]]}


HTML = b"<html><body>Maintenance</body></html>"
JSON = "application/json"
API = ("stac API", "sentinelhub")
HUB = ("sentinelhub",)
SECONDS, DATE = {"Retry-After": "1"}, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
FAULTS = (
    Fault("429, Retry-After in seconds", "recovered", status(429, SECONDS), 1, kinds=KINDS[:2]),
    Fault("429, Retry-After in milliseconds", "recovered", status(429, {"Retry-After": "120"}), 2, kinds=HUB),
    Fault("429, Retry-After a date", "recovered", status(429, DATE), 2),
    Fault("429, Retry-After unreadable", "recovered", status(429, {"Retry-After": "soon"}), 2),
    Fault("429 that lasts", "refused", status(429)),
    Fault("401 that lasts", "refused", status(401)),
    Fault("401 for one scene", "recorded", status(401), one=True),
    Fault("401 once: expired token", "recovered", status(401), 1, kinds=HUB),
    Fault("403 that lasts", "refused", status(403)),
    Fault("403 for one scene", "recorded", status(403), one=True),
    Fault("404 for one scene", "recorded", status(404), one=True),
    Fault("408", "recovered", status(408), 2),
    Fault("500", "recovered", status(500), 2),
    Fault("500 for one scene", "recorded", status(500), one=True),
    Fault("500 that lasts", "refused", status(500)),
    Fault("502", "recovered", status(502), 2),
    Fault("503", "recovered", status(503), 2),
    Fault("504", "recovered", status(504), 2),
    Fault("slow body", "recovered", _drip, 1),
    Fault("cut body", "recovered", _cut, 2),
    Fault("cut body for one scene, always", "recorded", _cut, one=True),
    Fault("length of a petabyte", "recovered", _huge_length, 1),
    Fault("read time-out", "recovered", _hang, 1),
    Fault("read time-out for one scene, always", "recorded", _hang, one=True),
    Fault("connection reset", "recovered", _reset, 2),
    Fault("connection refused", "refused", special="refused"),
    Fault("DNS failure", "refused", special="dns"),
    Fault("endless redirect", "recorded", status(302, {"Location": "?again"}), one=True),
    Fault("redirect to a host not allowed", "recorded",
          status(302, {"Location": "http://169.254.169.254/latest"}), one=True),
    Fault("redirect to a file", "recorded", status(302, {"Location": "file:///etc/passwd"}), one=True),
    Fault("HTML instead of TIFF", "recovered", status(200, None, HTML, "text/html"), 2),
    Fault("HTML instead of TIFF, always", "refused", status(200, None, HTML, "text/html")),
    Fault("HTML named image/tiff", "recorded", status(206, {"Content-Range": "bytes 0-36/37"}, HTML, "image/tiff"),
          one=True),
    Fault("wrong content type: JSON", "recorded", status(200, None, b'{"error": "x"}', JSON), one=True),
    Fault("TIFF cut short on the server, once", "recorded", _short_tiff, 1, differs={"sentinelhub": "recovered"}),
    Fault("TIFF cut short on the server, always", "recorded", _short_tiff, one=True),
    Fault("search: 503", "recovered", status(503), 2, "search"),
    Fault("search: 500 that lasts", "refused", status(500), where="search"),
    Fault("search: 401", "refused", status(401), where="search"),
    Fault("search: HTML", "recovered", status(200, None, HTML, "text/html"), 2, "search"),
    Fault("search: JSON cut short", "refused", status(200, None, b'{"type": ', JSON), where="search"),
    Fault("search: JSON of another kind", "refused", status(200, None, b"[1]", JSON), where="search"),
    Fault("search: read time-out", "recovered", _hang, 1, "search"),
    Fault("search: connection reset", "recovered", _reset, 1, "search"),
    Fault("search: an empty page that is not the last", "recovered", page=_empty_page, kinds=API),
    Fault("search: a page that names itself as the next", "refused", page=_loop, kinds=API),
    Fault("search: catalogues in a circle", "recovered", special="circle", kinds=KINDS[:1]),
    Fault("search: no scene", "refused", page=_no_scenes, kinds=API),
    Fault("search: rubbish among the scenes", "recovered", page=_rubbish, kinds=API),
    Fault("token: 502", "recovered", status(502), 2, "token", kinds=HUB),
    Fault("token: 401", "refused", status(401), where="token", kinds=HUB),
    Fault("token: HTML", "recovered", status(200, None, HTML, "text/html"), 1, "token", kinds=HUB),
    Fault("cache: flipped bit", "recovered", damage=_flip),
    Fault("cache: wrong checksum, another file in its place", "recovered", damage=_exchange),
    Fault("cache: file cut short", "recovered", damage=lambda cache: _rewrite(_objects(cache)[0], b"II*\0")),
    Fault("cache: file gone", "recovered", damage=lambda cache: _objects(cache)[0].unlink()),
    Fault("cache: record cut short", "recovered",
          damage=lambda cache: _rewrite(next((cache / "requests").glob("*/*.json")), b'{"sha256": ')),
    Fault("cache: parts left by a killed run", "recovered", damage=_leave_parts),
    Fault("disk full", "refused", special="full"),
)  # fmt: skip


class FullStore(Store):
    """A cache on a disk that is full: half a file is written, then ENOSPC."""

    def put(self, request: Mapping[str, object], write: Callable[[Path], None], *, scene: str, asset: str) -> Entry:
        def half(path: Path) -> None:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return super().put(request, half, scene=scene, asset=asset)


class Injected:
    """The fault of one server: answers in its place for a number of requests."""

    def __init__(self, fault: Fault | None) -> None:
        self.fault = fault
        self.left = fault.times if fault else 0

    def __call__(self, handler: Handler, *_: Any) -> bool:
        fault, path = self.fault, handler.path.split("?")[0]
        if fault is None or fault.answer is None or self.left <= 0 or _place(path) != fault.where:
            return False
        if fault.one and VICTIM not in path and f'"{VICTIM}' not in _sent(handler):
            return False
        self.left -= 1
        fault.answer(handler)
        return True


def _place(path: str) -> str:
    if path.endswith((".tif", "/process")):
        return "pixels"
    return "token" if path.endswith("/token") else "search"


def _sent(handler: Handler) -> str:
    return str(getattr(handler, "body", b""))


@dataclass
class Laboratory:
    """An archive of four dates, and what an undisturbed run of each source keeps of it."""

    folder: Path
    contracts: Path
    archive: Path
    wanted: dict[str, dict[str, int]] = field(default_factory=dict)
    """Bytes of each answer of an undisturbed run by its SHA-256, by source."""
    images: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def build(cls, folder: Path, contracts: Path) -> Laboratory:
        shots = [shot(f"2024-0{month}-05", ground(), month) for month in (1, 2, 8, 9)]
        for one in shots:
            one.bands = {name: one.bands[name] for name in ("red", "nir")}
        made = cls(folder, contracts, write_archive(folder / "archive", shots).parent)
        for kind in KINDS:
            with made.service(kind, None) as (url, _):
                store = Store(folder / f"undisturbed-{kind.replace(' ', '-')}")
                source = opened("stac" if kind.startswith("stac") else kind, url)
                outcome, _, words, _ = made.acquire(kind, url, store, source)
            if outcome != "recovered":
                raise RuntimeError(f"{kind}: the undisturbed run failed: {words}")
            made.wanted[kind] = {entry.sha256: entry.size for entry in store.entries()}
        return made

    @contextmanager
    def service(self, kind: str, fault: Fault | None) -> Iterator[tuple[str, Callable[[], None]]]:
        """The address of a service with a fault, and what ends the fault, so that both runs ask the same address."""
        on, inject = [True], Injected(fault)
        change = fault.page if fault else None

        def page(answer: dict[str, Any], number: int, address: str) -> dict[str, Any]:
            return change(answer, number, address) if change is not None and on[0] else answer

        def injected(handler: Handler, *more: Any) -> bool:
            return on[0] and inject(handler, *more)

        with ExitStack() as stack:
            if kind == "sentinelhub":
                hub = stack.enter_context(sentinel_hub(self.archive, self.contracts, injected, page))
                hub.answers = self.images
                url = hub.url
            elif kind == "stac API":
                url = stack.enter_context(stac_api(self.archive, fault=injected, change=page)).url
            else:
                root = self._circle() if fault is not None and fault.special == "circle" else self.archive
                url = f"{stack.enter_context(serving(root, fault=injected)).url}/catalog.json"
            yield url, lambda: on.__setitem__(0, False)

    def _circle(self) -> Path:
        root = self.folder / "circle"
        if not root.exists():
            shutil.copytree(self.archive, root)
            path = root / "catalog.json"
            catalogue = json.loads(path.read_text())
            catalogue["links"] += [{"rel": "child", "href": "./catalog.json"}, {"rel": "child", "href": "./b.json"}]
            path.write_text(json.dumps(catalogue))
            links = [{"rel": "child", "href": "./catalog.json"}, {"rel": "child", "href": "./b.json"}]
            (root / "b.json").write_text(json.dumps({"type": "Catalog", "links": links}))
        return root

    def acquire(self, kind: str, url: str, store: Store, source: Source | None = None) -> tuple[str, int, str, int]:
        """Outcome, requests sent, the sentence and the exit code of finding and fetching, as a run does it."""
        site = load_site(
            site_yaml(self.folder, "x", before="[2024-01-01, 2024-06-30]", after="[2024-07-01, 2024-12-31]")
        )
        source = source or opened("stac" if kind.startswith("stac") else kind, url, QUICK)
        try:
            scenes = find_scenes(site, source)
            got = fetch_scenes(scenes, source, site_geobox(site.ring, 10), store)
            check_sides(site, scenes, got)
        except ChangedetError as error:
            return "refused", int(source.spent()["requests"]), str(error), error.exit_code
        failures = [f"{one.scene}, {one.asset}: {one.reason}" for one in got.failures]
        return "recorded" if failures else "recovered", int(source.spent()["requests"]), "; ".join(failures), 0

    def cell(self, fault: Fault, kind: str, folder: Path) -> Cell:
        """One fault on one source, then the same run without the fault on the same cache."""
        cache = folder / "cache"
        with self.service(kind, fault) as (url, calm):
            if fault.damage is not None:
                self.acquire(kind, url, Store(cache))
                fault.damage(cache)
            store = FullStore(cache) if fault.special == "full" else Store(cache)
            with _unreachable(fault, kind) as source:
                outcome, requests, words, code = self.acquire(kind, url, store, source)
            kept = set(held(cache).values())
            calm()
            _, again, *_ = self.acquire(kind, url, Store(cache))
        damaged = {entry.sha256 for entry in Store(cache).verify()}
        now, wanted = set(held(cache).values()), self.wanted[kind]
        lost = sum(size for digest, size in wanted.items() if digest not in now or digest in damaged)
        return Cell(outcome, requests, lost, again, now == set(wanted) and kept <= now, _plain(words, folder), code)


def _plain(words: str, folder: Path) -> str:
    """Without what differs from one machine and one run to another."""
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", words).replace(str(folder), "…")


@contextmanager
def _unreachable(fault: Fault, kind: str) -> Iterator[Source | None]:
    """A source whose host refuses connections, or has no address; None for the faults that leave it reachable."""
    if fault.special == "refused":
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # bound, but nobody listens
            yield _source_at(kind, f"http://127.0.0.1:{closed.getsockname()[1]}", loopback=True)
    elif fault.special == "dns":
        with mock.patch("socket.getaddrinfo", side_effect=socket.gaierror(socket.EAI_NONAME, "Name not known")):
            yield _source_at(kind, "https://archive.invalid", loopback=False)
    else:
        yield None


def _source_at(kind: str, url: str, *, loopback: bool) -> Source:
    if kind == "sentinelhub":
        place = Deployment(url, f"{url}/token")
        return SentinelHubSource("sentinelhub cdse", place, ("me", SECRET), Transport(Rules(loopback=loopback), QUICK))
    return opened("stac", f"{url}/catalog.json" if kind == "stac static" else f"{url}/", QUICK)
