"""Speckle and walls obey the laws of radar."""

from __future__ import annotations

import numpy as np
import pytest

from changedet.simulate.radar import Speckle, wall_return


@pytest.fixture(scope="module")
def speckle() -> np.ndarray:
    """(60, 128, 128): VV of sixty passes 12 days apart."""
    source = Speckle(np.random.default_rng(1), 128)
    return np.stack([source.next()[0] for _ in range(60)])


def test_mean_is_one(speckle: np.ndarray) -> None:
    assert speckle.mean() == pytest.approx(1, abs=0.01)


def test_equivalent_looks(speckle: np.ndarray) -> None:
    looks = speckle.mean() ** 2 / speckle.var()
    assert looks == pytest.approx(4.4, abs=0.2)


def test_level_has_no_pattern(speckle: np.ndarray) -> None:
    """No place is brighter than another in the long run: 60 passes of 4.4 looks leave 1/√264 = 6 % per pixel."""
    assert speckle.mean(axis=0).std() == pytest.approx(0.06, abs=0.02)


def test_neighbours_share_a_resolution_cell(speckle: np.ndarray) -> None:
    centred = speckle - 1

    def correlation(rows: int, columns: int) -> float:
        a = centred[:, : 128 - rows, : 128 - columns]
        b = centred[:, rows:, columns:]
        return float((a * b).mean() / centred.var())

    assert correlation(0, 1) > 0.5
    assert correlation(1, 0) > 0.5
    assert abs(correlation(0, 6)) < 0.05
    assert abs(correlation(6, 0)) < 0.05


def test_passes_twelve_days_apart_correlate_as_measured(speckle: np.ndarray) -> None:
    """0.19 was measured at 12 days on real scenes."""
    centred = speckle - speckle.mean()
    assert (centred[1:] * centred[:-1]).mean() / centred.var() == pytest.approx(0.19, abs=0.04)


def _block(angle: float = 0.0) -> np.ndarray:
    rows, columns = np.mgrid[-40:40, -40:40]
    turn = np.radians(angle)
    along, across = columns * np.cos(turn) + rows * np.sin(turn), rows * np.cos(turn) - columns * np.sin(turn)
    return np.where((abs(along) < 15) & (abs(across) < 15), 10.0, 0.0).astype(np.float32)


def test_only_the_wall_that_faces_the_radar_returns() -> None:
    """An ascending pass looks east and meets the western wall; a descending one the eastern."""
    ascending, descending = wall_return(_block(), "ascending")[0], wall_return(_block(), "descending")[0]
    west, east = np.s_[:, :40], np.s_[:, 40:]
    assert ascending[west].sum() > 50 * ascending[east].sum()
    assert descending[east].sum() > 50 * descending[west].sum()


def test_a_turned_wall_returns_less() -> None:
    """cos⁶ of 45° is 1/8; two walls then share the look, and a quarter is left, but for the corners."""
    square, turned = (wall_return(_block(angle), "ascending")[0].sum() for angle in (-12, 45 - 12))
    assert turned < 0.4 * square


def test_twice_the_wall_returns_twice_as_much() -> None:
    assert wall_return(2 * _block(), "ascending")[0].sum() == pytest.approx(
        2 * wall_return(_block(), "ascending")[0].sum(), rel=1e-4
    )
