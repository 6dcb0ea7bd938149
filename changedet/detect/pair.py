"""Two dates only: the one image before and the one after that show most of the ground.

What each part gave on the eight labelled cities of the OSCD set (pooled AUROC / AP / F1 at one threshold fitted on the
other cities) is in docs/benchmarks.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from numba import njit, prange

from changedet import scratch
from changedet.detect.chronochrome import Model
from changedet.detect.features import BULK, Null, Pair, choose_pair, pick, sample
from changedet.detect.filters import Image, Mask, gradient, gradient_at, reach, smooth, smooth_sum
from changedet.detect.large_burns import large_burns
from changedet.detect.mad import pair_map
from changedet.stack import Periods, geobox_of
from changedet.values import DetectorConfig

VISIBLE = ("blue", "green", "red")
"""They see roofs, roads and bare ground, and little of the seasons."""
SPECTRAL_SCALES = {1.0: 0.5 / 3, 2.0: 0.5 / 3, 4.0: 0.5 / 3, 6.0: 0.5}
EDGE_SCALES = {1.0: 1 / 3, 2.0: 1 / 3, 4.0: 1 / 3}
"""Share of each Gaussian by its sigma in pixels."""
EDGE_SIGMA = 1.0
EDGE_SHARE = 0.2
STILL = 0.9
"""Share of the radar pixels, those of the smallest step, that the spread of speckle is taken from."""
LEAST_SPECKLE = 0.01
GREEN = 0.25
"""NDVI above which ground counts as grown over,"""
GREEN_WIDTH = 0.08
GREEN_DISCOUNT = 0.5
"""and by how much the score of ground that is grown over on both dates is lowered: crops and leaves come and go."""
MOST_LEVEL, MOST_SLOPE = 0.75, 0.12
"""Of unchanged ground the 85 % quantile of the score is at most this: noise alone gives 0.7, the labelled cities 0.2 to
0.6; and the mean excess over it was 0.07 to 0.17. More comes from change that covers much of the map."""
TYPICAL = Null(np.linspace(0, 0.4, 37), np.linspace(0, BULK, 37), MOST_SLOPE)
"""Of a city where little changed. A map with large burnt ground gets its scores from its p-values by this: what lies
between its own scores and chance it cannot tell."""

STRIP = 256
"""Rows at a time,"""
HALO = max(
    *(reach(sigma) for sigma in SPECTRAL_SCALES),
    *(reach(sigma) + reach(EDGE_SIGMA) + reach(2 * EDGE_SIGMA) for sigma in EDGE_SCALES),
)
"""and how many more on each side, so that no pixel feels where the strip ends."""
LEAST_CLEAR = 1000


class Config(DetectorConfig):
    """No settings."""


def detect(stack: xr.Dataset, periods: Periods, config: Config, rate: float) -> xr.Dataset:
    """ChangeMap between the clearest date of each side.

    ``score`` is how unexpected the change of spectrum and edges is, smoothed over several widths: a mean of ln(1 + d²)
    and so comparable between sites. ``p_value`` comes from the bulk of the map itself, and on large burnt ground, which
    the bulk would hide, from that of the burn ratio (``large_burns``). ``onset_after`` and ``onset_before`` are the two
    acquisitions. A pixel not seen on both is not observable.

    Raises
    ------
    NothingClearError
        A side has no date that shows the ground.
    """
    pair = choose_pair(stack, periods)
    grid = geobox_of(stack).resolution
    # before the score, so that their scratch memory and its maps do not lie beside each other
    burnt = large_burns(pair, math.sqrt(abs(grid.x * grid.y)), rate)
    score = change_score(pair)
    p_value = Null.fit(score[sample(pair.seen)], MOST_LEVEL, MOST_SLOPE).p_value(score)
    if burnt is not None:
        np.fmin(p_value, burnt, out=p_value)
        for top in range(0, len(score), STRIP):
            score[top : top + STRIP] = TYPICAL.score(p_value[top : top + STRIP])
    return pair_map(stack, pair, score, p_value, rate, "pair")


def change_score(pair: Pair) -> Image:
    """The score, (y, x); NaN where not seen. Strip by strip: what lies between takes the memory of one strip."""
    score_rows = _radar_score(pair) if set(pair.bands) <= {"vv", "vh"} else _optical_score(pair)
    height = pair.seen.shape[0]
    score = scratch.empty(pair.seen.shape, np.float32)
    for top in range(0, height, STRIP):
        first, last = max(0, top - HALO), min(height, top + STRIP + HALO)
        part = score_rows(pair.rows(first, last))[top - first :][:STRIP]
        score[top : top + STRIP] = np.where(pair.seen[top : top + STRIP], part, np.float32(np.nan))
        scratch.release([score, *pair.before, *pair.after])
    return score


def _optical_score(pair: Pair) -> Callable[[Pair], Image]:
    """The score of some rows, by models of the whole map."""
    visible = [i for i, band in enumerate(pair.bands) if band in VISIBLE]
    rows, columns = sample(pair.seen)
    spectra = pick((*pair.before, *pair.after), rows, columns)
    whole = Model.fit(spectra)
    in_sight = [*visible, *(i + len(pair.bands) for i in visible)]
    seeable = Model.fit(spectra[in_sight]) if visible and len(visible) < len(pair.bands) else None
    edges = edge_model([(*pair.before, *pair.after)[i] for i in in_sight], pair.seen) if visible else None

    def score_rows(part: Pair) -> Image:
        before, after = [part.before[i] for i in visible], [part.after[i] for i in visible]
        spectral = whole.surprise(part.before, part.after)
        if seeable is not None:
            spectral += seeable.surprise(before, after)
            spectral *= np.float32(0.5)
        score = smooth_sum(spectral, part.seen, SPECTRAL_SCALES)
        if edges is not None:
            first, second = ([gradient(plane, part.seen, EDGE_SIGMA) for plane in image] for image in (before, after))
            score *= np.float32(1 - EDGE_SHARE)
            score += np.float32(EDGE_SHARE) * smooth_sum(edges.surprise(first, second), part.seen, EDGE_SCALES)
        if {"red", "nir"} <= set(part.bands):
            _discount(score, *_greenness(part))
        return score

    return score_rows


def edge_model(planes: Sequence[Image], seen: Mask) -> Model:
    """Of the gradient magnitudes of both dates, from pixels away from gaps where there are enough of those."""
    rows, columns = sample(seen)
    edges = np.empty((len(planes), len(rows)), np.float32)
    for values, plane in zip(edges, planes, strict=True):
        values[:] = gradient_at(plane, rows, columns, EDGE_SIGMA)
        scratch.release([plane])
    clear = np.isfinite(edges).all(axis=0)
    if np.count_nonzero(clear) < LEAST_CLEAR:
        return Model.fit(np.stack([gradient(plane, seen, EDGE_SIGMA)[rows, columns] for plane in planes]))
    return Model.fit(edges[:, clear])


def _radar_score(pair: Pair) -> Callable[[Pair], Image]:
    """The smoothed ln(1 + d²/bands) of the whitened difference of some rows.

    Speckle is new on every date, so one date hardly predicts the other, and a level that is ordinary elsewhere would
    pass for no surprise.
    """
    rows, columns = sample(pair.seen)
    before, after = (pick(image, rows, columns) for image in (pair.before, pair.after))
    values = (after - before).astype(np.float64)
    middle = np.median(values, axis=1)
    distance = np.abs(values - middle[:, None]).max(axis=0)
    still = values[:, distance <= np.quantile(distance, STILL)]
    bands = len(values)
    covariance = np.atleast_2d(np.cov(still)) if still.shape[1] > 1 else np.zeros((bands, bands))
    whitening = np.linalg.inv(np.linalg.cholesky(covariance + np.eye(bands) * LEAST_SPECKLE**2))

    def score_rows(part: Pair) -> Image:
        steps = [b - a - np.float32(m) for a, b, m in zip(part.before, part.after, middle, strict=True)]
        total = np.zeros(part.seen.shape, np.float32)
        for row in whitening.astype(np.float32):
            white = sum((weight * step for weight, step in zip(row, steps, strict=True)), np.float32(0))
            total += white * white
        return smooth_sum(np.log1p(total / np.float32(bands)), part.seen, SPECTRAL_SCALES)

    return score_rows


def _greenness(pair: Pair) -> tuple[Image, Image]:
    """NDVI of both dates, a little smoothed."""
    red, nir = pair.bands.index("red"), pair.bands.index("nir")
    before, after = (
        smooth((image[nir] - image[red]) / np.maximum(image[nir] + image[red], np.float32(1e-3)), pair.seen, 1.0)
        for image in (pair.before, pair.after)
    )
    return before, after


@njit(parallel=True, cache=True, nogil=True)
def _discount(score: Image, before: Image, after: Image) -> None:
    """Leave the score of ground that is bare on at least one date; down to half of it where it is green on both."""
    for y in prange(score.shape[0]):
        for x in range(score.shape[1]):
            lower = min(before[y, x], after[y, x])
            share = np.float32(1) / (np.float32(1) + np.exp(np.float32((GREEN - lower) / GREEN_WIDTH)))
            score[y, x] *= np.float32(1) - np.float32(GREEN_DISCOUNT) * share
