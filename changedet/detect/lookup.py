"""Where values stand among sorted ones, compiled: the lookup of every p-value of a map.

``numpy.searchsorted`` walks the whole of a sorted array for every query. The queries of a map are in no order and its
placebo values do not fit a processor's cache, so that most of its time is waiting for memory. The first bits of a
positive float, its exponent and some of its mantissa, rise with it: they say at once between which two places of the
sorted values it belongs, and what remains to be searched is short.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

MANTISSA = 52
"""Bits, of a float64."""
OCTAVES = 24
"""Below the largest value, that have drawers of their own; smaller and negative values share the first."""
DRAWER = 64
"""Values in one, about."""
MOST_BITS = 12
"""Of the mantissa: a table of more drawers would not fit the second-level cache."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """Sorted values in drawers."""

    values: NDArray[np.float64]
    starts: NDArray[np.int32]
    """Where each drawer begins, and the end of the last."""
    first: int
    """The bits that the values of the first drawer begin with, at most."""
    shift: int

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Sorted:
        """Of sorted values without NaN."""
        size = MANTISSA - min(max(int(len(values) / DRAWER).bit_length(), 1), MOST_BITS)
        bits = np.maximum(values[[0, -1]] if len(values) else np.zeros(2), 0.0).view(np.int64) >> size
        last = int(bits[1])
        first = max(int(bits[0]), last - (OCTAVES << (MANTISSA - size)))
        edges = (np.arange(first + 1, last + 1, dtype=np.int64) << size).view(np.float64)
        starts = np.concatenate([[0], np.searchsorted(values, edges), [len(values)]]).astype(np.int32)
        return cls(values, starts, first, size)

    def below(self, queries: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many of the values lie below each query, as ``numpy.searchsorted(values, queries, side="left")`` has it.

        Parameters
        ----------
        queries : of any shape; a NaN stands above all values
        """
        flat = np.ascontiguousarray(queries).ravel()
        counts = np.empty(len(flat), np.int64)
        _below(self.values, self.starts, (self.first, self.shift), (flat, flat.view(np.int64)), counts)
        return counts.reshape(np.shape(queries))


@njit(parallel=True, cache=True)
def _below(
    values: NDArray, starts: NDArray, drawers: tuple[int, int], queries: tuple[NDArray, NDArray], counts: NDArray
) -> None:
    first, shift = drawers
    numbers, bits = queries
    last = len(starts) - 2
    for i in prange(len(numbers)):
        x = numbers[i]
        if np.isnan(x):
            counts[i] = len(values)
            continue
        drawer = min(max((bits[i] >> shift) - first, 0), last)
        low, high = starts[drawer], starts[drawer + 1]
        while low < high:
            middle = (low + high) // 2
            if values[middle] < x:
                low = middle + 1
            else:
                high = middle
        counts[i] = low
