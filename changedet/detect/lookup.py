"""Where values stand among sorted ones, compiled: the lookup of every p-value of a map.

``numpy.searchsorted`` walks the whole of a sorted array for every query. The queries of a map are in no order and its
placebo values do not fit a processor's cache, so that most of its time is waiting for memory. Here a search runs over
every 512th value first, which do fit, and ends within one block.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

BLOCK = 512


def below(values: NDArray[np.float64], queries: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of ``values`` lie below each query, as ``numpy.searchsorted(values, queries, side="left")`` has it.

    Parameters
    ----------
    values : sorted, without NaN
    queries : of any shape; a NaN stands above all values
    """
    flat = np.ascontiguousarray(queries).ravel()
    counts = np.empty(len(flat), np.int64)
    _below(values, np.ascontiguousarray(values[::BLOCK]), flat, counts)
    return counts.reshape(np.shape(queries))


@njit(parallel=True, cache=True)
def _below(values: NDArray, coarse: NDArray, queries: NDArray, counts: NDArray) -> None:
    for i in prange(len(queries)):
        x = queries[i]
        if np.isnan(x):
            counts[i] = len(values)
            continue
        above = _first(coarse, 0, len(coarse), x)
        # values before the last coarse one below x are below it; the one after that block is not
        counts[i] = _first(values, max(above - 1, 0) * BLOCK, min(above * BLOCK, len(values)), x)


@njit(cache=True)
def _first(values: NDArray, low: int, high: int, x: float) -> int:
    """The first place from ``low`` up to ``high`` whose value is not below x."""
    while low < high:
        middle = (low + high) // 2
        if values[middle] < x:
            low = middle + 1
        else:
            high = middle
    return low
