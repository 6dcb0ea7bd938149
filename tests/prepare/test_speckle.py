"""Speckle filters: values by hand, gaps left alone, and less spread on flat ground."""

from __future__ import annotations

import numpy as np
import pytest

from changedet.errors import ContractError
from changedet.prepare.speckle import Config, filter_speckle, lee, multitemporal
from tests.detect.pairs import SIDE, built, speckled

NOWHERE = np.zeros((SIDE, SIDE), bool)


def test_lee_by_hand() -> None:
    image = np.ones((5, 5), np.float32)
    image[2, 2] = 10
    # mean 2, variance 8: k = (1 - 4/5/8)/(1 + 1/5) = 0.75, so 2 + 0.75 · 8
    filtered = lee(image, 3, 5)
    assert filtered[2, 2] == pytest.approx(8)
    assert filtered[0, 0] == pytest.approx(1)


def test_multitemporal_takes_detail_from_all_dates_and_level_from_one() -> None:
    point = np.ones((1, 5, 5), np.float32)
    point[0, 2, 2] = 10
    # a date ten times as bright everywhere keeps its level
    stack = np.concatenate([point, 10 * point])
    filtered = multitemporal(stack, 3)
    np.testing.assert_allclose(filtered, stack, rtol=1e-6)


@pytest.mark.parametrize("method", ["lee", "multitemporal"])
def test_spread_of_flat_ground_falls_and_its_mean_stays(method: str) -> None:
    stack = speckled(NOWHERE)
    filtered = filter_speckle(stack, Config(method=method, window=5, looks=20))
    before, after = stack.vv.values[0], filtered.vv.values[0]
    assert after.std() < 0.8 * before.std()
    assert after.mean() == pytest.approx(before.mean(), rel=0.01)


@pytest.mark.parametrize("method", ["lee", "multitemporal"])
def test_gaps_stay_gaps_and_lend_nothing(method: str) -> None:
    stack = speckled(NOWHERE)
    hidden = np.zeros(stack.valid.shape, bool)
    hidden[0, :, :20] = True
    gapped = stack.assign({name: stack[name].where(~hidden) for name in ("vv", "vh")})
    gapped = gapped.assign(valid=(stack.valid.dims, ~hidden))
    filtered = filter_speckle(gapped, Config(method=method, window=5))
    assert (np.isnan(filtered.vv.values) == hidden).all()
    assert (filtered.vv.values[~hidden] > 0.02).all()


def test_optical_and_an_even_window_are_refused() -> None:
    with pytest.raises(ContractError, match="only radar has speckle"):
        filter_speckle(built(), Config())
    with pytest.raises(ContractError, match="must be odd"):
        filter_speckle(speckled(NOWHERE), Config(window=4))
