"""What the two-date detectors share: the two images, statistics of their bands, the null.

Pixels are float32. An image is one plane ``(y, x)`` a band, not copied from the stack; a mask ``(y, x)`` is True where
both images show the ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numba import njit, prange
from numpy.typing import NDArray

from changedet import scratch
from changedet.detect.filters import Image, Mask
from changedet.errors import NothingClearError
from changedet.stack import Periods, band_names

FLOOR_POWER = 1e-5
"""Gamma0 below -50 dB is noise; the floor keeps the logarithm finite."""
SHOULDER, BULK = 0.65, 0.85
"""Quantiles between which the tail is continued; what lies below the second is taken for unchanged."""
SAMPLE = 200_000
"""Pixels that statistics are taken from: enough for a 12 × 12 covariance, and independent of the area."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images of one place."""

    before: tuple[Image, ...]
    """One plane (y, x) a band; NaN where not valid."""
    after: tuple[Image, ...]
    seen: Mask
    """Valid in both."""
    time_before: np.datetime64
    time_after: np.datetime64
    bands: tuple[str, ...]

    def rows(self, first: int, last: int) -> Pair:
        """The same of the rows ``first`` … ``last - 1``, without a copy."""
        before, after = (tuple(plane[first:last] for plane in image) for image in (self.before, self.after))
        return Pair(before, after, self.seen[first:last], self.time_before, self.time_after, self.bands)


def choose_pair(stack: xr.Dataset, periods: Periods) -> Pair:
    """The clearest date of each side (ties: the one nearest to the other side); radar as ln gamma0.

    Raises
    ------
    NothingClearError
        A side has no date, or no pixel is seen on both dates.
    """
    key = stack.attrs.get("key", "?")
    counts = stack.valid.values.sum(axis=(1, 2))
    chosen = []
    for name, side, newest in zip(("before", "after"), periods.sides(stack), (True, False), strict=True):
        dates = np.flatnonzero(side)
        if dates.size == 0 or counts[dates].max() == 0:
            raise NothingClearError(f"stack {key}: no date {name} shows the ground; widen the period or max_cloud")
        best = dates[counts[dates] == counts[dates].max()]
        chosen.append(int(best[-1] if newest else best[0]))
    first, second = chosen
    seen = stack.valid.values[first] & stack.valid.values[second]
    if not seen.any():
        raise NothingClearError(f"stack {key}: the clearest date before and after have no pixel in common")
    bands = band_names(stack)
    log = stack.attrs.get("quantity") == "gamma0"
    images = [tuple(stack[band].values[i] for band in bands) for i in (first, second)]
    if log:
        images = [tuple(np.log(np.maximum(plane, np.float32(FLOOR_POWER))) for plane in image) for image in images]
    return Pair(images[0], images[1], seen, stack.time.values[first], stack.time.values[second], bands)


def sample(seen: Mask, size: int = SAMPLE) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of evenly spaced seen pixels, at most ``size`` of them; no random numbers."""
    count = int(np.count_nonzero(seen))
    return _every(np.ascontiguousarray(seen), max(1, -(-count // size)), count)


def pick(planes: Sequence[Image], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Image:
    """The pixels ``(rows[i], columns[i])`` of each plane, (planes, n)."""
    picked = np.empty((len(planes), len(rows)), np.float32)
    for values, plane in zip(picked, planes, strict=True):
        values[:] = plane[rows, columns]
        scratch.release([plane])
    return picked


@njit(cache=True, nogil=True)
def _every(seen: Mask, step: int, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Each ``step``-th of ``count`` True pixels, without an index of all of them."""
    rows, columns = np.empty(-(-count // step), np.intp), np.empty(-(-count // step), np.intp)
    met = 0
    for y in range(seen.shape[0]):
        for x in range(seen.shape[1]):
            if seen[y, x]:
                if met % step == 0:
                    rows[met // step], columns[met // step] = y, x
                met += 1
    return rows, columns


@dataclass(frozen=True, slots=True)
class Null:
    """Distribution of a score where nothing changed: as in the map up to its 85 % quantile, exponential beyond.

    Whatever changed lies in the upper tail, so the tail is not counted but continued from the slope between the 65 %
    and the 85 % quantile (central matching of an empirical null: Efron 2004, JASA 99, 96-104). On the labelled cities
    of the OSCD set the tail of the unchanged pixels is nearer to an exponential than to a (log-)normal one: with
    the bounds that ``pair`` sets, 1.1 % of them have p at most 0.01, 4.8 % at most 0.05, and 9.3 % at most 0.1.
    """

    knots: NDArray[np.float64]
    """Scores at ``levels``, ascending."""
    levels: NDArray[np.float64]
    """Probabilities 0 … ``BULK`` of a smaller score."""
    slope: float
    """Mean excess over the last knot."""

    @classmethod
    def fit(cls, scores: NDArray, most_level: float = np.inf, most_slope: float = np.inf) -> Null:
        """From a sample of finite scores.

        Parameters
        ----------
        most_level, most_slope : bounds of the last knot and of the mean excess, for a score whose size means the
            same on every site; they hold where so much of the map changed that the map cannot tell
        """
        levels = np.linspace(0, BULK, 37)
        knots = np.quantile(scores.astype(np.float64), levels)
        if knots[-1] > most_level:
            knots *= most_level / knots[-1]
        middle = float(np.interp(SHOULDER, levels, knots))
        slope = (knots[-1] - middle) / np.log((1 - SHOULDER) / (1 - BULK))
        # two copies of one image differ by rounding only, which must not pass for noise
        least_slope = 0.05 * most_slope if np.isfinite(most_slope) else 1e-12
        return cls(knots, levels, float(np.clip(slope, least_slope, most_slope)))

    def p_value(self, score: Image) -> Image:
        """Probability of so large a score where nothing changed; NaN where the score is."""
        p_value: Image = scratch.empty(score.shape, np.float32)
        knots, levels = (np.asarray(part, np.float64) for part in (self.knots, self.levels))
        _tail(np.ascontiguousarray(score, np.float32).reshape(-1), knots, levels, self.slope, p_value.reshape(-1))
        return p_value

    def score(self, p_value: Image) -> Image:
        """The score that has this probability; NaN stays."""
        rest = 1 - BULK
        beyond = self.knots[-1] + self.slope * np.log(rest / np.clip(p_value, 1e-30, rest))
        score: Image = np.where(p_value < rest, beyond, np.interp(1 - p_value, self.levels, self.knots))
        return np.where(np.isnan(p_value), np.nan, score).astype(np.float32)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _tail(score: Image, knots: NDArray[np.float64], levels: NDArray[np.float64], slope: float, p_value: Image) -> None:
    """1 - interpolated level up to the last knot, then exponential; NaN stays."""
    last = len(knots) - 1
    for i in prange(len(score)):
        value = np.float64(score[i])
        if np.isnan(value):
            p_value[i] = np.nan
        elif value >= knots[last]:
            p_value[i] = (1 - levels[last]) * np.exp((knots[last] - value) / slope)
        elif value <= knots[0]:
            p_value[i] = 1 - levels[0]
        else:
            k = np.searchsorted(knots, value, side="right") - 1
            step = knots[k + 1] - knots[k]
            p_value[i] = 1 - (levels[k] + (levels[k + 1] - levels[k]) * (value - knots[k]) / step)
