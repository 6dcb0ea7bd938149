"""Principal components of neighbourhoods and two clusters (Celik 2009, IEEE GRSL 6, 772-776).

The difference image is the length of the change vector. Blocks of it give principal components; every pixel's
neighbourhood, projected onto the first of them, is nearer to one of two cluster centres, and the cluster with the
larger differences is change. The paper stops at that yes or no; here the difference of the two squared distances is the
score. It is linear in the neighbourhood, so the whole map is one correlation with one small kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage

from changedet.detect import cva
from changedet.detect.features import Null, choose_pair, sample
from changedet.detect.filters import Image, Mask, smooth
from changedet.detect.mad import pair_map
from changedet.stack import Periods
from changedet.values import DetectorConfig

ROUNDS = 50
FILL_SIGMA = 3.0
"""Pixels: gaps are filled from around them before neighbourhoods are taken."""


class Config(DetectorConfig):
    """Size of a neighbourhood and how much of it is kept."""

    side: int = Field(default=5, ge=3, le=15, description="pixels, odd; the side of a neighbourhood")
    components: int = Field(default=3, ge=1, le=9, description="principal components kept")


@dataclass(frozen=True, slots=True)
class Split:
    """Two clusters of neighbourhoods as a linear score: 1 at the centre of change, -1 at that of no change."""

    kernel: Image
    """(side, side)"""
    offset: float

    @classmethod
    def fit(cls, difference: Image, seen: Mask, side: int, components: int) -> Split:
        """From the blocks of the map that do not overlap."""
        blocks = _blocks(difference, seen, side)
        if len(blocks) < 2:
            return cls(np.full((side, side), 1 / side**2, np.float32), 0.0)
        mean = blocks.mean(axis=0)
        _, basis = np.linalg.eigh(np.cov(blocks.T))
        basis = basis[:, ::-1][:, :components]
        still, moved = _two_means((blocks - mean) @ basis, blocks.mean(axis=1))
        step = moved - still
        squared = float(step @ step) or 1.0
        weights = 2 * basis @ step / squared
        offset = float(weights @ mean + (moved + still) @ step / squared)
        return cls(weights.reshape(side, side).astype(np.float32), offset)

    def score(self, difference: Image) -> Image:
        """(|v - still|² - |v - moved|²) / |moved - still|² per pixel, (y, x)."""
        return np.asarray(ndimage.correlate(difference, self.kernel, mode="reflect") - self.offset, np.float32)


def _blocks(difference: Image, seen: Mask, side: int) -> NDArray[np.float64]:
    """Blocks without gaps, (n, side²)."""
    rows, columns = (size // side for size in difference.shape)

    def cut(image: NDArray) -> NDArray:
        whole = image[: rows * side, : columns * side].reshape(rows, side, columns, side)
        return whole.swapaxes(1, 2).reshape(rows * columns, side * side)

    return np.asarray(cut(difference)[cut(seen).all(axis=1)], np.float64)


def _two_means(points: NDArray, size: NDArray) -> tuple[NDArray, NDArray]:
    """Centres of two clusters, the one with the smaller differences first; begun from the largest tenth."""
    in_second = size >= np.quantile(size, 0.9)
    for _ in range(ROUNDS):
        if in_second.all() or not in_second.any():
            break
        first, second = points[~in_second].mean(axis=0), points[in_second].mean(axis=0)
        nearer = ((points - second) ** 2).sum(axis=1) < ((points - first) ** 2).sum(axis=1)
        if (nearer == in_second).all():
            break
        in_second = nearer
    if in_second.all() or not in_second.any():
        return points.mean(axis=0), points[int(size.argmax())]
    first, second = points[~in_second].mean(axis=0), points[in_second].mean(axis=0)
    return (first, second) if size[~in_second].mean() <= size[in_second].mean() else (second, first)


def detect(stack: xr.Dataset, periods: Periods, config: Config, rate: float) -> xr.Dataset:
    """ChangeMap of the two clusters between the clearest date of each side.

    Raises
    ------
    NothingClearError
        A side has no date that shows the ground.
    """
    pair = choose_pair(stack, periods)
    difference = cva.magnitude(pair)
    difference = np.where(pair.seen, difference, smooth(difference, pair.seen, FILL_SIGMA))
    score = Split.fit(difference, pair.seen, config.side | 1, config.components).score(difference)
    score[~pair.seen] = np.nan
    p_value = Null.fit(score[sample(pair.seen)]).p_value(score)
    return pair_map(stack, pair, score, p_value, rate, "celik")
