"""A folder of site files over the tiny archive, and how to watch it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from changedet.evidence import Evidence
from changedet.watch import step
from changedet.watch.journal import silent
from changedet.watch.watcher import Plan
from tests.archive import Shot, ground, shot, site_yaml, write_archive

GONE = (slice(30, 42), slice(34, 48))
"""Rows and columns of the building that is gone from 13 August on."""
BEFORE, AFTER = "[2024-01-01, 2024-06-30]", "[2024-07-01, 2024-12-31]"


def with_building(reflectance: NDArray[np.float64]) -> NDArray[np.float64]:
    built = reflectance.copy()
    built[GONE] += 0.2
    return built


def shots() -> list[Shot]:
    """A building that stands through the reference period and July, and is gone from August."""
    standing = [(month, day) for month in range(1, 7) for day in (3, 13, 23)] + [(7, 3), (7, 23)]
    gone = [(8, 3), (8, 13), (8, 23)]
    every = [shot(f"2024-{m:02d}-{d:02d}", with_building(ground()), m * 40 + d) for m, d in standing]
    every += [shot(f"2024-{m:02d}-{d:02d}", ground(), m * 40 + d) for m, d in gone]
    for one in every:
        one.bands = {band: one.bands[band] for band in ("red", "nir")}
    return every


def make(folder: Path) -> Path:
    """The folder of site files; the images lie beside it."""
    write_archive(folder / "images", shots())
    configs = folder / "configs"
    configs.mkdir()
    site_yaml(configs, "../images/catalog.json", before=BEFORE, after=AFTER).rename(configs / "tiny.yaml")
    return configs


def plan(configs: Path, until: str = "2024-12-31", **more: Any) -> Plan:
    made = Plan(
        configs,
        configs.parent / "archive",
        configs.parent / "cache",
        until=datetime.fromisoformat(until).replace(tzinfo=UTC),
        journal=silent,
    )
    return replace(made, **more)


def alerts_yaml(configs: Path, url: str) -> None:
    (configs / "watch.yaml").write_text(f"alerts:\n  webhook:\n    url: {url}\n    secret: HOOK_SECRET\n")


def _brief(evidence: Evidence, folder: Path) -> tuple[Path, ...]:
    path = folder / "report.html"
    path.write_text(f"{evidence.provenance.run_id}: {len(evidence.detections)} places, {len(evidence.scenes)} scenes")
    return (path,)


@contextmanager
def brief_reports() -> Iterator[None]:
    """Reports of one line, for tests of what is around them."""
    with patch.object(step, "write_report", _brief):
        yield


@dataclass(frozen=True)
class Content:
    """What an archive holds, times of running aside."""

    files: dict[str, str]

    @staticmethod
    def of(archive: Path) -> Content:
        files = {}
        for path in sorted(archive.rglob("*")):
            name = path.relative_to(archive).as_posix()
            if path.is_dir() or name.startswith(".watch.lock") or path.name in (".catalog.lock", "watch-pass.json"):
                continue
            if path.name == "run.json":
                record = json.loads(path.read_bytes())
                content = json.dumps({k: v for k, v in record.items() if k not in ("timings", "downloads")}).encode()
            elif path.name == "SHA256SUMS":
                lines = path.read_text().splitlines()
                content = "\n".join(li for li in lines if "run.json" not in li and not li.startswith("#")).encode()
            else:
                content = path.read_bytes()
            files[name] = hashlib.sha256(content).hexdigest()
        return Content(files)

    def differences(self, other: Content) -> list[str]:
        names = {*self.files, *other.files}
        return sorted(name for name in names if self.files.get(name) != other.files.get(name))
