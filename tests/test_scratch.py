"""Arrays in files: the same values, pages given back, and a map that does not know where it was computed."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from changedet import pipeline, scratch
from changedet.errors import OutputError
from changedet.prepare import clouds
from changedet.stack import CHANGE_VARIABLES
from changedet.store import Store
from tests.archive import SIZE, ground, shot, site_yaml, write_archive

STARTED = datetime(2024, 1, 1, tzinfo=UTC)


def resident() -> int:
    """Bytes of files that this process holds in memory."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("RssFile")).split()[1])


def test_small_array_stays_in_memory_and_a_large_one_lies_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "LARGEST", 1000)
    small, large = scratch.empty((10, 10), np.float32), scratch.empty((10, 30), np.float32)
    assert small.base is None
    assert large.base is not None
    assert large.shape == (10, 30)
    assert large.flags.writeable


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts pages as Linux does")
def test_released_pages_leave_memory_and_keep_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "LARGEST", 1000)
    array = scratch.empty((20, 1_000_000), np.float32)
    array[:] = np.arange(20)[:, None]
    before = resident()
    scratch.release([array[3]])
    assert before - resident() > 70_000_000
    assert array[:, 7].tolist() == list(range(20))


def test_dates_can_lie_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "LARGEST", 10)
    days = np.array(["2024-01-01", "NaT"], "datetime64[ns]")
    moved = scratch.kept(days)
    assert moved.base is not None
    np.testing.assert_array_equal(moved, days)


@pytest.mark.parametrize("largest", [10, 10_000])
def test_parts_are_joined_in_memory_and_in_a_file(monkeypatch: pytest.MonkeyPatch, largest: int) -> None:
    monkeypatch.setattr(scratch, "LARGEST", largest)
    days = np.datetime64("2024-01-01", "ns") + np.arange(35).reshape(7, 5) * np.timedelta64(1, "D")
    strips = (np.asfortranarray(days[top : top + 3]) for top in range(0, 7, 3))
    joined = scratch.joined(days.shape, days.dtype, strips)
    np.testing.assert_array_equal(joined, days)
    assert (joined.base is None) == (largest > days.nbytes)
    assert joined.flags.writeable


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts pages as Linux does")
def test_joined_array_takes_no_memory_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "LARGEST", 1000)
    before = resident()
    joined = scratch.joined((50, 200_000), np.float64, (np.full((1, 200_000), k, float) for k in range(50)))
    assert resident() - before < 20_000_000
    assert joined[:, 7].tolist() == list(range(50))


def test_full_disk_is_said_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OutputError, match=r"no room for a temporary file of 0\.5 GB .*set TMPDIR"):
        scratch.empty((500, 1_000_000), np.uint8)


def test_map_is_the_same_to_the_byte_in_memory_and_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    still = ground()
    gone = still.copy()
    gone[30:40, 30:40] = 0.5
    hazy = shot("2024-05-11", 0.9 * gone + 0.02, noise=2)
    assert hazy.scl is not None
    hazy.scl[15:25, 50:60] = clouds.CLOUD_HIGH
    write_archive(tmp_path / "archive", [shot("2024-04-11", still, noise=1), hazy])
    site_file = site_yaml(
        tmp_path, "archive/catalog.json", before="[2024-04-01, 2024-04-30]", after="[2024-05-01, 2024-05-30]"
    )
    site = pipeline.load_site(site_file)
    maps = []
    for largest, rows in ((scratch.LARGEST, clouds.STRIP), (100, 7)):
        monkeypatch.setattr(scratch, "LARGEST", largest)
        monkeypatch.setattr(clouds, "STRIP", rows)
        maps.append(pipeline.gather(site, tmp_path, Store(tmp_path / "cache"), STARTED).change)
    for name in CHANGE_VARIABLES:
        assert maps[0][name].values.tobytes() == maps[1][name].values.tobytes()
    assert 0 < maps[0].changed.values.sum() < SIZE**2 / 4
    assert not maps[0].observable.values.all()
