"""Rows that go through all steps a segment at a time give what blocks give, to the byte."""

import numpy as np
import pytest
from numpy.typing import NDArray

from changedet.detect import scan
from changedet.detect.blocks import load
from changedet.detect.machine import build
from tests.detect.stacks import optical, periods, radar, stack_of

SIDE = (40, 61)
"""Neither a multiple of the other nor of a segment."""


def holed(bands: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Clouds, a band that lacks a value where others have it, what has no logarithm, and a pixel never seen."""
    rng = np.random.default_rng(5)
    clouds = rng.random(next(iter(bands.values())).shape) < 0.2
    for values in bands.values():
        values[clouds] = np.nan
        values[:, 7, 9] = np.nan
    last = list(bands.values())[-1]
    last[3, 5, 5], last[4, 5, 6], last[5, 5, 7] = np.nan, np.inf, -1
    return bands


@pytest.mark.parametrize("sensor", ["sentinel-1", "sentinel-2"])
@pytest.mark.parametrize("baseline", ["mean", "harmonic"])
def test_as_blocks_do(sensor: str, baseline: str) -> None:
    bands = (radar if sensor == "sentinel-1" else optical)(np.random.default_rng(1), 50, SIDE)
    config = scan.Config.model_validate({"scales": (0.0,), "baseline": baseline})
    machine, _ = build(stack_of(holed(bands), sensor=sensor), periods(36, 14), config)
    rows, width = (3, 31), SIDE[1]
    pixels = slice(0, (rows[1] - rows[0]) * width)
    block = load(machine.planes, rows, machine.log)
    valid = block[1][machine.window] > 0
    (expected,) = machine.scan(block, width, machine.reference, machine.window, dated=True)
    (found,), seen = machine.scan_rows(rows)
    assert np.isfinite(found.g).any()
    assert np.isnan(found.g).any()
    np.testing.assert_array_equal(seen, valid[:, pixels])
    for name in ("g", "sign", "whole", "curve"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name)[..., pixels], err_msg=name)
