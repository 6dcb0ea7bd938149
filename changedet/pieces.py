"""Which pieces of touching changed pixels are more than chance.

A map flagged at p ≤ 0.01 always has flagged pixels, in clumps as large as its noise is smooth. A piece is judged by its
*mass*, the sum of ln(rate / p) over its pixels, which grows with its extent and with its height (cluster mass: Zhang,
Nichols & Johnson 2009, NeuroImage 44:51). Where the map has placebo windows, their pieces say how heavy those of chance
are (``detect/placebo_pieces.py``). Elsewhere the masses are those of a Gaussian field of the same smoothness, which is
simulated, because the closed forms were measured to fail below a threshold of two standard deviations. What varies
slowly over the scene makes a map look smoother than its noise is; most pieces of a map are chance, so their median mass
says how large chance is (central matching: Efron 2004, JASA 99:96). The p-values go through Benjamini–Hochberg, which
bounds the share of false regions (Chumbley & Friston 2009, NeuroImage 44:62).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import norm

from changedet.detect.calibrate import benjamini_hochberg
from changedet.detect.placebo_pieces import SMALLEST_PIECE, PieceTail
from changedet.detect.resel import heights, resolution_element

SMOOTHNESS_ROWS = 2000
"""Rows of the map from which its smoothness is measured, at most."""
LARGEST_RESEL = 40.0
"""Pixels: smoother fields are simulated at this and their masses scaled, which a continuous field allows."""
PIECES = 2000
"""About so many pieces by chance are simulated,"""
LARGEST_FIELD = 1_500_000
"""on at most so many pixels."""
SEED = 20250117
TAIL = 0.2
"""Share of the simulated masses that the tail is fitted to."""
LEAST_MATCHED = 30
"""Pieces from which their median is taken for that of chance."""
MATCHED = (0.25, 1.0)
"""Bounds of what it may scale the masses of chance by: change that is common raises it, and must not."""
FALSE_SHARE, MOST_FALSE = 5.0, 0.2
"""Of the regions of a map, that may be false: so many times the rate of false pixels, and at most. A person looks at a
region, and a site has a hundred pieces where it has thousands of independent pixels: at the pixels' own rate the eight
labelled OSCD cities gave 36 regions, so and with matched masses 75."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Touching pixels (8 neighbours) that the map calls changed."""

    pixels: NDArray[np.intp]
    """Flat indices on the map's grid, ascending."""
    log_p: float
    """ln of the probability that a piece made by chance has so large a mass."""


def significant_pieces(change: xr.Dataset, rate: float, least: int) -> list[Piece]:
    """Pieces of at least ``least`` pixels that pass Benjamini–Hochberg, in order of their first pixel.

    Parameters
    ----------
    change : ChangeMap
    rate : p-value up to which its pixels were flagged; at most ``FALSE_SHARE`` times as large a share of the pieces is
        false
    """
    changed = change.changed.values
    labels, count = ndimage.label(changed, np.ones((3, 3), bool))
    if not count:
        return []
    pixels = np.flatnonzero(changed)
    piece = labels.ravel()[pixels]
    order = np.argsort(piece, kind="stable")
    pixels, size = pixels[order], np.bincount(piece)[1:]
    starts = np.concatenate([[0], np.cumsum(size)[:-1]])
    mass = np.add.reduceat(_excess(change.p_value.values.ravel()[pixels], rate), starts)
    tail = PieceTail.of(change.attrs)
    if tail is None:
        null = _null(_map_resel(change), rate)
        log_p = null.log_p(mass / _matched(mass, null))
    else:
        log_p = tail.log_p(mass)
    # chance has made as many as it has at that size, whatever the sensor resolves
    tested = np.flatnonzero(size >= (least if tail is None else min(least, SMALLEST_PIECE)))
    kept = tested[benjamini_hochberg(np.exp(log_p[tested]), min(FALSE_SHARE * rate, MOST_FALSE))]
    return [Piece(pixels[starts[i] : starts[i] + size[i]], float(log_p[i])) for i in kept if size[i] >= least]


def _excess(p_value: NDArray, rate: float) -> NDArray[np.float64]:
    """ln(rate / p), which is exponential with mean 1 where nothing changed; 0 where p is unknown or above the rate."""
    known = np.nan_to_num(p_value.astype(np.float64), nan=1.0)
    return np.maximum(0.0, math.log(rate) - np.log(np.clip(known, 1e-300, 1.0)))


@dataclass(frozen=True, slots=True)
class _Null:
    """Masses of pieces made by chance, ascending, and their tail.

    A peak of height h over the threshold has an area ∝ h, so its mass is ∝ h², and h is exponential: the square root of
    the mass has an exponential tail.
    """

    masses: NDArray[np.float64]
    start: float
    slope: float

    def log_p(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        above = len(self.masses) - np.searchsorted(self.masses, mass, side="left")
        counted = np.log((1 + above) / (1 + len(self.masses)))
        root = np.sqrt(mass)
        tail = math.log(TAIL) - (root - self.start) / self.slope
        return np.where(root > self.start, np.minimum(tail, math.log(TAIL)), counted)


def _matched(mass: NDArray[np.float64], null: _Null) -> float:
    """How much heavier the pieces that chance makes on this map are than those of the Gaussian field, by the median."""
    if len(mass) < LEAST_MATCHED:
        return 1.0
    return float(np.clip(np.median(mass) / np.median(null.masses), *MATCHED))


def _null(resel: float, rate: float) -> _Null:
    simulated = min(resel, LARGEST_RESEL)
    side = math.ceil(math.sqrt(min(PIECES * (1 + simulated / 2) / rate, LARGEST_FIELD)))
    white = np.random.default_rng(SEED).standard_normal((side, side), dtype=np.float32)
    field = ndimage.gaussian_filter(white, math.sqrt(simulated / (8 * math.log(2))), mode="wrap")
    field = (field - field.mean()) / field.std()
    changed = field >= norm.isf(rate)
    labels, count = ndimage.label(changed, np.ones((3, 3), bool))
    excess = _excess(norm.sf(field[changed]), rate)
    mass = np.asarray(np.bincount(labels[changed], excess, minlength=count + 1)[1:], np.float64)
    # the same censored estimate on both sides, so that its bias drops out
    field[changed] = np.nan
    mass = np.sort(mass) * max(1.0, resel / resolution_element(field[:-1], field[1:]))
    root = np.sqrt(mass)
    start = float(np.quantile(root, 1 - TAIL))
    return _Null(mass, start, float(np.mean(root[root > start] - start)))


def _map_resel(change: xr.Dataset) -> float:
    """The resolution element of a map's noise in pixels: of what was seen and did not change."""
    height = change.sizes["y"]
    rows = np.unique(np.linspace(0, height - 2, min(height - 1, SMOOTHNESS_ROWS)).astype(int))
    p_value, changed = change.p_value.values, change.changed.values
    return resolution_element(*(heights(p_value[r], changed[r]) for r in (rows, rows + 1)))
