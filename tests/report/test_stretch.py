from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changedet.report.stretch import (
    RADAR_VV,
    TRUE_COLOUR,
    Stretch,
    Values,
    Zoom,
    block_sum,
    joint_stretch,
    leading_rendition,
    side_values,
)

from .builders import OPTICAL_KEY, RADAR_KEY, make_evidence


def flat(value: float, shape: tuple[int, int] = (20, 20)) -> Values:
    values = np.full((*shape, 3), value, np.float32)
    return Values(values, np.ones(shape, bool))


def test_the_ends_of_a_stretch_are_black_and_white() -> None:
    stretch = Stretch((0.1, 0.1, 0.1), (0.3, 0.3, 0.3))
    values = np.array([[0.0, 0.1, 0.15], [0.25, 0.3, 9.0]], np.float32)
    assert stretch.apply(values).tolist() == [[0, 0, 64], [191, 255, 255]]


def test_gamma_lightens_the_middle_only() -> None:
    plain, light = Stretch((0.0,) * 3, (1.0,) * 3), Stretch((0.0,) * 3, (1.0,) * 3, gamma=2.0)
    values = np.array([0.0, 0.25, 1.0], np.float32)
    assert plain.apply(values).tolist() == [0, 64, 255]
    assert light.apply(values).tolist() == [0, 128, 255]  # √0.25 = 0.5


def test_the_stretch_spans_both_sides() -> None:
    stretch = joint_stretch([flat(0.1), flat(0.5)], TRUE_COLOUR)
    assert stretch.low == pytest.approx((0.1,) * 3)
    assert stretch.high == pytest.approx((0.5,) * 3)


def test_what_is_not_valid_does_not_stretch() -> None:
    cloudy = flat(0.2)
    cloudy.values[:10] = 5.0
    cloudy.valid[:10] = False
    stretch = joint_stretch([flat(0.1), cloudy], TRUE_COLOUR)
    assert max(stretch.high) == pytest.approx(0.2)


def test_noise_is_not_made_contrast() -> None:
    stretch = joint_stretch([flat(0.2), flat(0.201)], TRUE_COLOUR)
    assert stretch.high[0] - stretch.low[0] == pytest.approx(TRUE_COLOUR.least_span)


def test_nothing_valid_still_gives_a_stretch() -> None:
    nothing = Values(np.full((4, 4, 3), np.nan, np.float32), np.zeros((4, 4), bool))
    assert joint_stretch([nothing], TRUE_COLOUR).apply(nothing.values).shape == (4, 4, 3)


@given(rows=st.integers(1, 11000), cols=st.integers(1, 11000))
def test_a_zoom_is_whole_and_within_bounds(rows: int, cols: int) -> None:
    zoom = Zoom.fit((rows, cols))
    side = max(rows, cols) * zoom.enlarge // zoom.reduce
    assert side <= 2000
    assert side >= min(600, max(rows, cols))
    assert 1 in (zoom.enlarge, zoom.reduce)


@pytest.mark.parametrize(
    ("shape", "zoom"),
    [((100, 100), Zoom(12)), ((822, 618), Zoom(2)), ((1500, 1500), Zoom()), ((10980, 10980), Zoom(reduce=10))],
)
def test_zooms_of_known_sites(shape: tuple[int, int], zoom: Zoom) -> None:
    assert Zoom.fit(shape) == zoom


def test_a_reduced_point_is_the_mean_of_its_square() -> None:
    stack = make_evidence().stacks[OPTICAL_KEY].copy(deep=True)
    stack.red.values[0, 0:2, 0:2] = [[0.1, 0.2], [0.3, 0.4]]
    stack.valid.values[0, 0:2, 2:4] = [[True, False], [False, False]]
    side = side_values(stack, (0,), TRUE_COLOUR, reduce=2)
    assert side.values[0, 0, 0] == pytest.approx(0.25)
    assert side.valid[0, 0]
    assert not side.valid[0, 1]  # three of four pixels hidden
    assert side.valid.shape == (60, 60)


def test_radar_is_averaged_in_power_then_in_decibels() -> None:
    stack = make_evidence().stacks[RADAR_KEY].copy(deep=True)
    stack.vv.values[0, 50, 50], stack.vv.values[1, 50, 50] = 1.0, 3.0
    side = side_values(stack, (0, 1), RADAR_VV)
    assert side.values[50, 50].tolist() == pytest.approx([10 * math.log10(2)] * 3, abs=1e-5)
    assert not side.valid[0, 0]


def test_block_sum_leaves_the_ragged_border_out() -> None:
    assert block_sum(np.ones((5, 7)), 2).tolist() == [[4.0] * 3] * 2


def test_the_rendition_follows_the_bands() -> None:
    evidence = make_evidence()
    assert leading_rendition(evidence.stacks[OPTICAL_KEY]).title == "True colour"
    assert leading_rendition(evidence.stacks[OPTICAL_KEY].drop_vars("blue")).bands == ("nir", "red", "green")
    assert leading_rendition(evidence.stacks[RADAR_KEY].drop_vars("vv")).bands == ("vh", "vh", "vh")
    lone = evidence.stacks[OPTICAL_KEY][["swir16", "valid"]]
    assert leading_rendition(lone).bands == ("swir16",) * 3
