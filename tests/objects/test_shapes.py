"""Footprints as weights: shares of light that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from changedet.objects.shapes import (
    OPTICAL_SIGMA,
    disc,
    disc_of_fill,
    fill_of_disc,
    footprint,
    geometric_limit,
    without,
)


def test_a_large_object_fills_its_pixels_and_a_point_hardly_any() -> None:
    # a point blurred by a Gaussian of 5.5 m and a pixel of 10 m, weighed by the same: A/4π(5.5² + 10²/12) is measured
    point = disc(2, 10, OPTICAL_SIGMA)
    assert point.fill == pytest.approx(math.pi / (4 * math.pi * (OPTICAL_SIGMA**2 + 100 / 12)), rel=0.25)
    assert disc(200, 10, OPTICAL_SIGMA).fill > 0.9


@given(st.floats(3, 20))
@settings(max_examples=15, deadline=None)
def test_the_formula_of_a_small_disc_is_near_what_is_drawn(diameter: float) -> None:
    assert fill_of_disc(diameter) == pytest.approx(disc(diameter, 10, OPTICAL_SIGMA).fill, abs=0.1)


@given(st.floats(1, 200))
def test_the_disc_of_a_fill_has_that_fill(diameter: float) -> None:
    assert disc_of_fill(fill_of_disc(diameter)) == pytest.approx(diameter, rel=1e-6)
    assert math.isinf(disc_of_fill(1.0))


def test_weights_sum_to_one_and_lie_where_the_object_lies() -> None:
    geobox = GeoBox((100, 100), Affine(10, 0, 600_000, 0, -10, 3_900_000), "EPSG:32637")
    from pyproj import Transformer

    back = Transformer.from_crs("EPSG:32637", "EPSG:4326", always_xy=True)
    corners = [(600_400, 3_899_700), (600_440, 3_899_700), (600_440, 3_899_660), (600_400, 3_899_660)]
    ring = tuple(back.transform(x, y) for x, y in (*corners, corners[0]))
    shape = footprint(ring, geobox, OPTICAL_SIGMA)
    assert shape.weights.sum() == pytest.approx(1, abs=1e-5)
    assert shape.ring.sum() == pytest.approx(1, abs=1e-5)
    rows, columns = np.nonzero(shape.inside)
    # rows 30 to 33 and columns 40 to 43 of the grid
    assert {30, 31, 32, 33} <= set(rows + shape.row)
    assert {40, 41, 42, 43} <= set(columns + shape.column)
    assert (shape.weights * shape.ring).max() == 0


def test_a_ring_keeps_clear_of_other_objects_but_never_vanishes() -> None:
    shape = disc(30, 10, OPTICAL_SIGMA)
    moved = type(shape)(shape.weights, shape.ring, shape.inside, 20, 20, shape.fill, shape.diameter)
    others = np.zeros((80, 80), bool)
    others[:, :30] = True
    cleared = without(moved, others)
    assert cleared.ring[:, : 30 - 20].sum() == 0
    assert cleared.ring.sum() == pytest.approx(1, abs=1e-5)
    assert without(moved, np.ones((80, 80), bool)) is moved


def test_open_work_needs_to_be_larger() -> None:
    assert 4 < geometric_limit("building") < 6
    assert 10 < geometric_limit("mast") < 14
