"""Hostile inputs: none reads, writes or sends outside the rules, and each costs a sentence, never a traceback.

The world of each test holds a marked raster and a marked text beside the archive, and a listening socket that nobody
should call. After each input the tree of files is what it was, but for the cache and the runs, and no marked byte
is in either.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from changedet import cli
from changedet.errors import ChangedetError
from changedet.pipeline import load_site
from changedet.sources.acquire import check_sides, fetch_scenes, find_scenes, open_source
from changedet.stack import site_geobox
from changedet.store import Store, sha256_of
from tests.archive import SIZE, footprint, ground, shot, site_yaml, write_archive, write_cog
from tests.loopback import send, serving
from tests.sources.sentinelhub_server import SECRET, sentinel_hub
from tests.stac_api import next_link, stac_api
from tests.test_loopback_only import canary

MARK = 4242
"""Digital number of the raster that nothing may read; no other pixel of the archive has it."""
WORD = "MARKED-SECRET-7d1f"
DAYS = ("2024-01-05", "2024-02-05", "2024-08-05", "2024-09-05")
VICTIM = "sentinel-2-2024-02-05-x"
DATES = {"before": "[2024-01-01, 2024-06-30]", "after": "[2024-07-01, 2024-12-31]"}


class World:
    """A folder with an archive, what nobody may touch, and a socket that nobody may call."""

    def __init__(self, folder: Path, address: str, heard: list[bytes]) -> None:
        self.folder, self.address, self.heard = folder, address, heard
        self.archive = folder / "archive"
        self.item = self.archive / VICTIM / f"{VICTIM}.json"
        self.asset = self.archive / VICTIM / "red.tif"
        self.site = site_yaml(folder, "archive/catalog.json", **DATES)

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        item = json.loads(self.item.read_text())
        change(item)
        self.item.write_text(json.dumps(item))

    def tree(self) -> dict[str, str]:
        """What each file outside the cache and the runs holds."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if not name.startswith(("cache", "out")) and not path.is_symlink() and path.is_file():
                found[name] = sha256_of(path)
        return found

    def nothing_happened(self, before: dict[str, str]) -> None:
        assert self.tree() == before
        assert self.heard == []
        for path in (*(self.folder / "cache").rglob("*"), *(self.folder / "out").rglob("*")):
            assert path.resolve().is_relative_to(self.folder)
            if path.is_file():
                content = path.read_bytes()
                assert WORD.encode() not in content, path
                if path.suffix == ".tif" and "objects" in path.parts:
                    assert MARK not in _pixels(path), path


def _pixels(path: Path) -> set[int]:
    import rasterio

    with rasterio.open(path) as raster:
        return set(np.unique(raster.read()).tolist())


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shots = [shot(day, ground(), i) for i, day in enumerate(DAYS)]
    for one in shots:
        one.bands = {name: one.bands[name] for name in ("red", "nir")}
    return write_archive(tmp_path_factory.mktemp("original") / "archive", shots).parent


@pytest.fixture
def world(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    shutil.copytree(original, tmp_path / "archive")
    write_cog(tmp_path / "secret.tif", np.full((SIZE, SIZE), MARK, np.uint16))
    (tmp_path / "secret.txt").write_text(WORD)
    (tmp_path / "secret.json").write_text(json.dumps({"type": "Catalog", "id": WORD, "links": []}))
    with canary() as (address, heard):
        # GDAL's own network code would ask here
        monkeypatch.setenv("GDAL_HTTP_PROXY", address)
        yield World(tmp_path, address, heard)


def acquire(world: World) -> tuple[str, str]:
    """What finding and fetching came to (``used``, ``recorded`` or ``refused``), and the sentence."""
    site = load_site(world.site)
    store = Store(world.folder / "cache")
    try:
        source = open_source(site, world.site.parent)
        scenes = find_scenes(site, source)
        got = fetch_scenes(scenes, source, site_geobox(site.ring, 10), store)
        check_sides(site, scenes, got)
    except ChangedetError as error:
        return "refused", str(error)
    if got.failures:
        return "recorded", "; ".join(f"{one.scene}, {one.asset}: {one.reason}" for one in got.failures)
    return ("used" if VICTIM in {one.scene.id for one in got.fetched} else "passed over"), ""


HREFS = {
    "a path that climbs": "../../secret.tif",
    "a path that climbs far": "../" * 40 + "etc/passwd",
    "an absolute path": "{folder}/secret.tif",
    "a file URL": "file://{folder}/secret.tif",
    "a file URL with a host": "file://localhost{folder}/secret.tif",
    "FILE in capitals": "FILE://{folder}/secret.tif",
    "GDAL over the network": "/vsicurl/http://{canary}/x.tif",
    "GDAL in a zip": "/vsizip/{folder}/pack.zip/secret.tif",
    "GDAL in a zip, relative": "../../pack.zip/secret.tif",
    "GDAL in a zip over the network": "/vsizip/vsicurl/http://{canary}/x.zip/x.tif",
    "GDAL in S3": "/vsis3/bucket/x.tif",
    "GDAL part of a file": "/vsisubfile/0_1000,{folder}/secret.tif",
    "GDAL standard input": "/vsistdin/",
    "a directory of a GeoTIFF": "GTIFF_DIR:1:{folder}/secret.tif",
    "a VRT as an address": "<VRTDataset rasterXSize='80' rasterYSize='80'><VRTRasterBand dataType='UInt16' band='1'>"
                           "<SimpleSource><SourceFilename>{folder}/secret.tif</SourceFilename></SimpleSource>"
                           "</VRTRasterBand></VRTDataset>",
    "a driver prefix": "WCS:http://{canary}/",
    "http": "http://{canary}/x.tif",
    "http elsewhere": "http://example.org/x.tif",
    "ftp": "ftp://{canary}/x.tif",
    "https on this machine": "https://{canary}/x.tif",
    "the metadata service of a cloud": "https://169.254.169.254/latest/meta-data",
    "a number for an address": "https://2130706433/x.tif",
    "this machine in IPv6": "https://[::ffff:127.0.0.1]/x.tif",
    "a password": "https://me:" + WORD + "@example.org/x.tif",
    "S3": "s3://bucket/x.tif",
    "data in the address": "data:image/tiff;base64,SUkqAA==",
    "gopher": "gopher://{canary}/x",
    "a share of Windows": "\\\\{canary}\\share\\x.tif",
    "a NUL byte": "./red.tif\0.png",
    "a line break": "./red.tif\r\nHost: evil",
    "a long address": "./" + "a" * 9000,
    "nothing": "",
    "the folder itself": ".",
}  # fmt: skip


@pytest.mark.parametrize("href", HREFS.values(), ids=HREFS)
def test_an_href_leads_nowhere(world: World, href: str) -> None:
    with zipfile.ZipFile(world.folder / "pack.zip", "w") as pack:
        pack.write(world.folder / "secret.tif", "secret.tif")
    # no format(): some of them hold braces of their own
    asked = href.replace("{folder}", str(world.folder)).replace("{canary}", world.address)
    world.edit(lambda item: item["assets"]["red"].update(href=asked))
    before = world.tree()
    outcome, sentence = acquire(world)
    assert outcome == "recorded", sentence
    assert sentence.startswith(f"{VICTIM}, red: ")
    assert WORD not in sentence
    world.nothing_happened(before)


def _tags(*entries: tuple[int, int, int, int]) -> bytes:
    """A little-endian TIFF header with one directory of tags (number, type, count, value)."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", 0)


def _claims(width: int, height: int, tile: int = 0) -> bytes:
    common = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    if tile:
        return _tags(*common, (322, 4, 1, tile), (323, 4, 1, tile), (324, 4, 1, 8), (325, 4, 1, 100))
    return _tags(*common, (273, 4, 1, 8), (278, 4, 1, height), (279, 4, 1, 100))


def _circle(world: World) -> bytes:
    """A TIFF whose directory names itself as the next one."""
    content = bytearray(_claims(80, 80))
    content[-4:] = struct.pack("<I", 8)
    return bytes(content)


def _bomb(world: World) -> bytes:
    """Half a megabyte that is 3 GB when it is read whole: one strip of 40,000 by 40,000 pixels."""
    import zlib

    packed = zlib.compress(bytes(40_000 * 400), 9)
    content = bytearray(_claims(40_000, 40_000))
    at = content.index(struct.pack("<HHII", 259, 3, 1, 1))
    content[at : at + 12] = struct.pack("<HHII", 259, 3, 1, 8)
    return bytes(content) + packed


def _vrt(world: World) -> bytes:
    source = f"<SourceFilename>{world.folder}/secret.tif</SourceFilename><SourceBand>1</SourceBand>"
    return (
        "<VRTDataset rasterXSize='80' rasterYSize='80'><SRS>EPSG:32637</SRS>"
        "<GeoTransform>600000,10,0,3900000,0,-10</GeoTransform><VRTRasterBand dataType='UInt16' band='1'>"
        f"<SimpleSource>{source}</SimpleSource></VRTRasterBand></VRTDataset>"
    ).encode()


def _wms(world: World) -> bytes:
    return f"<GDAL_WMS><Service name='TMS'><ServerUrl>http://{world.address}/</ServerUrl></Service></GDAL_WMS>".encode()


RASTERS: dict[str, Callable[[World], bytes]] = {
    "a VRT": _vrt,
    "a web map": _wms,
    "a width of two thousand million": lambda world: _claims(2**31 - 1, 2**31 - 1),
    "a width of four thousand million": lambda world: _claims(2**32 - 1, 1),
    "a tile of terabytes": lambda world: _claims(80, 80, tile=2**20),
    "no pixels": lambda world: _claims(0, 0),
    "directories in a circle": _circle,
    "a bomb": _bomb,
    "a zip file": lambda world: b"PK\x03\x04" + bytes(400),
    "a script": lambda world: b"#!/bin/sh\ntouch stolen\n",
    "a pickle": lambda world: b"cos\nsystem\n(S'touch stolen'\ntR.",
}


@pytest.mark.parametrize("make", RASTERS.values(), ids=RASTERS)
def test_a_raster_is_a_geotiff_of_a_plausible_size_or_nothing(world: World, make: Callable[[World], bytes]) -> None:
    world.asset.write_bytes(make(world))
    before = world.tree()
    tracemalloc.start()
    outcome, sentence = acquire(world)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcome == "recorded", sentence
    assert sentence.startswith(f"{VICTIM}, red: ")
    assert most < 200e6
    world.nothing_happened(before)


def test_sidecars_and_links_are_not_followed(world: World) -> None:
    aux = f"<PAMDataset><Metadata><MDI key='x'>{WORD}</MDI></Metadata></PAMDataset>"
    world.asset.with_suffix(".tif.aux.xml").write_text(aux)
    shutil.copy(world.folder / "secret.tif", world.asset.with_suffix(".tif.ovr"))
    shutil.copy(world.folder / "secret.tif", world.asset.with_suffix(".tif.msk"))
    before = world.tree()
    assert acquire(world) == ("used", "")
    world.nothing_happened(before)
    world.asset.unlink()
    world.asset.symlink_to(world.folder / "secret.tif")
    before = world.tree()
    outcome, sentence = acquire(world)
    assert (outcome, "outside the catalogue's own folder" in sentence) == ("recorded", True), sentence
    world.nothing_happened(before)


def test_a_folder_that_is_a_link_is_not_followed(world: World) -> None:
    (world.folder / "elsewhere").mkdir()
    shutil.copy(world.folder / "secret.tif", world.folder / "elsewhere" / "red.tif")
    (world.archive / "linked").symlink_to(world.folder / "elsewhere")
    world.edit(lambda item: item["assets"]["red"].update(href="../linked/red.tif"))
    before = world.tree()
    outcome, sentence = acquire(world)
    assert (outcome, "outside" in sentence) == ("recorded", True), sentence
    world.nothing_happened(before)


def _deep(world: World) -> None:
    world.item.write_text('{"type": "Feature", "x": ' + "[" * 200_000 + "]" * 200_000 + "}")


def _sparse(world: World) -> None:
    with world.item.open("wb") as file:
        file.truncate(100_000_000)


def _many(world: World) -> None:
    west, south, east, north = footprint()
    ring = [[west + (east - west) * i / 150_000, south] for i in range(150_000)]
    world.edit(lambda item: item["geometry"].update(coordinates=[[*ring, [east, north], ring[0]]]))


def _link(href: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        path = world.archive / "catalog.json"
        catalogue = json.loads(path.read_text())
        target = href.replace("{folder}", str(world.folder)).replace("{canary}", world.address)
        catalogue["links"].append({"rel": "item", "href": target})
        path.write_text(json.dumps(catalogue))

    return change


DOCUMENTS: dict[str, tuple[Callable[[World], object], str]] = {
    "a deep nest": (_deep, "refused"),
    "a hundred megabytes": (_sparse, "refused"),
    "a link that climbs": (_link("../secret.json"), "refused"),
    "a link to a file": (_link("file://{folder}/secret.json"), "refused"),
    "a link to GDAL": (_link("/vsicurl/http://{canary}/x.json"), "refused"),
    "a link to the network": (_link("http://{canary}/x.json"), "refused"),
    "a link to nothing at all": (_link("\0"), "refused"),
    "corners without number": (
        lambda w: w.edit(lambda i: i["geometry"].update(coordinates=[[[float("nan"), 1]] * 5])), "passed over"),
    "corners beyond the world": (
        lambda w: w.edit(lambda i: i["geometry"].update(coordinates=[[[1e300, 1e300]] * 5])), "passed over"),
    "two corners": (lambda w: w.edit(lambda i: i["geometry"].update(coordinates=[[[40, 35]] * 2])), "passed over"),
    "corners that are words": (
        lambda w: w.edit(lambda i: i["geometry"].update(coordinates=[["ab"] * 5])), "passed over"),
    "a hundred thousand corners": (_many, "passed over"),
    "a geometry of another kind": (lambda w: w.edit(lambda i: i.update(geometry=[1], bbox=None)), "passed over"),
    "no properties": (lambda w: w.edit(lambda i: i.update(properties=None)), "passed over"),
    "assets in a list": (lambda w: w.edit(lambda i: i.update(assets=[1, 2])), "passed over"),
    "a year without end": (
        lambda w: w.edit(lambda i: i["properties"].update(datetime="0001-01-01T00:00:00+14:00")), "passed over"),
    "a scale without end": (
        lambda w: w.edit(lambda i: i["assets"]["red"]["raster:bands"][0].update(scale=float("inf"))), "used"),
    "a resolution of nothing": (lambda w: w.edit(lambda i: i["assets"]["red"].update(gsd=1e-300)), "used"),
    "an orbit of thirty digits": (
        lambda w: w.edit(lambda i: i["properties"].update({"sat:relative_orbit": 10**30})), "used"),
    "a cloud share beyond numbers": (
        lambda w: w.edit(lambda i: i["properties"].update({"eo:cloud_cover": 10**400})), "used"),
    "links of nothing": (lambda w: (w.archive / VICTIM / "c.json").write_text("null"), "used"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_is_read_with_care(world: World, change: Callable[[World], object], expected: str) -> None:
    change(world)
    before = world.tree()
    outcome, sentence = acquire(world)
    assert outcome == expected, sentence
    assert bool(sentence) == (expected == "refused")
    assert WORD not in sentence
    world.nothing_happened(before)


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """The command line in this process: exit code and what it said; anything but a clean end is an error here."""
    monkeypatch.setattr(sys, "argv", ["changedet", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out + said.err


ALIASES = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30))
SITES: dict[str, Callable[[str], str]] = {
    "an id that climbs": lambda text: text.replace("id: tiny", "id: ../../tiny"),
    "an absolute id": lambda text: text.replace("id: tiny", "id: /etc/tiny"),
    "an id that is a parent": lambda text: text.replace("id: tiny", "id: '..'"),
    "a NUL in the id": lambda text: text.replace("id: tiny", 'id: "tiny\\0x"'),
    "right to left in the id": lambda text: text.replace("id: tiny", 'id: "ti\\u202eny"'),
    "a laughing document": lambda text: ALIASES + text,
    "a Python object": lambda text: text.replace("id: tiny", "id: !!python/object/apply:os.system ['touch stolen']"),
    "a Python name": lambda text: text.replace("id: tiny", "id: !!python/name:os.system"),
    "a tag of its own": lambda text: text.replace("id: tiny", "id: !include /etc/passwd"),
    "a merge": lambda text: "base: &b {id: evil}\n<<: *b\n" + text,
    "a deep nest": lambda text: text + "zones: " + "[" * 5000 + "]" * 5000 + "\n",
    "a number of a million digits": lambda text: text.replace("radius: 300", "radius: " + "9" * 900_000),
    "no number": lambda text: text.replace("radius: 300", "radius: .nan"),
    "a number without end": lambda text: text.replace("radius: 300", "radius: .inf"),
    "a catalogue in a file URL": lambda text: text.replace("archive/catalog.json", "file:///etc/passwd"),
    "a catalogue for GDAL": lambda text: text.replace("archive/catalog.json", "/vsicurl/http://{canary}/c.json"),
    "a catalogue over ftp": lambda text: text.replace("archive/catalog.json", "ftp://{canary}/catalog.json"),
    "a catalogue over http": lambda text: text.replace("archive/catalog.json", "http://example.org/catalog.json"),
    "a catalogue with a password": lambda text: text.replace(
        "archive/catalog.json", f"https://me:{WORD}@example.org/catalog.json"),
    "a catalogue that is a device": lambda text: text.replace("archive/catalog.json", "/dev/zero"),
    "a catalogue that is a text": lambda text: text.replace("archive/catalog.json", "secret.txt"),
    "an area in a file elsewhere": lambda text: text.replace("  center: ", "  file: secret.txt\n  x: "),
    "credentials in the file": lambda text: text.replace("kind: stac", f"kind: sentinelhub\n  client_secret: {WORD}"),
    "a source that is no source": lambda text: text.replace("kind: stac", "kind: ../../os"),
    "a source that is a module": lambda text: text.replace("kind: stac", "kind: transport"),
    "a detector that is a path": lambda text: text + "detect: {detectors: {../../os: {}}}\n",
    "bytes that are no text": lambda text: text + "\udcff",
}  # fmt: skip


@pytest.mark.parametrize("change", SITES.values(), ids=SITES)
def test_a_site_file_is_refused_with_a_sentence(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: Callable[[str], str]
) -> None:
    text = change(world.site.read_text()).replace("{canary}", world.address)
    world.site.write_bytes(text.encode("utf-8", "surrogateescape"))
    monkeypatch.chdir(world.folder)
    before = world.tree()
    out, cache = world.folder / "out", world.folder / "cache"
    code, said = command(monkeypatch, capsys, "run", world.site, "--out", out, "--cache", cache)
    assert code == 2, said
    assert said.startswith("changedet: ")
    assert "Traceback" not in said
    assert WORD not in said
    assert len(said) < 5000
    assert not any(path.is_file() for path in out.rglob("*"))
    world.nothing_happened(before)


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
    before = None
    with serving(world.archive, fault=redirecting(target)) as served:
        world.site = site_yaml(world.folder, f"{served.url}/catalog.json", **DATES)
        before = world.tree()
        outcome, sentence = acquire(world)
    assert outcome == "refused"
    assert "none of 4 scenes could be fetched" in sentence
    assert WORD not in sentence
    world.nothing_happened(before)


@pytest.mark.parametrize("place", ["http://example.org/search", "file:///etc/passwd", "https://127.0.0.1/search"])
def test_a_next_page_elsewhere_is_not_asked_for(world: World, place: str) -> None:
    def elsewhere(page: dict[str, Any], number: int, address: str) -> dict[str, Any]:
        return {**page, "links": [next_link(place, {"token": 1})]}

    with stac_api(world.archive, change=elsewhere) as served:
        if place.startswith("https"):
            place = f"ftp://{world.address}/search"
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
    told: list[bytes] = []

    def listen(handler: BaseHTTPRequestHandler, name: str, number: int) -> bool:
        told.append(handler.body)  # type: ignore[attr-defined]
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


NAMES = (
    "../../../evil",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "evil\u202etxt.exe",
    "\x1b]0;owned\x07\x1b[2J",
    "a\0b",
    "[link=http://example.org]red[/link]",
    "{{ 7*7 }}",
    "'; DROP TABLE scenes; --",
    "]]></description><script>",
)


@pytest.fixture(scope="module")
def hostile_run(
    original: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str], Path]:
    """A whole run of a catalogue whose every word is hostile: folder, process, run folder."""
    folder = tmp_path_factory.mktemp("hostile")
    days = [f"2024-{month:02d}-{day:02d}" for month in (1, 2, 3, 8, 9) for day in (3, 18)]
    write_archive(folder / "archive", [shot(day, ground(), i) for i, day in enumerate(days)])
    for path, name in zip(sorted((folder / "archive").glob("*/*.json")), NAMES, strict=True):
        item = json.loads(path.read_text())
        item["id"] = name
        item["properties"] |= {"platform": f"sentinel-2a{name}", "s2:product_uri": name, "title": name}
        item["assets"][name] = {**item["assets"]["red"], "href": "../../../etc/passwd", "title": name}
        path.write_text(json.dumps(item))
    site = site_yaml(folder, "archive/catalog.json", **DATES)
    text = site.read_text().replace("name: Tiny site", f"name: {json.dumps(NAMES[1] + NAMES[9])}")
    zones = [{"name": name, "kind": "building", "center": [0, 0], "radius": 40} for name in (NAMES[1], NAMES[7])]
    west, south, east, north = footprint()
    for zone in zones:
        zone["center"] = [round((west + east) / 2, 5), round((south + north) / 2, 5)]
    site.write_text(text + f"zones: {json.dumps(zones)}\n")
    done = subprocess.run(
        [sys.executable, "-m", "changedet", "run", site, "--out", folder / "out", "--cache", folder / "cache"],
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    found = sorted((folder / "out" / "tiny").glob("[!.]*"))
    return folder, done, found[0] if found else folder


def test_hostile_words_stay_words(hostile_run: tuple[Path, subprocess.CompletedProcess[str], Path]) -> None:
    folder, done, run = hostile_run
    assert done.returncode == 0, done.stderr
    assert not any(ord(c) < 32 and c != "\n" for c in done.stdout + done.stderr)
    # nothing but the archive, the site, the cache and the run
    assert {path.name for path in folder.iterdir()} == {"archive", "site.yaml", "cache", "out"}
    assert {path.name for path in (folder / "out").iterdir()} <= {"tiny", "catalog.json", ".catalog.lock"}
    page = (run / "report.html").read_text()
    for word in ("<script>alert(1)", "<img src=x", "\u202e", "\x1b", "\0"):
        assert word not in page, word
    for path in run.rglob("*"):
        assert path.resolve().is_relative_to(run)
        assert not path.is_symlink()
    for path in (*run.rglob("*.json"), *run.rglob("*.geojson")):
        json.loads(path.read_text())


def test_search_prints_hostile_words_as_words(
    hostile_run: tuple[Path, subprocess.CompletedProcess[str], Path],
) -> None:
    folder, *_ = hostile_run
    done = subprocess.run(
        [sys.executable, "-m", "changedet", "search", folder / "site.yaml"],
        capture_output=True, text=True, timeout=100, env={**os.environ, "COLUMNS": "250"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "[link=http://example.org]red[/link]" in done.stdout


def test_a_link_in_a_run_folder_is_not_followed(
    hostile_run: tuple[Path, subprocess.CompletedProcess[str], Path],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run = Path(shutil.copytree(hostile_run[2], tmp_path / "tiny" / "run"))
    (tmp_path / "secret.txt").write_text(WORD)
    (run / "extra.txt").symlink_to(tmp_path / "secret.txt")
    for verb, *more in (("export", tmp_path / "pack.zip"), ("report",), ("check",)):
        code, said = command(monkeypatch, capsys, verb, run, *more)
        assert code in (1, 2), verb
        assert "extra.txt" in said
        assert WORD not in said
    assert not (tmp_path / "pack.zip").exists()
    assert (tmp_path / "secret.txt").read_text() == WORD


@pytest.mark.parametrize("kind", ["signed", "sentinelhub"])
def test_no_secret_is_in_any_file_or_word_of_a_run(contracts: Path, tmp_path: Path, kind: str) -> None:
    secrets = {"SH_CLIENT_SECRET": SECRET, "SH_CLIENT_ID": "client-4b7e91", "AWS_SECRET_ACCESS_KEY": "aws-99e0ab",
               "PC_SDK_SUBSCRIPTION_KEY": "pc-key-5510"}  # fmt: skip
    tokens = {"signature": "sig-1f77d0", "bearer": "token-1"}
    days = [f"2024-{month:02d}-05" for month in (1, 2, 3, 8, 9)]
    archive = write_archive(tmp_path / "archive", [shot(day, ground(), i) for i, day in enumerate(days)]).parent
    asked: list[str] = []

    def refuse_one(handler: BaseHTTPRequestHandler, *more: object) -> bool:
        # one scene fails, so that a sentence about it is written as well
        asked.append(handler.path)
        one = "2024-02-05" in handler.path or b'"2024-02-05' in getattr(handler, "body", b"")
        if not one or not handler.path.split("?")[0].endswith((".tif", "/process")):
            return False
        send(handler, 403, f"{tokens['signature']} {SECRET}".encode(), "text/plain")
        return True

    with ExitStack() as stack:
        if kind == "signed":
            for path in archive.glob("*/*.json"):
                item = json.loads(path.read_text())
                for asset in item["assets"].values():
                    asset["href"] += f"?sv=1&sig={tokens['signature']}"
                path.write_text(json.dumps(item))
            url = stack.enter_context(stac_api(archive, fault=refuse_one)).url
            site = site_yaml(tmp_path, f"{url}/", **DATES)
        else:
            url = stack.enter_context(sentinel_hub(archive, contracts, refuse_one)).url
            site = site_yaml(tmp_path, "x", **DATES)
            site.write_text(site.read_text().replace("kind: stac\n  catalog: x", "kind: sentinelhub"))
        done = subprocess.run(
            [sys.executable, "-m", "changedet", "run", site, "--out", tmp_path / "out", "--cache", tmp_path / "cache"],
            capture_output=True, text=True, timeout=280, env={**os.environ, **secrets, "CHANGEDET_SH_LOOPBACK": url},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2024-02-05" in done.stderr
    if kind == "signed":
        assert any(tokens["signature"] in path for path in asked)  # the signature was sent where it belongs
    files = [path for part in ("out", "cache") for path in (tmp_path / part).rglob("*") if path.is_file()]
    assert len(files) > 30
    for secret in (*secrets.values(), *tokens.values()):
        assert secret not in done.stdout + done.stderr
        for path in files:
            assert secret.encode() not in path.read_bytes(), path
            assert secret not in path.name
        _not_packed(files, secret.encode())


def _not_packed(files: list[Path], secret: bytes) -> None:
    """Nor inside the zip files (KMZ, arrays)."""
    for path in files:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as pack:
                assert not any(secret in pack.read(name) for name in pack.namelist()), path
