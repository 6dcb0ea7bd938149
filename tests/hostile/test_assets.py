"""Addresses of assets, and the files behind them."""

from __future__ import annotations

import shutil
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable

import pytest

from tests.hostile.world import VICTIM, WORD, World, acquire

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
