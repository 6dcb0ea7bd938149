"""A reference that was settled once gives every later window the map that a scan of all dates gives, bit by bit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from changedet.detect import Arrays, scan
from changedet.stack import Periods
from tests.detect.stacks import optical, periods, radar, stack_of

RATE = 0.01


@dataclass
class Notes:
    """Remembers, and counts what it was asked."""

    kept: dict[str, Arrays] = field(default_factory=dict)
    put_again: int = 0

    def get(self, key: str) -> Arrays | None:
        return self.kept.get(key)

    def put(self, key: str, arrays: Arrays) -> None:
        self.put_again += key in self.kept
        self.kept[key] = {name: array.copy() for name, array in arrays.items()}


def stack(sensor: str, dates: int, seed: int) -> xr.Dataset:
    """With a change in the middle, and every twentieth pixel of a date missing."""
    rng = np.random.default_rng(seed)
    bands = (radar if sensor == "sentinel-1" else optical)(rng, dates, (37, 43))
    hidden = rng.random((dates, 37, 43)) < 0.05
    for values in bands.values():
        values[dates - 4 :, 10:16, 10:16] *= 1.5
        values[hidden] = np.nan
    return stack_of(bands, sensor=sensor)


@pytest.mark.parametrize("sensor", ["sentinel-1", "sentinel-2"])
@settings(max_examples=6, deadline=None)
@given(
    before=st.integers(12, 40),
    baseline=st.sampled_from(["mean", "harmonic"]),
    days=st.sampled_from([None, 30.0, (24.0, 60.0, float("inf"))]),
    seed=st.integers(0, 99),
    rows=st.sampled_from([None, 5]),
)
def test_every_window_gives_the_map_of_a_whole_scan(
    sensor: str, before: int, baseline: str, days: float | tuple[float, ...] | None, seed: int, rows: int | None
) -> None:
    memory, whole = Notes(), stack(sensor, before + 7, seed)
    config = scan.Config(baseline=baseline, after_days=days, rows=rows)
    for after in (2, 3, 7):
        seen, when = whole.isel(time=slice(0, before + after)), periods(before, after)
        xr.testing.assert_identical(
            scan.detect(seen, when, config, RATE, memory), scan.detect(seen, when, config, RATE)
        )
    assert len(memory.kept) == 1
    assert memory.put_again == 0


def test_another_reference_or_other_settings_are_settled_anew() -> None:
    memory, whole = Notes(), stack("sentinel-2", 30, 1)
    for before, config in ((22, scan.Config()), (20, scan.Config()), (22, scan.Config(clip=4))):
        scan.detect(whole, periods(before, 30 - before), config, RATE, memory)
    assert len(memory.kept) == 3


def test_a_stack_with_dates_between_the_periods_is_scanned_whole() -> None:
    memory, whole = Notes(), stack("sentinel-2", 30, 1)
    apart = Periods(periods(18, 12).before, periods(24, 6).after)
    found = scan.detect(whole, apart, scan.Config(), RATE, memory)
    xr.testing.assert_identical(found, scan.detect(whole, apart, scan.Config(), RATE))
    assert not memory.kept
