"""Two dates only: the one image before and the one after that show most of the ground.

What each part gave on the eight labelled cities of the OSCD set (pooled AUROC / AP / F1 at one threshold fitted on the
other cities) is in docs/benchmarks.md.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import expit

from changedet.detect.chronochrome import Model
from changedet.detect.features import Null, Pair, choose_pair, sample
from changedet.detect.filters import Image, Mask, gradient, smooth, smooth_sum
from changedet.detect.mad import pair_map
from changedet.stack import Periods
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


class Config(DetectorConfig):
    """No settings."""


def detect(stack: xr.Dataset, periods: Periods, config: Config, rate: float) -> xr.Dataset:
    """ChangeMap between the clearest date of each side.

    ``score`` is how unexpected the change of spectrum and edges is, smoothed over several widths: a mean of ln(1 + d²)
    and so comparable between sites. ``p_value`` comes from the bulk of the map itself; ``onset_after`` and
    ``onset_before`` are the two acquisitions. A pixel not seen on both is not observable.

    Raises
    ------
    NothingClearError
        A side has no date that shows the ground.
    """
    pair = choose_pair(stack, periods)
    score = change_score(pair)
    p_value = Null.fit(score[sample(pair.seen)], MOST_LEVEL, MOST_SLOPE).p_value(score)
    return pair_map(stack, pair, score, p_value, rate, "pair")


def change_score(pair: Pair) -> Image:
    """The score, (y, x); NaN where not seen."""
    if set(pair.bands) <= {"vv", "vh"}:
        score = smooth_sum(_step(pair), pair.seen, SPECTRAL_SCALES)
        score[~pair.seen] = np.nan
        return score
    visible = [i for i, band in enumerate(pair.bands) if band in VISIBLE]
    before, after = [pair.before[i] for i in visible], [pair.after[i] for i in visible]
    spectral = Model.fit(pair.before, pair.after, pair.seen).surprise(pair.before, pair.after)
    if visible and len(visible) < len(pair.bands):
        spectral += Model.fit(before, after, pair.seen).surprise(before, after)
        spectral *= np.float32(0.5)
    score = smooth_sum(spectral, pair.seen, SPECTRAL_SCALES)
    if visible:
        score *= np.float32(1 - EDGE_SHARE)
        score += np.float32(EDGE_SHARE) * _edge_change(before, after, pair.seen)
    score *= _discount(pair)
    score[~pair.seen] = np.nan
    return score


def _step(pair: Pair) -> Image:
    """ln(1 + d²/bands) of the whitened difference of radar.

    Speckle is new on every date, so one date hardly predicts the other, and a level that is ordinary elsewhere would
    pass for no surprise.
    """
    steps = [after - before for before, after in zip(pair.before, pair.after, strict=True)]
    values = np.stack([step[sample(pair.seen)] for step in steps]).astype(np.float64)
    middle = np.median(values, axis=1)
    distance = np.abs(values - middle[:, None]).max(axis=0)
    still = values[:, distance <= np.quantile(distance, STILL)]
    covariance = np.atleast_2d(np.cov(still)) if still.shape[1] > 1 else np.zeros((len(steps), len(steps)))
    whitening = np.linalg.inv(np.linalg.cholesky(covariance + np.eye(len(steps)) * LEAST_SPECKLE**2))
    total = np.zeros(pair.seen.shape, np.float32)
    for row in whitening:
        part = np.zeros_like(total)
        for weight, step, centre in zip(row, steps, middle, strict=True):
            part += np.float32(weight) * (step - np.float32(centre))
        total += part * part
    return np.asarray(np.log1p(total / np.float32(len(steps))), np.float32)


def _edge_change(before: list[Image], after: list[Image], seen: Mask) -> Image:
    first, second = ([gradient(plane, seen, EDGE_SIGMA) for plane in image] for image in (before, after))
    return smooth_sum(Model.fit(first, second, seen).surprise(first, second), seen, EDGE_SCALES)


def _discount(pair: Pair) -> Image | np.float32:
    """1 for ground that is bare on at least one date, down to ``1 - GREEN_DISCOUNT`` where it is green on both."""
    if not {"red", "nir"} <= set(pair.bands):
        return np.float32(1)
    red, nir = pair.bands.index("red"), pair.bands.index("nir")
    greenness = [
        smooth((image[nir] - image[red]) / np.maximum(image[nir] + image[red], np.float32(1e-3)), pair.seen, 1.0)
        for image in (pair.before, pair.after)
    ]
    lower = np.minimum(*greenness)
    return np.asarray(1 - GREEN_DISCOUNT * expit((lower - GREEN) / GREEN_WIDTH), np.float32)
