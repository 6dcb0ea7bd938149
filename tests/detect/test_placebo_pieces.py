from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import norm

from changedet.detect.placebo_pieces import PieceTail, heaviest, piece_tail, unsettled

SPANS = [(i, i + 1) for i in range(6)]
"""Six windows of two dates, each sharing a date with the next."""


def quiet_runs() -> np.ndarray:
    return np.random.default_rng(3).uniform(0.5, 2.0, (len(SPANS), 400))


def test_what_a_window_shows_by_itself_does_not_take_it_out_of_the_null() -> None:
    runs = quiet_runs()
    runs[2, 7] = 1e4
    out = unsettled(runs, SPANS)
    assert not out[[1, 2, 3], 7].any(), "windows that share a date with the extreme one"
    assert out[[0, 4, 5], 7].all()
    assert out.sum() == 3


def test_a_change_that_lasts_is_taken_out_of_every_window() -> None:
    runs = quiet_runs()
    runs[:, 7] = 1e4
    assert unsettled(runs, SPANS)[:, 7].all()


def test_two_windows_cannot_judge_each_other() -> None:
    assert not unsettled(np.full((2, 9), 1e4), [(0, 1), (2, 3)]).any()


def test_the_tail_is_a_fifth_at_its_start_and_exponential_where_many_pieces_tell_its_scale() -> None:
    tail = PieceTail(start=2.0, scale=0.5, pieces=1e6)
    p = np.exp(tail.log_p(np.array([2.0, 2.5, 4.5]) ** 2))
    assert p == pytest.approx([0.2, 0.2 / math.e, 0.2 * math.exp(-5)], rel=1e-4)


def test_few_pieces_make_a_heavier_tail() -> None:
    # (1 + 2/(2 · 0.5))^-2 = 1/9
    assert math.exp(PieceTail(2.0, 0.5, 2.0).log_p(np.array([16.0]))[0]) == pytest.approx(0.2 / 9)


def test_the_heaviest_of_two_nulls_counts() -> None:
    wide, narrow = PieceTail(2.0, 0.9, 50.0), PieceTail(2.0, 0.5, 50.0)
    assert heaviest([narrow, wide]) == wide
    assert heaviest([]) is None


def test_pieces_that_meet_unsettled_ground_are_not_counted() -> None:
    p = np.ones((40, 40))
    for i in range(12):
        p[3 * i, :3] = 0.01 / math.e  # mass 3: ln(0.01/p) = 1 a pixel
    p[1, 20:40] = 1e-20
    nowhere, there = np.zeros(p.shape, bool), np.zeros(p.shape, bool)
    there[1, 25] = True
    without, with_it = piece_tail([(p, there)] * 2, 0.01, 1.0), piece_tail([(p, nowhere)] * 2, 0.01, 1.0)
    assert without is not None
    assert with_it is not None
    assert without.start == pytest.approx(math.sqrt(3)) == with_it.start
    assert with_it.pieces == without.pieces + 2, "the heavy one of each map"
    assert with_it.scale > without.scale


def field(sigma: float, seed: int) -> np.ndarray:
    """p-values of a Gaussian field blurred by sigma pixels."""
    white = np.random.default_rng(seed).standard_normal((900, 900))
    blurred = ndimage.gaussian_filter(white, sigma, mode="wrap")
    return norm.sf(blurred / blurred.std())


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.5])
def test_without_pieces_of_its_own_a_site_has_those_of_a_smooth_field_made_heavier(sigma: float) -> None:
    maps = [(field(sigma, 1), np.zeros((900, 900), bool))]
    prior, own = piece_tail(maps, 0.01, 0.0), piece_tail(maps, 0.01, 1e9)
    assert prior is not None
    assert own is not None
    assert prior.pieces == 8
    assert prior.scale == pytest.approx(2.5 * own.scale, rel=0.15)


def test_pieces_of_its_own_outweigh_what_is_expected_of_any_site() -> None:
    maps = [(field(1.5, 1), np.zeros((900, 900), bool))]
    scales = [tail.scale for share in (0.0, 0.1, 1.0, 1e9) if (tail := piece_tail(maps, 0.01, share)) is not None]
    assert scales == sorted(scales, reverse=True)
    assert len(scales) == 4


def test_too_few_pieces_make_no_null() -> None:
    assert piece_tail([(np.ones((9, 9)), np.zeros((9, 9), bool))], 0.01, 1.0) is None
