"""What a footprint measures: means that can be worked out by hand, at the border and under clouds as well."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from changedet.objects.series import Planes, measure, ring_means
from changedet.objects.shapes import OPTICAL_SIGMA, RADAR_SIGMA, at, disc

SIDE = 60


def planes(image: NDArray, *, hidden: NDArray[np.bool_] | None = None, radar: bool = False) -> Planes:
    """One band and one date."""
    valid = np.ones(image.shape, np.float32) if hidden is None else (~hidden).astype(np.float32)
    return Planes(((image * valid).astype(np.float32)[None],), valid[None], radar)


def even(level: float) -> NDArray:
    return np.full((SIDE, SIDE), level)


SHAPE = at(disc(40, 10, OPTICAL_SIGMA), 30, 30)
PLACE = np.array([[SHAPE.row, SHAPE.column]])


def test_even_ground_measures_its_level() -> None:
    series = measure(planes(even(0.3)), SHAPE, PLACE)
    assert series.values[0, 0, 0] == pytest.approx(0.3)
    assert series.mask[0, 0] == 1


def test_an_object_counts_by_its_weights_and_its_ring_does_not_see_it() -> None:
    image = even(0.2)
    image[30, 30] += 1
    series = measure(planes(image), SHAPE, PLACE)
    assert series.values[0, 0, 0] == pytest.approx(0.2 + SHAPE.weights[30 - SHAPE.row, 30 - SHAPE.column])
    assert ring_means(planes(image), SHAPE, PLACE).values[0, 0, 0] == pytest.approx(0.2, abs=1e-6)


def test_a_footprint_under_cloud_or_off_the_grid_is_not_seen() -> None:
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[:, :31] = True
    outside = np.array([[SHAPE.row, SHAPE.column], [-SHAPE.size[0], 0], [SIDE, SIDE], [0, SIDE - SHAPE.size[1] // 2]])
    assert measure(planes(even(0.3), hidden=hidden), SHAPE, PLACE).mask[0, 0] == 0
    series = measure(planes(even(0.3)), SHAPE, outside)
    assert series.mask[0].tolist() == [1, 0, 0, 0]
    assert series.values[0, 0].tolist() == pytest.approx([0.3, 0, 0, 0])


def test_a_few_hidden_pixels_leave_the_mean_of_the_others() -> None:
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[30, 30] = True
    image = even(0.3)
    image[30, 30] = 9
    assert measure(planes(image, hidden=hidden), SHAPE, PLACE).values[0, 0, 0] == pytest.approx(0.3)


def test_radar_is_the_footprint_over_its_ring() -> None:
    shape = at(disc(40, 10, RADAR_SIGMA), 30, 30)
    place = np.array([[shape.row, shape.column]])
    image = even(0.05)
    window = np.zeros((SIDE, SIDE), bool)
    window[shape.row : shape.row + shape.size[0], shape.column : shape.column + shape.size[1]] = shape.weights > 0
    image[window] = 0.2
    # four times the power of the ground around it
    assert measure(planes(image, radar=True), shape, place).values[0, 0, 0] == pytest.approx(math.log(4), abs=1e-5)
