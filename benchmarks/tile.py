"""A whole Sentinel-2 tile, two dates, through ``changedet run``: seconds and memory of each step.

    python benchmarks/tile.py [--side 10980] [--folder DIR] [--write]

The archive is made of one real pair (OSCD, Abu Dhabi), mirrored and repeated until it fills the tile, with a
classification that calls some discs of the second date cloud. The run is a process of its own; its memory is read from
the kernel ten times a second: anonymous memory, which cannot be given back, and all resident memory, with pages of
files, which the system takes back when others need them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.warp import transform_geom
from tables import DATA, write_section

CITY, DAYS = "abudhabi", ("2016-01-20", "2018-03-28")
EPSG, LEFT, TOP = 32640, 199_980.0, 2_700_000.0
TILE = 10_980
NATIVE = {"blue": 10, "green": 10, "red": 10, "nir": 10, "swir16": 20, "swir22": 20}
"""Metres."""
FILES = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11", "swir22": "B12"}
CLOUD, BARE = 9, 5
ROWS = 1098


@dataclass
class Memory:
    """Peaks in bytes of a process, seen ten times a second."""

    anonymous: int = 0
    total: int = 0
    samples: list[tuple[float, int]] = field(default_factory=list)

    def follow(self, process: subprocess.Popen[bytes]) -> None:
        begin = time.monotonic()
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                return
            kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if "kB" in line}
            anonymous = 1024 * kilobytes.get("RssAnon", 0)
            self.anonymous = max(self.anonymous, anonymous)
            self.total = max(self.total, 1024 * kilobytes.get("VmHWM", 0))
            self.samples.append((time.monotonic() - begin, anonymous))
            time.sleep(0.1)


def native(day: str, band: str) -> NDArray[np.uint16]:
    """The middle of a band of the city as it is stored, cut to the same ground on both dates."""
    shapes = []
    for each in DAYS:
        with rasterio.open(DATA / "oscd" / CITY / each / f"{FILES[band]}.tif") as source:
            shapes.append(source.shape)
            if each == day:
                image: NDArray[np.uint16] = source.read(1)
    cell = 20 // NATIVE[band]
    rows, columns = (cell * (min(shape[axis] for shape in shapes) // cell - 2) for axis in (0, 1))
    return image[cell : cell + rows, cell : cell + columns]


def repeated(size: int, side: int) -> NDArray[np.intp]:
    """Indices that run to and fro."""
    return np.resize(np.concatenate([np.arange(size), np.arange(size)[::-1]]), side)


def write_band(path: Path, image: NDArray, cell: int, side: int) -> None:
    rows, columns = repeated(image.shape[0], side), repeated(image.shape[1], side)
    profile = {
        "driver": "GTiff", "height": side, "width": side, "count": 1, "dtype": image.dtype.name, "nodata": 0,
        "crs": f"EPSG:{EPSG}", "transform": from_origin(LEFT, TOP, cell, cell),
        "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "zlevel": 1,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        for top in range(0, side, 512):
            part = image[rows[top : top + 512]][:, columns]
            target.write(part, 1, window=((top, top + len(part)), (0, side)))


def clouds(side: int, cell: int) -> NDArray[np.uint8]:
    """Discs of 600 m, one each 6 km, on otherwise bare ground."""
    y, x = np.mgrid[:side, :side].astype(np.int32) * cell
    distance = ((y + 3000) % 6000 - 3000) ** 2 + ((x + 3000) % 6000 - 3000) ** 2
    return np.where(distance < 300**2, np.uint8(CLOUD), np.uint8(BARE))


def make_archive(folder: Path, side: int) -> Path:
    """A static catalogue of two dates; returns the site file for all of it."""
    corners = [(0, 0), (side, 0), (side, side), (0, side), (0, 0)]
    ring = [[LEFT + 10 * x, TOP - 10 * y] for x, y in corners]
    area = transform_geom(f"EPSG:{EPSG}", "EPSG:4326", {"type": "Polygon", "coordinates": [ring]}, precision=7)
    links = []
    for day in DAYS:
        scene = f"tile-{day}"
        (folder / scene).mkdir(parents=True)
        for band, cell in NATIVE.items():
            write_band(folder / scene / f"{band}.tif", native(day, band), cell, side * 10 // cell)
        scl = clouds(side // 2, 20) if day == DAYS[1] else np.full((side // 2, side // 2), BARE, np.uint8)
        write_band(folder / scene / "scl.tif", scl, 20, side // 2)
        assets = {
            band: {
                "href": f"./{band}.tif", "type": "image/tiff; application=geotiff", "roles": ["data"],
                "raster:bands": [{"data_type": "uint16", "nodata": 0, "scale": 1e-4, "offset": 0}],
            }
            for band in (*NATIVE, "scl")
        }  # fmt: skip
        assets["scl"]["raster:bands"] = [{"data_type": "uint8", "nodata": 0}]
        item = {
            "type": "Feature", "stac_version": "1.1.0", "id": scene, "geometry": area, "links": [],
            "bbox": [*np.min(area["coordinates"][0], axis=0), *np.max(area["coordinates"][0], axis=0)],
            "properties": {"datetime": f"{day}T07:00:00Z", "platform": "sentinel-2a", "constellation": "sentinel-2"},
            "assets": assets,
        }  # fmt: skip
        (folder / scene / "item.json").write_text(json.dumps(item))
        links.append({"rel": "item", "href": f"./{scene}/item.json"})
    catalogue = {"type": "Catalog", "id": "tile", "stac_version": "1.1.0", "description": "tile", "links": links}
    (folder / "catalog.json").write_text(json.dumps(catalogue))
    (folder / "area.geojson").write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": area}))
    site = folder / "site.yaml"
    site.write_text(
        f"id: tile\nname: One tile\ngeometry: area.geojson\nsource: {{kind: stac, catalog: catalog.json}}\n"
        f"sensors: {{sentinel-2: {{}}}}\nbefore: [{DAYS[0]}, {DAYS[0]}]\nafter: [{DAYS[1]}, {DAYS[1]}]\n"
    )
    return site


def run(site: Path, folder: Path) -> tuple[Memory, float, dict[str, Any]]:
    """``changedet run`` as a process; its memory, its seconds and its ``run.json``."""
    command = [sys.executable, "-m", "changedet", "run", str(site), "--out", str(folder / "out")]
    environment = os.environ | {"CHANGEDET_CACHE": str(folder / "cache"), "XDG_CACHE_HOME": str(folder / "cache")}
    begin = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    memory = Memory()
    watcher = threading.Thread(target=memory.follow, args=(process,))
    watcher.start()
    code = process.wait()
    watcher.join()
    if code:
        raise SystemExit(f"changedet run ended with {code}")
    record = json.loads(next((folder / "out" / "tile").glob("2*/run.json")).read_text())
    return memory, time.monotonic() - begin, record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=TILE, help="pixels of 10 m, even")
    parser.add_argument("--folder", type=Path, help="where the archive and the run are left; by default nowhere")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as aside:
        folder = options.folder or Path(aside)
        site = folder / "archive" / "site.yaml"
        if not site.exists():
            site = make_archive(folder / "archive", options.side)
        memory, seconds, record = run(site, folder)
    lines = report(options.side, memory, seconds, record)
    print("\n".join(lines))
    if options.write:
        write_section("tile", "A whole tile, two dates", "python benchmarks/tile.py --write", lines)


def report(side: int, memory: Memory, seconds: float, record: dict[str, Any]) -> list[str]:
    steps = ", ".join(f"{name} {value:.0f} s" for name, value in record["timings"].items())
    return [
        f"{side} × {side} pixels, six bands and the classification, two dates, `changedet run` from the archive to the "
        "sealed run folder:",
        "",
        "| seconds | peak of anonymous memory | peak of all resident memory, pages of files included |",
        "|---|---|---|",
        f"| {seconds:.0f} | {memory.anonymous / 1e9:.2f} GB | {memory.total / 1e9:.2f} GB |",
        "",
        f"Steps: {steps}.",
    ]


if __name__ == "__main__":
    main()
