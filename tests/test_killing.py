"""A download killed at any instant and begun again ends with the bytes of an undisturbed one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.archive import ground, shot, write_archive
from tests.loopback import serving
from tests.sources.sentinelhub_server import sentinel_hub


@pytest.mark.parametrize("kind", ["stac", "sentinelhub"])
def test_killed_downloads_end_with_the_same_bytes(contracts: Path, tmp_path: Path, kind: str) -> None:
    shots = [shot(f"2024-0{month}-05", ground(), month) for month in (1, 2, 3)]
    folder = write_archive(tmp_path / "archive", shots).parent
    with serving(folder) if kind == "stac" else sentinel_hub(folder, contracts) as served:
        url = f"{served.url}/catalog.json" if kind == "stac" else served.url
        done = subprocess.run(
            [sys.executable, "-m", "tests.killing", kind, url, str(tmp_path), "2", "1"],
            capture_output=True, text=True, timeout=120, cwd=Path(__file__).parent.parent,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert (counts["kills"], counts["files"]) == (2, 21 if kind == "stac" else 3)
    for never in ("other_bytes", "downloaded_twice", "failed_verification", "half_written"):
        assert counts[never] == 0, never
