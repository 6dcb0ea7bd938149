"""Dates that were moved before are not measured again, and nothing in the result differs."""

from __future__ import annotations

import mmap
from pathlib import Path
from unittest.mock import patch

import numpy as np
import xarray as xr

from changedet import scratch
from changedet.prepare import coregister as module
from changedet.prepare.coregister import Moved, coregister
from changedet.prepare.resample import move
from changedet.store import Store
from changedet.watch.layers import MovedDates
from tests.archive import ground


def stack(dates: int) -> xr.Dataset:
    """Dates of one ground, each 0.3 px further to the east than the one before; the third has a cloud."""
    from datetime import datetime, timedelta

    from changedet.stack import Layer, build_stack, site_geobox

    geobox = site_geobox(((40.0, 35.0), (40.01, 35.0), (40.01, 35.01), (40.0, 35.01), (40.0, 35.0)), 20)
    rows, columns = geobox.shape
    layers = []
    for i in range(dates):
        image = np.tile(ground(), (2, 2))[:rows, :columns].astype(np.float32)
        shifted = move(image, 0.0, 0.3 * i)
        if i == 2:
            shifted[:10, :10] = np.nan
        when = datetime(2024, 1, 1) + timedelta(days=i)
        layers.append(Layer(when, f"s{i}", "sentinel-2a", 78, {"red": shifted, "nir": shifted * 0.7}))
    return build_stack(layers, geobox, sensor="sentinel-2", key="sentinel-2")


def test_known_dates_are_not_measured_and_the_result_is_the_same(tmp_path: Path) -> None:
    known = MovedDates(Store(tmp_path))
    fresh = coregister(stack(4), reference=0)
    assert "moved" in fresh.registration.values
    first = coregister(stack(4), reference=0, known=known)
    with patch.object(module, "measure_shift", side_effect=AssertionError("measured again")):
        again = coregister(stack(4), reference=0, known=known)
    xr.testing.assert_identical(fresh, first)
    xr.testing.assert_identical(fresh, again)


def test_only_a_new_date_is_measured(tmp_path: Path) -> None:
    known = MovedDates(Store(tmp_path))
    coregister(stack(3), reference=0, known=known)
    with patch.object(module, "measure_shift", wraps=module.measure_shift) as measured:
        more = coregister(stack(4), reference=0, known=known)
    assert measured.call_count <= 2
    xr.testing.assert_identical(more, coregister(stack(4), reference=0))


def test_another_reference_is_another_matter(tmp_path: Path) -> None:
    known = MovedDates(Store(tmp_path))
    coregister(stack(3), reference=0, known=known)
    xr.testing.assert_identical(coregister(stack(3), reference=1, known=known), coregister(stack(3), reference=1))


def test_a_damaged_record_is_measured_again(tmp_path: Path) -> None:
    known = MovedDates(Store(tmp_path))
    fresh = coregister(stack(3), reference=0, known=known)
    for path in (tmp_path / "layers" / "moved").rglob("*.*"):
        path.write_bytes(path.read_bytes()[:20])
    xr.testing.assert_identical(coregister(stack(3), reference=0, known=known), fresh)


def test_what_was_moved_lies_in_a_file_where_it_is_large() -> None:
    """All bands of a tile's date take 3 GB; they must not lie in memory beside the stack."""
    moved: list[Moved] = []

    class Recorder:
        def get(self, key: str) -> Moved | None:
            return None

        def put(self, key: str, one: Moved) -> None:
            moved.append(one)

    with patch.object(scratch, "LARGEST", 1000):
        in_files = coregister(stack(4), reference=0, known=Recorder())
    large = [one.bands for one in moved if one.bands is not None]
    assert len(large) > 1
    for bands in large:
        base: object = bands
        while isinstance(base, np.ndarray):
            base = base.base
        assert isinstance(base, memoryview | mmap.mmap)
    xr.testing.assert_identical(coregister(stack(4), reference=0), in_files)
