"""``changedet export``: one archive of a run for those who must be able to check it.

Originals and working copies lie apart, untouched and with their digests, as the Berkeley Protocol on Digital Open
Source Investigations (OHCHR and UC Berkeley, 2020, chapter VI) asks. The same run and cache give the same bytes: the
time in the pack is that of the run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from changedet.errors import InputError
from changedet.report import manifest
from changedet.report.check import check, inputs
from changedet.report.plain import json_bytes
from changedet.report.words import clean, count
from changedet.report.zips import writing_zip
from changedet.store import sha256_of, writing

PACK_SCHEMA = "changedet-evidence-pack-1"


@dataclass(frozen=True, slots=True)
class _Original:
    """One input in the pack."""

    name: str
    """Path in the pack."""
    of: str
    """``scene id/asset``."""
    sha256: str
    path: Path


def export(run_folder: Path, zip_path: Path, cached: Mapping[str, Path] | None = None) -> Path:
    """Pack a run folder and its originals into ``zip_path``.

    Parameters
    ----------
    cached : SHA-256 → path of the originals in the cache; those that are gone or damaged are listed as absent

    Raises
    ------
    InputError
        When the run folder is not as its manifest says, or ``zip_path`` lies in it.
    OutputError
        When the archive cannot be written.
    """
    run_folder = run_folder.resolve()
    if zip_path.resolve().is_relative_to(run_folder):
        raise InputError(f"{zip_path}: lies in the run folder, which must stay as it is; choose another place")
    findings = check(run_folder)
    if findings:
        more = f" and {len(findings) - 1} more" if len(findings) > 1 else ""
        raise InputError(f"{run_folder}: not packed, for it is not as it was made: {findings[0]}{more}")
    originals, absent = _originals(inputs(run_folder), cached or {})
    run = json.loads((run_folder / "run.json").read_bytes())
    described = _descriptions(run, run_folder, originals, absent)
    members = {
        **described,
        **{original.name: original.path for original in originals},
        **{f"working/{name}": run_folder / name for name in (*manifest.files(run_folder), manifest.NAME)},
    }
    root = f"evidence-{run_folder.parent.name}-{run_folder.name}"
    with writing(zip_path) as aside, writing_zip(aside) as archive:
        sums = manifest.manifest_bytes({name: _digest(content) for name, content in members.items()})
        for name, content in sorted({**members, manifest.NAME: sums}.items()):
            if isinstance(content, bytes):
                archive.add_bytes(f"{root}/{name}", content)
            else:
                archive.add_file(f"{root}/{name}", content)
    return zip_path


def _originals(
    wanted: Mapping[str, str], cached: Mapping[str, Path]
) -> tuple[tuple[_Original, ...], Mapping[str, str]]:
    """Those that are sound in the cache, and the digests of those that are not there."""
    found, absent = [], {}
    scenes = list(dict.fromkeys(name.rsplit("/", 1)[0] for name in wanted))
    for name, digest in wanted.items():
        scene, asset = name.rsplit("/", 1)
        path = cached.get(digest)
        if path is None or not path.is_file() or sha256_of(path) != digest:
            absent[name] = digest
            continue
        folder = f"{scenes.index(scene) + 1:03d}-{_safe(scene)}"
        found.append(_Original(f"originals/{folder}/{_safe(asset)}{path.suffix}", name, digest, path))
    return tuple(found), absent


def _safe(text: str) -> str:
    """A file name of harmless characters; the manifest holds the full text."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:80].strip("_") or "unnamed"


def _one_line(text: str) -> str:
    """The text on one line and in a Unicode isolate, so that a right-to-left mark in it turns nothing around it."""
    return f"\u2068{clean(' '.join(text.split()))}\u2069"


def _digest(content: bytes | Path) -> str:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else sha256_of(content)


def _descriptions(
    run: Mapping[str, Any], run_folder: Path, originals: tuple[_Original, ...], absent: Mapping[str, str]
) -> dict[str, bytes | Path]:
    pack = resources("changedet.report") / "pack"
    working = {f"working/{name}": run_folder / name for name in (*manifest.files(run_folder), manifest.NAME)}
    record = {
        "schema": PACK_SCHEMA,
        "site": run["site"]["id"],
        "run": run["run"],
        "started": run["started"],
        "attribution": run["attribution"],
        "simulated": run["simulated"],
        "versions": run["versions"],
        "run_manifest_sha256": manifest.digest(run_folder),
        "originals": [
            {"file": o.name, "of": o.of, "sha256": o.sha256, "size": o.path.stat().st_size} for o in originals
        ],
        "originals_absent": absent,
        "working": [
            {"file": name, "sha256": sha256_of(path), "size": path.stat().st_size} for name, path in working.items()
        ],
    }
    found = count(run["counts"]["detections"], "place")
    readme = (pack / "README.txt").read_text(encoding="utf-8")
    text = readme.format(
        site=_one_line(run["site"]["name"]),
        run=run["run"],
        started=run["started"],
        version=run["versions"].get("changedet", "of unknown version"),
        attribution=_one_line(run["attribution"]),
        finding=f"{found} flagged as changed; see working/report.html and working/verdicts.json.",
        packed=len(originals),
        absent=f"{count(len(absent), 'original')} could not be packed, being no longer in the cache; "
        "MANIFEST.json lists them."
        if absent
        else "All originals of the run are here.",
        digest=manifest.digest(run_folder),
    )
    return {
        "README.txt": text.encode(),
        "MANIFEST.json": json_bytes(record),
        "verify.py": (pack / "verify.py").read_bytes(),
    }
