"""When a change began: the date with the largest G, and those that come near it. ``kernels.py`` says what a block is.

A neighbour has most often changed on the same date, and by a noise of its own: G is averaged over the near pixels
before its largest value is looked for. The bracket holds every date whose G comes as near to the largest as a ratio of
likelihoods allows, in units of what the noise of the site, which lingers from date to date, makes of G.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from scipy import stats

from changedet.detect import smoothing
from changedet.detect.blocks import kernel
from changedet.detect.intrinsics import ahead
from changedet.detect.kernels import LANES, Booleans, Floats, Ints

NAMES = ("date_changed", "date_unchanged", "date_earliest", "date_before_earliest", "date_latest")
"""The first changed and the last unchanged acquisition at the best split; the earliest and the latest first changed
acquisition that the data allow, and the one before the earliest."""


Limits = tuple[float, float, float]
"""How far below the largest G a date of the bracket may be: at least, at most, and between as this share of the
largest."""


def inflation(curves: list[Floats], bands: int) -> float:
    """How many times larger G is on the site than independent noise would make it, at least 1; by its median.

    Parameters
    ----------
    curves : as ``kernels.scan`` fills them, of an area most of which did not change
    bands : that enter G
    """
    known = [curve[curve >= 0] for curve in curves]
    values = np.concatenate(known)
    return max(1.0, float(np.median(values) / stats.chi2.median(bands))) if len(values) else 1.0


def pooled(curve: Floats, width: int, scale: float) -> Floats:
    """The mean of G over near pixels, by date, among those that have one, in its place; −1 stays.

    Parameters
    ----------
    curve : (dates, pixels), as ``kernels.scan`` fills it
    scale : standard deviation in pixels
    """
    if scale > 0:
        smoothing.smooth_known(curve, width, kernel(scale))
    return curve


def dates(curve: Floats, seen: Booleans, window: Ints, latest: Ints, limits: Limits) -> Ints:
    """``NAMES`` as indices of dates: (5, pixels), −1 where no date is a candidate.

    Parameters
    ----------
    curve, seen : (dates, pixels): G, or −1; whether the acquisition is valid
    window : indices of these dates in the stack
    latest : (pixels), the last valid reference date, or −1
    """
    out = np.empty((len(NAMES), curve.shape[1]), np.int32)
    least, most, share = (np.float32(limit) for limit in limits)
    _dates(curve, seen, window, latest, (least, most, share), out)
    return out


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _dates(
    curve: Floats,
    seen: Booleans,
    window: Ints,
    latest: Ints,
    limits: tuple[np.float32, np.float32, np.float32],
    out: Ints,
) -> None:
    pixels = curve.shape[1]
    for segment in prange((pixels + LANES - 1) // LANES):
        a = segment * LANES
        e = min(a + LANES, pixels)
        best = np.full(e - a, np.float32(-1))
        first = out[0, a:e]
        first[:] = -1
        for k in range(window.shape[0]):
            g, date = curve[k, a:e], np.int32(window[k])
            ahead(g, LANES)
            for i in range(e - a):
                # all is read before it is chosen from: a read that hangs on a condition is not done in vector registers
                new, old, before = g[i], best[i], first[i]
                first[i] = date if new > old else before
                best[i] = new if new > old else old
        for i in range(e - a):
            best[i] = max(best[i] - max(limits[0], min(limits[1], limits[2] * best[i])), np.float32(0))
        _brackets((curve, seen), (a, e), window, latest[a:e].copy(), best, out)


@njit(cache=True, nogil=True, error_model="numpy")
def _brackets(
    planes: tuple[Floats, Booleans], span: tuple[int, int], window: Ints, last: Ints, least: Floats, out: Ints
) -> None:
    """The date before the peak, and those around every date whose G is at least ``least``."""
    a, e = span
    curve, seen = planes
    first, previous, low, below, high = out[0, a:e], out[1, a:e], out[2, a:e], out[3, a:e], out[4, a:e]
    out[1:, a:e] = -1
    for k in range(window.shape[0]):
        ok, g = seen[k, a:e], curve[k, a:e]
        date = np.int32(window[k])
        for i in range(e - a):
            old = high[i]
            high[i] = date if g[i] >= least[i] else old
        for i in range(e - a):
            latest, under, lowest = last[i], below[i], low[i]
            earliest = (high[i] == date) & (lowest < 0)
            below[i] = latest if earliest else under
            low[i] = date if earliest else lowest
        for i in range(e - a):
            latest, old = last[i], previous[i]
            previous[i] = latest if first[i] == date else old
            last[i] = date if ok[i] else latest
