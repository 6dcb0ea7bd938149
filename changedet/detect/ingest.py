"""Fills the blocks that ``kernels.py`` works on: rows of a band, missing values masked, radar as its logarithm."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from changedet.detect.intrinsics import CACHE_LINE, bits_of, float_of, fma

Floats = NDArray[np.float32]

ZERO, ONE = np.float32(0), np.float32(1)
LN2 = np.float32(0.6931471805599453)
SERIES = (-0.50000329, 0.33334753, -0.24971243, 0.19905068, -0.17239429, 0.16196892, -0.10119642)
"""Of (ln(1 + f) − f)/f² between √½ − 1 and √2 − 1: the polynomial whose largest relative error is least, 1.7e-7, found
by linear programming. No division, which would take as long as all the rest."""
C2, C3, C4, C5, C6, C7, C8 = (np.float32(c) for c in SERIES)
MANTISSA = np.int32(23)
"""Bits of a float32."""
ROOT_HALF = np.int32(0x3F3504F3)
"""Bits of √½: the mantissa is brought between √½ and √2, where the series is short."""
INFINITY = np.int32(0x7F800000)
"""Bits of it. Read as an integer, those of a positive float lie between 0 and these."""


def padded(pixels: int) -> int:
    """Length of a block's pixel axis: an odd number of cache lines, lest all dates fall on the same cache set."""
    lines = -(-pixels // CACHE_LINE)
    return CACHE_LINE * (lines + 1 - lines % 2)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def ingest(plane: Floats, first: int, last: int, settings: tuple[bool, bool], block: Floats, mask: Floats) -> None:
    """Copy rows ``first…last`` of one band ``(time, y, x)`` into ``block`` ``(time, pixels)``.

    ``settings`` are: whether to take logarithms, and whether this is the first band, which starts the mask. Missing
    values become 0 in ``mask``; logarithms are natural, with a relative error of 3e-7, and values
    that have none count as missing.
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
            f = float_of(np.int32(bits - (exponent << MANTISSA))) - ONE
            series = fma(fma(fma(fma(fma(fma(C8, f, C7), f, C6), f, C5), f, C4), f, C3), f, C2)
            known, good = ONE if fresh else ok[i], (bits > np.int32(0)) & (bits < INFINITY)
            out[i] = fma(np.float32(exponent), LN2, fma(f * f, series, f)) if good else ZERO
            ok[i] = known if good else ZERO
    else:
        for i in range(len(row)):
            known, value = ONE if fresh else ok[i], row[i]
            good = np.abs(value) < np.float32(np.inf)
            out[i] = value if good else ZERO
            ok[i] = known if good else ZERO
