"""Fills the blocks that ``kernels.py`` works on: rows of a band, missing values masked, radar as its logarithm."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from changedet.detect.intrinsics import CACHE_LINE, bits_of, float_of

Floats = NDArray[np.float32]

ONE = np.float32(1)
LN2 = np.float32(0.6931471805599453)
C3, C5, C7 = (np.float32(1 / k) for k in (3, 5, 7))
MANTISSA = np.int32(23)
"""Bits of a float32."""
ROOT_HALF = np.int32(0x3F3504F3)
"""Bits of √½: the mantissa is brought between √½ and √2, where the series is short."""


def padded(pixels: int) -> int:
    """Length of a block's pixel axis: an odd number of cache lines, lest all dates fall on the same cache set."""
    lines = -(-pixels // CACHE_LINE)
    return CACHE_LINE * (lines + 1 - lines % 2)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def ingest(plane: Floats, first: int, last: int, settings: tuple[bool, bool], block: Floats, mask: Floats) -> None:
    """Copy rows ``first…last`` of one band ``(time, y, x)`` into ``block`` ``(time, pixels)``.

    ``settings`` are: whether to take logarithms, and whether this is the first band, which starts the mask. Missing
    values become 0 in ``mask``; logarithms are natural, with a relative error of 2e-7 (ln m =
    2 artanh((m − 1)/(m + 1)) of the mantissa), and values that have none count as missing.
    """
    width = plane.shape[2]
    for t in prange(plane.shape[0]):
        for y in range(first, last):
            start = (y - first) * width
            run = slice(start, start + width)
            ingest_run(plane[t, y], settings, block[t, run], mask[t, run])


@njit(cache=True, nogil=True, error_model="numpy")
def ingest_run(row: Floats, settings: tuple[bool, bool], out: Floats, ok: Floats) -> None:
    """Copy some pixels of one band and date, and take from ``ok`` those that are missing; the rest as in `ingest`."""
    log, fresh = settings
    if log:
        for i in range(len(row)):
            # int32 at each step: of two of them numba makes an int64, for which there are half as many lanes
            bits = bits_of(row[i])
            exponent = np.int32(np.int32(bits - ROOT_HALF) >> MANTISSA)
            m = float_of(np.int32(bits - (exponent << MANTISSA)))
            s = (m - ONE) / (m + ONE)
            q = s * s
            series = ONE + q * (C3 + q * (C5 + q * C7))
            known, good = ONE if fresh else ok[i], (row[i] > np.float32(0)) & (row[i] < np.float32(np.inf))
            out[i] = np.float32(exponent) * LN2 + (s + s) * series if good else np.float32(0)
            ok[i] = known if good else np.float32(0)
    else:
        for i in range(len(row)):
            known, value = ONE if fresh else ok[i], row[i]
            good = np.abs(value) < np.float32(np.inf)
            out[i] = value if good else np.float32(0)
            ok[i] = known if good else np.float32(0)
