"""What the two-date detectors share: the two images, statistics of their bands, smoothing with gaps, the null.

Pixels are float32. An image is one plane ``(y, x)`` a band, not copied from the stack; a mask ``(y, x)`` is True where both images show the ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from changedet.detect.filters import Image, Mask
from changedet.errors import NothingClearError
from changedet.stack import Periods, band_names

FLOOR_POWER = 1e-5
"""Gamma0 below -50 dB is noise; the floor keeps the logarithm finite."""
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
    flat = np.flatnonzero(seen)
    step = max(1, -(-flat.size // size))
    rows, columns = np.unravel_index(flat[::step], seen.shape)
    return rows, columns


@dataclass(frozen=True, slots=True)
class Null:
    """Distribution of a score where nothing changed: a shifted log-normal, by its quantiles.

    Fitted on the bulk of the map itself (quantiles 10, 50, 90 %), as in central matching of an empirical null
    (Efron 2004, JASA 99, 96-104): a change that covers less than about a tenth of the map hardly moves it.
    """

    median: float
    spread: float
    """Standard deviation of the Gaussianised score, in score units (normal) or in ln units (log-normal)."""
    origin: float
    """Where the log-normal begins; -inf for a normal."""

    @classmethod
    def fit(cls, scores: NDArray) -> Null:
        """From a sample of finite scores."""
        low, middle, high = np.quantile(scores, (0.1, 0.5, 0.9)).tolist()
        skew = low + high - 2 * middle
        unit = float(ndtri(0.9))
        if skew <= 0.02 * (high - low):
            return cls(middle, max((high - low) / (2 * unit), 1e-12), -np.inf)
        origin = (low * high - middle * middle) / skew
        return cls(middle, float(np.log((high - origin) / (middle - origin)) / unit), origin)

    def z(self, score: Image) -> Image:
        """The score as a standard normal variate under the null."""
        if np.isinf(self.origin):
            return np.asarray((score - np.float32(self.median)) / np.float32(self.spread), np.float32)
        ratio = (score - np.float32(self.origin)) / np.float32(self.median - self.origin)
        return np.asarray(np.log(np.maximum(ratio, np.float32(1e-6))) / np.float32(self.spread), np.float32)

    def p_value(self, score: Image) -> Image:
        """Probability of so large a score where nothing changed."""
        return np.asarray(ndtr(-self.z(score)), np.float32)
