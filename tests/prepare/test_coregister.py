"""Shifts are recovered to a tenth of a pixel; a date that lies too far off is not valid."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
import xarray as xr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from changedet.errors import ContractError
from changedet.prepare.coregister import Config, coregister
from changedet.stack import Layer, build_stack

SIDE = 128
BANDS = ("blue", "green", "red", "nir")
WIDE = Config(gate=4)


def scenery(seed: int) -> NDArray[np.float64]:
    """Fields with sharp edges, as a Voronoi diagram, blurred as a sensor would."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    seeds = rng.uniform(0, SIDE, (60, 2))
    nearest = ((y[..., None] - seeds[:, 0]) ** 2 + (x[..., None] - seeds[:, 1]) ** 2).argmin(axis=-1)
    levels = rng.uniform(0.05, 0.35, (len(BANDS), 60))
    return np.stack([ndimage.gaussian_filter(level[nearest], 1.0) for level in levels])


def shifted(image: NDArray, y: float, x: float) -> NDArray:
    """The image moved down by y and right by x pixels, exactly, by the Fourier shift theorem on a mirrored frame."""
    frame = np.pad(image, ((0, 0), (32, 32), (32, 32)), mode="symmetric")
    moved = [np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(band), (y, x))).real for band in frame]
    return np.stack(moved)[:, 32:-32, 32:-32]


def stack_of(*images: NDArray) -> xr.Dataset:
    grid = GeoBox.from_bbox(
        (600_000, 3_900_000, 600_000 + 10 * SIDE, 3_900_000 + 10 * SIDE), "EPSG:32637", resolution=10
    )
    rng = np.random.default_rng(9)
    layers = [
        Layer(
            datetime(2024, 6, day, tzinfo=UTC),
            f"S2-{day}",
            "sentinel-2a",
            21,
            {
                name: (band + rng.normal(0, 0.003, band.shape)).astype(np.float32)
                for name, band in zip(BANDS, image, strict=True)
            },
        )
        for day, image in enumerate(images, start=1)
    ]
    return build_stack(layers, grid, sensor="sentinel-2", key="sentinel-2")


@settings(max_examples=15, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(y=st.floats(-2, 2), x=st.floats(-2, 2), seed=st.integers(0, 5))
def test_shift_is_recovered_to_a_tenth_of_a_pixel(y: float, x: float, seed: int) -> None:
    ground = scenery(seed)
    moved = coregister(stack_of(ground, shifted(ground, -y, -x)), WIDE, reference=0)
    assert moved.shift_y.values[1] == pytest.approx(y, abs=0.1)
    assert moved.shift_x.values[1] == pytest.approx(x, abs=0.1)
    assert moved.shift_residual.values[1] < 0.1


def test_moved_date_lies_on_the_reference() -> None:
    ground = scenery(1)
    stack = stack_of(ground, shifted(ground, 1.3, -0.7))
    moved = coregister(stack, WIDE, reference=0)
    inner = (slice(10, -10), slice(10, -10))

    def apart(s: xr.Dataset) -> float:
        return float(np.abs(s.red.values[1][inner] - s.red.values[0][inner]).mean())

    assert apart(moved) < 0.3 * apart(stack)
    assert moved.registration.values.tolist() == ["reference", "moved"]


def test_refused_date_is_not_valid_and_the_reference_stays() -> None:
    ground = scenery(2)
    moved = coregister(stack_of(ground, shifted(ground, 3, 0)), Config(gate=1.5), reference=0)
    assert moved.registration.values.tolist() == ["reference", "refused"]
    assert moved.valid.values[0].all()
    assert not moved.valid.values[1].any()
    assert np.isnan(moved.red.values[1]).all()


def test_dates_that_agree_are_left_untouched() -> None:
    ground = scenery(3)
    stack = stack_of(ground, ground)
    moved = coregister(stack, reference=0)
    assert moved.registration.values.tolist() == ["reference", "kept"]
    assert (moved.red.values == stack.red.values).all()


def test_ground_without_edges_in_common_is_not_moved() -> None:
    moved = coregister(stack_of(scenery(4), scenery(5)), WIDE, reference=0)
    assert moved.registration.values[1] == "unmeasured"
    assert np.isnan(moved.shift_residual.values[1])


def test_change_inside_the_ignored_place_does_not_move_the_date() -> None:
    ground = scenery(1)
    facility = np.zeros((SIDE, SIDE), bool)
    facility[40:90, 40:90] = True
    after = ground.copy()
    after[:, facility] = shifted(ground, 2, 2)[:, facility]
    moved = coregister(stack_of(ground, after), reference=0, ignore=facility)
    assert np.hypot(moved.shift_y.values[1], moved.shift_x.values[1]) < 0.1


def test_reference_that_is_no_date_is_named() -> None:
    with pytest.raises(ContractError, match="no date 7; there are 2"):
        coregister(stack_of(scenery(0), scenery(0)), reference=7)
