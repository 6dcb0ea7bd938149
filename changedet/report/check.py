"""``changedet check``: whether a run folder is still what it was when its manifest was written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from changedet.errors import InputError
from changedet.report import manifest
from changedet.store import sha256_of

Trouble = Literal["altered", "missing", "added", "unreadable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was."""

    file: str
    """Path below the run folder; or ``input <scene>/<asset>`` for an original in the cache."""
    trouble: Trouble
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.trouble}: {self.message}"


def check(run_folder: Path, cached: Mapping[str, Path] | None = None) -> tuple[Finding, ...]:
    """All that is altered, missing or added since the run; nothing where all is as it was.

    Parameters
    ----------
    cached : SHA-256 → path of originals that are still in the cache; each is hashed again where it is an input of this
        run. An original that is no longer there is no finding: a cache may be emptied.

    Raises
    ------
    InputError
        When ``run_folder`` is no folder.
    """
    if not run_folder.is_dir():
        raise InputError(f"{run_folder}: is not a folder; give the folder of a run")
    try:
        digests = manifest.read(run_folder)
    except InputError as error:
        trouble: Trouble = "altered" if (run_folder / manifest.NAME).exists() else "missing"
        return (Finding(manifest.NAME, trouble, str(error)),)
    return (*_files(run_folder, digests), *_inputs(run_folder, cached or {}))


def inputs(run_folder: Path) -> Mapping[str, str]:
    """SHA-256 of each original window by ``scene id/asset``, from ``run.json``.

    Raises
    ------
    InputError
        When ``run.json`` cannot be read.
    """
    path = run_folder / "run.json"
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        return {
            f"{scene['id']}/{name}": str(asset["sha256"])
            for scene in record["inputs"]
            for name, asset in scene["assets"].items()
            if asset["sha256"] is not None
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read as the record of a run ({error})") from error


def _files(folder: Path, digests: Mapping[str, str]) -> Iterator[Finding]:
    present = set(manifest.files(folder))
    for name in sorted(present | set(digests)):
        if name not in present:
            yield Finding(name, "missing", "the manifest lists it, but it is not there")
        elif name not in digests:
            yield Finding(name, "added", "it is there, but the manifest does not list it")
        elif (folder / name).is_symlink():
            yield Finding(name, "altered", "it was a file and is now a link")
        else:
            yield from _same(name, folder / name, digests[name])


def _inputs(folder: Path, cached: Mapping[str, Path]) -> Iterator[Finding]:
    if not cached:
        return
    try:
        wanted = inputs(folder)
    except InputError as error:
        yield Finding("run.json", "unreadable", str(error))
        return
    for name, digest in wanted.items():
        path = cached.get(digest)
        if path is not None and path.exists():
            yield from _same(f"input {name}", path, digest)


def _same(name: str, path: Path, wanted: str) -> Iterator[Finding]:
    try:
        found = sha256_of(path)
    except OSError as error:
        yield Finding(name, "unreadable", error.strerror or str(error))
        return
    if found != wanted:
        yield Finding(name, "altered", f"its SHA-256 is {found}, the record says {wanted}")
