"""Change vector analysis: the length of a pixel's step in the space of the bands (Malila 1980, LARS Symposia, 385).

Kept as the plain method to compare with. The second image is brought to the level and contrast of the first, band by
band, by the median and the spread of the middle of the map; each band then counts in units of its own spread of
differences.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet.detect.features import Null, Pair, choose_pair, sample
from changedet.detect.filters import Image
from changedet.detect.mad import pair_map
from changedet.stack import Periods
from changedet.values import DetectorConfig

LEAST_SPREAD = 1e-6
MIDDLE = (0.25, 0.5, 0.75)


class Config(DetectorConfig):
    """No settings."""


def magnitude(pair: Pair) -> Image:
    """Length of the change vector in standard deviations of each band's difference, (y, x); NaN where not seen."""
    picked = sample(pair.seen)
    total = np.zeros(pair.seen.shape, np.float32)
    for before, after in zip(pair.before, pair.after, strict=True):
        low, middle, high = _quartiles(before[picked])
        low_after, middle_after, high_after = _quartiles(after[picked])
        gain = max(high - low, LEAST_SPREAD) / max(high_after - low_after, LEAST_SPREAD)
        difference = (after - np.float32(middle_after)) * np.float32(gain) - (before - np.float32(middle))
        first, _, third = _quartiles(difference[picked])
        # quartiles of a normal distribution lie 1.349 standard deviations apart
        difference /= np.float32(max((third - first) / 1.349, LEAST_SPREAD))
        total += difference * difference
    np.sqrt(total, out=total)
    total[~pair.seen] = np.nan
    return total


def _quartiles(values: NDArray) -> tuple[float, float, float]:
    low, middle, high = np.quantile(values, MIDDLE).tolist()
    return low, middle, high


def detect(stack: xr.Dataset, periods: Periods, config: Config, rate: float) -> xr.Dataset:
    """ChangeMap of the change vector's length between the clearest date of each side, per pixel, nothing smoothed.

    Raises
    ------
    NothingClearError
        A side has no date that shows the ground.
    """
    pair = choose_pair(stack, periods)
    score = magnitude(pair)
    p_value = Null.fit(score[sample(pair.seen)]).p_value(score)
    return pair_map(stack, pair, score, p_value, rate, "cva")
