"""Fills the blocks that ``kernels.py`` works on: rows of a band, missing values masked, radar as its logarithm."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CACHE_LINE = 16
"""float32 values."""
ONE = np.float32(1)
LN2 = np.float32(0.6931471805599453)
C3, C5, C7 = (np.float32(1 / k) for k in (3, 5, 7))
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
    log, fresh = settings
    width = plane.shape[2]
    for t in prange(plane.shape[0]):
        mantissa = np.empty(width, np.int32)
        for y in range(first, last):
            start = (y - first) * width
            ok = mask[t, start : start + width]
            if fresh:
                ok[:] = ONE
            ingest_run(plane[t, y], log, mantissa, block[t, start : start + width], ok)


@njit(cache=True, nogil=True, error_model="numpy")
def ingest_run(row: Floats, log: bool, mantissa: NDArray[np.int32], out: Floats, ok: Floats) -> None:
    """Copy some pixels of one band and date, and take from ``ok`` those that are missing.

    ``mantissa`` is scratch memory, and like ``out`` and ``ok`` may be longer than ``row``.
    """
    bits, fraction = row.view(np.int32), mantissa.view(np.float32)
    if log:
        for i in range(len(row)):
            mantissa[i] = bits[i] - (((bits[i] - ROOT_HALF) >> 23) << 23)
        for i in range(len(row)):
            exponent = np.float32((bits[i] - ROOT_HALF) >> 23)
            s = (fraction[i] - ONE) / (fraction[i] + ONE)
            q = s * s
            series = ONE + q * (C3 + q * (C5 + q * C7))
            known, good = ok[i], (row[i] > np.float32(0)) & (row[i] < np.float32(np.inf))
            out[i] = exponent * LN2 + (s + s) * series if good else np.float32(0)
            ok[i] = known if good else np.float32(0)
    else:
        for i in range(len(row)):
            known, value = ok[i], row[i]
            good = np.abs(value) < np.float32(np.inf)
            out[i] = value if good else np.float32(0)
            ok[i] = known if good else np.float32(0)
