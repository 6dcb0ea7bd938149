"""Multivariate alteration detection, one pass.

The two images' bands are paired into canonical variates; the sum of their squared differences, each divided by its
variance 2(1 - ρ), is large where the relation between the images breaks (Nielsen, Conradsen & Simpson 1998, Remote
Sensing of Environment 64, 1-19). It ignores any linear change of gain, offset or band mixture between the dates.
Iterating the weights to convergence (IR-MAD, Nielsen 2007) is left out on purpose: it was measured to be worse here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import linalg

from changedet.detect.features import Null, Pair, choose_pair, sample
from changedet.detect.filters import Image
from changedet.stack import Periods, change_map
from changedet.values import DetectorConfig

MAX_CORRELATION = 0.9999


class Config(DetectorConfig):
    """No settings."""


def variates(pair: Pair) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The standardised MAD variates as a linear map of the stacked bands.

    Returns
    -------
    weights : (bands, 2 × bands); offset : (bands,); variates = weights @ [before; after] - offset
    """
    rows, columns = sample(pair.seen)
    bands = len(pair.bands)
    pixels = np.stack([plane[rows, columns] for plane in (*pair.before, *pair.after)]).astype(np.float64)
    mean = pixels.mean(axis=1)
    covariance = np.cov(pixels) + np.eye(2 * bands) * 1e-12
    before, after, cross = covariance[:bands, :bands], covariance[bands:, bands:], covariance[:bands, bands:]
    ridge = np.eye(bands) * 1e-9 * (np.trace(before) + np.trace(after)) / bands
    before, after = before + ridge, after + ridge
    squared, left = linalg.eigh(cross @ np.linalg.solve(after, cross.T), before)
    rho = np.sqrt(np.clip(squared, 1e-8, MAX_CORRELATION**2))
    right = np.linalg.solve(after, cross.T) @ left / rho
    weights = np.concatenate([left, -right]).T / np.sqrt(2 * (1 - rho))[:, None]
    return weights, weights @ mean


def magnitude(pair: Pair) -> Image:
    """Square root of the MAD statistic, (y, x); NaN where not seen."""
    total = distance([*pair.before, *pair.after], *variates(pair))
    total[~pair.seen] = np.nan
    return total


def distance(planes: Sequence[Image], weights: NDArray[np.float64], offset: NDArray[np.float64]) -> Image:
    """Root of the sum of squared variates, (y, x), of all bands before and then all after."""
    shape = planes[0].shape
    total = np.zeros(shape, np.float32)
    for row, shift in zip(weights.astype(np.float32), offset.astype(np.float32), strict=True):
        variate = np.full(shape, -shift, np.float32)
        for weight, plane in zip(row, planes, strict=True):
            variate += weight * plane
        total += variate * variate
    np.sqrt(total, out=total)
    return total


def detect(stack: xr.Dataset, periods: Periods, config: Config, rate: float) -> xr.Dataset:
    """ChangeMap of one-pass MAD between the clearest date of each side, per pixel, nothing smoothed."""
    pair = choose_pair(stack, periods)
    score = magnitude(pair)
    p_value = Null.fit(score[sample(pair.seen)]).p_value(score)
    return pair_map(stack, pair, score, p_value, rate, "mad")


def pair_map(stack: xr.Dataset, pair: Pair, score: Image, p_value: Image, rate: float, detector: str) -> xr.Dataset:
    """A ChangeMap of two dates: flagged where ``p_value <= rate``, onset between the two acquisitions."""
    shape = pair.seen.shape
    once = pair.seen.astype(np.int16)
    with np.errstate(invalid="ignore"):
        changed = p_value <= rate
    change = change_map(
        stack,
        {
            "score": score,
            "p_value": p_value,
            "changed": changed & pair.seen,
            "observable": pair.seen,
            "n_before": once,
            "n_after": once,
            "onset_after": np.broadcast_to(pair.time_before, shape),
            "onset_before": np.broadcast_to(pair.time_after, shape),
        },
        detector=detector,
    )
    change.attrs.update(acquired_before=str(pair.time_before), acquired_after=str(pair.time_after))
    return change
