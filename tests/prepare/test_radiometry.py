"""Gain and offset of a date are taken out, whatever changed on a fifth of the ground."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changedet.errors import ContractError
from changedet.prepare.radiometry import normalise
from tests.detect.pairs import SIDE, speckled, stack_of, textured

NAMES = ("blue", "green", "red", "nir")


@settings(max_examples=15, deadline=None, derandomize=True)
@given(gain=st.floats(0.6, 1.5), offset=st.floats(-0.05, 0.1), seed=st.integers(0, 3))
def test_gain_and_offset_are_recovered_though_a_fifth_changed(gain: float, offset: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ground = textured(seed, 4)
    hazy = gain * ground + offset
    hazy[:, : SIDE // 5] = rng.uniform(0.3, 0.6, (4, SIDE // 5, SIDE))
    noise = rng.normal(0, 0.002, (2, *ground.shape))
    stack = normalise(stack_of(ground + noise[0], hazy + noise[1], NAMES), reference=0)
    # the date is gain × ground + offset, so it is brought back by 1 / gain and -offset / gain
    assert stack.gain_red.values[1] == pytest.approx(1 / gain, rel=0.03)
    assert stack.offset_red.values[1] == pytest.approx(-offset / gain, abs=0.008)
    still = np.s_[SIDE // 5 + 1 :, :]
    np.testing.assert_allclose(stack.red.values[1][still], ground[2][still], atol=0.03)


def test_reference_stays_as_it_was() -> None:
    ground = textured(1, 4)
    raw = stack_of(ground, 0.7 * ground, NAMES)
    stack = normalise(raw, reference=0)
    assert (stack.red.values[0] == raw.red.values[0]).all()
    assert (stack.gain_red.values[0], stack.offset_red.values[0]) == (1, 0)


def test_ignored_place_does_not_count() -> None:
    ground = textured(2, 4)
    after = 0.8 * ground
    facility = np.zeros((SIDE, SIDE), bool)
    facility[: int(SIDE * 0.7)] = True
    after[:, facility] = 0.5 * ground[:, facility] + 0.2
    stack = normalise(stack_of(ground, after, NAMES), reference=0, ignore=facility)
    assert stack.gain_nir.values[1] == pytest.approx(1 / 0.8, rel=0.01)


def test_date_that_shows_other_ground_is_left_as_it_was() -> None:
    raw = stack_of(textured(3, 4), textured(4, 4), NAMES)
    stack = normalise(raw, reference=0)
    assert np.isnan(stack.gain_red.values[1])
    assert (stack.red.values == raw.red.values).all()


def test_gaps_stay_gaps() -> None:
    ground = textured(5, 4)
    raw = stack_of(ground, np.where(np.arange(SIDE) < 20, np.nan, 0.9 * ground), NAMES)
    stack = normalise(raw, reference=0)
    assert (stack.valid.values == raw.valid.values).all()
    assert np.isnan(stack.red.values[1][:, :20]).all()


def test_radar_and_a_wrong_reference_are_refused() -> None:
    with pytest.raises(ContractError, match="only reflectance"):
        normalise(speckled(np.zeros((SIDE, SIDE), bool)))
    with pytest.raises(ContractError, match="no date 5; there are 2"):
        normalise(stack_of(textured(0, 4), textured(0, 4), NAMES), reference=5)
