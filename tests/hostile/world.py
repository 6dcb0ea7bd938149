"""A world in which nothing may be read, written or called but what the rules allow."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from changedet import cli
from changedet.errors import ChangedetError
from changedet.pipeline import load_site
from changedet.sources.acquire import check_sides, fetch_scenes, find_scenes, open_source
from changedet.stack import site_geobox
from changedet.store import Store, sha256_of
from tests.archive import site_yaml

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
    with rasterio.open(path) as raster:
        return set(np.unique(raster.read()).tolist())


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


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """The command line in this process: exit code and what it said; anything but a clean end is an error here."""
    monkeypatch.setattr(sys, "argv", ["changedet", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out + said.err
