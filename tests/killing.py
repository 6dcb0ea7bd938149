"""Downloads killed by -9 at random instants, and begun again: ``python -m tests.killing KIND URL FOLDER KILLS SEED``.

One process imports everything, then forks a child for each download.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import sentinelhub.api.process  # noqa: F401  imported before the fork, as all else: a kill should fall into the download

from changedet.sources import Query, Source
from changedet.sources.acquire import fetch_scenes
from changedet.sources.sentinelhub import Config as HubConfig
from changedet.sources.sentinelhub import open_source as open_hub
from changedet.sources.stac import Config as StacConfig
from changedet.sources.stac import open_source as open_stac
from changedet.sources.transport import Patience
from changedet.stack import site_geobox
from changedet.store import Entry, Store, request_hash, sha256_of
from tests.archive import day, footprint
from tests.forking import forked

CALM = Patience(attempts=3, connect=10, read=20, total=60, base=0.05)


def opened(kind: str, url: str, patience: Patience = CALM) -> Source:
    """A source on a loopback service; ``url`` of a ``stac`` one is that of its catalogue."""
    if kind == "stac":
        return open_stac(StacConfig(catalog=url), Path(), patience)
    os.environ.update(CHANGEDET_SH_LOOPBACK=url, SH_CLIENT_ID="me", SH_CLIENT_SECRET="loopback-secret-3f9c")
    return open_hub(HubConfig(), Path(), replace(patience, retry_after_unit=0.001))


def query() -> Query:
    """The whole tiny archive."""
    west, south, east, north = footprint()
    west, south, east, north = west + 0.003, south + 0.003, east - 0.003, north - 0.003
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return Query("sentinel-2", ring, day("2024-01-01"), day("2025-01-01"))


class Logged(Store):
    """A cache that writes down each answer as it begins to keep it."""

    def __init__(self, folder: Path, log: Path) -> None:
        super().__init__(folder)
        self._log = log

    def put(self, request: Mapping[str, object], write: Callable[[Path], None], *, scene: str, asset: str) -> Entry:
        with self._log.open("a") as log:
            log.write(f"{request_hash(request)}\n")
        return super().put(request, write, scene=scene, asset=asset)


def download(kind: str, url: str, cache: Path, log: Path) -> None:
    """All scenes at once, as a run does."""
    source, asked = opened(kind, url), query()
    fetch_scenes(source.search(asked), source, site_geobox(asked.ring, 10), Logged(cache, log))


def held(cache: Path) -> dict[str, str]:
    """SHA-256 of each answer in a cache, by what was asked."""
    return {entry.request: entry.sha256 for entry in Store(cache).entries()}


def half_written(cache: Path) -> int:
    """Files under a final name that are not whole."""
    objects = sum(sha256_of(path) != path.stem for path in (cache / "objects").glob("??/*.tif"))
    return objects + len([path for path in (cache / "requests").glob("??/[!.]*.json") if not _is_json(path)])


def _is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except ValueError:
        return False


@dataclass
class Counts:
    """What happened."""

    kills: int = 0
    files: int = 0
    """Answers of an undisturbed download."""
    kept: int = 0
    """Answers that the killed downloads had kept, all kills together."""
    parts: int = 0
    """Kills that left an unfinished part aside."""
    other_bytes: int = 0
    """Restarts that ended with other bytes than an undisturbed download."""
    downloaded_twice: int = 0
    """Answers that a killed download had kept whole and the restart fetched again."""
    failed_verification: int = 0
    half_written: int = 0


def kill(kind: str, url: str, folder: Path, kills: int, seed: int) -> Counts:
    """Kill as many downloads as asked, each at an instant drawn evenly from the length of an undisturbed one."""
    rng = np.random.default_rng(seed)
    begun = time.monotonic()
    forked(lambda: download(kind, url, folder / "undisturbed", folder / "first.log"))
    lasts = time.monotonic() - begun
    wanted = held(folder / "undisturbed")
    counts = Counts(files=len(wanted))
    cache, log = folder / "cache", folder / "again.log"
    while counts.kills < kills:
        shutil.rmtree(cache, ignore_errors=True)
        killed_after = float(rng.uniform(0, lasts))
        if forked(lambda: download(kind, url, cache, folder / "killed.log"), killed_after) is not None:
            continue
        counts.kills += 1
        before = held(cache) if cache.is_dir() else {}
        counts.kept += len(before)
        counts.parts += any(cache.rglob(".*.part"))
        counts.half_written += half_written(cache)
        counts.failed_verification += len(Store(cache).verify())
        log.unlink(missing_ok=True)
        forked(lambda: download(kind, url, cache, log))
        fetched = set(log.read_text().split()) if log.exists() else set()
        counts.downloaded_twice += len(fetched & set(before))
        counts.other_bytes += held(cache) != wanted
        counts.failed_verification += len(Store(cache).verify())
    return counts


if __name__ == "__main__":
    done = kill(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    print(json.dumps(asdict(done)))
