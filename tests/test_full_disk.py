"""A disk that fills up in the middle of a run costs one sentence and exit code 3, and nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from changedet.store import sha256_of
from tests.archive import ground, shot, site_yaml, write_archive

SMALL = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && "$@"; code=$?; cp -r "$KEEP"/. "$COPY"; exit $code'
"""In a mount namespace of its own: a small disk at $2, gone with its process; what it held is copied away."""


def in_small_disk(size: str, place: Path, copy: Path, *command: object) -> subprocess.CompletedProcess[str]:
    program = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", SMALL, "sh", size, str(place)]
    return subprocess.run(
        [*program, *map(str, command)], capture_output=True, text=True, timeout=200,
        env={**os.environ, "KEEP": str(place), "COPY": str(copy)},
    )  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Path:
    if shutil.which("unshare") is None or in_small_disk("64k", tmp_path, tmp_path, "true").returncode != 0:
        pytest.skip("no small disk can be mounted here (unshare with user namespaces); run where that is allowed")
    shots = [shot(f"2024-{month:02d}-05", ground(), month) for month in (1, 2, 3, 4, 8, 9)]
    write_archive(tmp_path / "archive", shots)
    return site_yaml(
        tmp_path, "archive/catalog.json", before="[2024-01-01, 2024-06-30]", after="[2024-07-01, 2024-12-31]"
    )


def run(site: Path, out: Path, cache: Path) -> tuple[object, ...]:
    return sys.executable, "-m", "changedet", "run", site, "--out", out, "--cache", cache


@pytest.mark.parametrize("size", ["40k", "200k"])
def test_a_cache_on_a_full_disk(site: Path, tmp_path: Path, size: str) -> None:
    disk, copy, out = tmp_path / "disk", tmp_path / "copy", tmp_path / "out"
    disk.mkdir()
    copy.mkdir()
    done = in_small_disk(size, disk, copy, *run(site, out, disk / "cache"))
    assert done.returncode == 3, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "the disk is full; free some space and run again, what was downloaded so far is kept" in done.stderr
    assert not any(path.is_file() for path in out.rglob("*"))
    for path in copy.rglob("*.tif"):
        assert sha256_of(path) == path.stem
    for path in copy.rglob("requests/*/*.json"):
        json.loads(path.read_text())
    assert not list(copy.rglob("*.part"))
    # with room again, the run goes on from what was kept
    again = subprocess.run([str(part) for part in run(site, out, copy / "cache")], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("size", ["12k", "40k"])
def test_a_report_on_a_full_disk(site: Path, tmp_path: Path, size: str) -> None:
    disk, copy, cache = tmp_path / "disk", tmp_path / "copy", tmp_path / "cache"
    disk.mkdir()
    copy.mkdir()
    done = in_small_disk(size, disk, copy, *run(site, disk / "out", cache))
    assert done.returncode == 3, done.stderr
    # libtiff may have written a line of its own before
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("changedet: "), done.stderr
    assert "the disk is full; free some space and run again" in done.stderr
    assert not any(path.is_file() for path in copy.rglob("*"))
