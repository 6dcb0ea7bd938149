"""The max-scan of rows without smoothing, from the stack to G in one pass, compiled.

The same steps as a block goes through (``ingest.py``, ``residuals.py``, ``kernels.py``), to the same bytes; but a
segment of pixels goes through all of them before the next one is read, and so stays in the second-level cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from changedet.detect.ingest import ingest_run
from changedet.detect.intrinsics import CACHE_LINE, prefetch
from changedet.detect.kernels import GROUP, LANES, Floats, Ints, scan_segment
from changedet.detect.residuals import Baseline, fit_segment, take_date

Rules = tuple[Floats, Floats, Floats]
"""Of ``kernels.scan``: whiten, pole, rules."""


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def scan_planes(
    planes: tuple[Floats, ...],
    span: tuple[int, int, bool],
    dates: tuple[Ints, Ints, Ints],
    baseline: Baseline,
    rules: Rules,
    out: tuple[Floats, Ints, Floats],
    seen: Floats,
) -> None:
    """Fill ``out`` with what ``kernels.scan`` fills, and ``seen`` with the mask of the window's dates.

    Parameters
    ----------
    planes : bands as (time, pixels), contiguous
    span : first pixel and the end, and whether to take logarithms
    dates : as in ``kernels.scan``
    """
    first, last, log = span
    steps, bands, times, group = dates[1].shape[0], len(planes), planes[0].shape[0], LANES * GROUP
    for part in prange((last - first + group - 1) // group):
        tile = np.empty((bands, times, LANES), np.float32)
        mask = np.empty((times, LANES), np.float32)
        fitted = np.empty((5 * bands + 2, LANES), np.float32)
        count = np.zeros((steps + 1, LANES), np.float32)
        sums = np.zeros((steps + 1, bands, LANES), np.float32)
        for a in range(first + part * group, min(first + (part + 1) * group, last), LANES):
            lanes = min(LANES, last - a)
            for t in range(times):
                ok = mask[t]
                for b in range(bands):
                    row = planes[b][t, a : a + lanes]
                    _ahead(row)
                    ingest_run(row, (log, b == 0), tile[b, t], ok)
            here, to = (a - a, lanes), a - first  # a plain 0 would be a type of its own, compiled once more
            fit_segment(tile, mask, here, dates[0], baseline, fitted)
            for t in range(times):
                take_date(tile, mask, t, here, (baseline[0], baseline[1], fitted))
            scan_segment(tile, mask, here, dates, rules, (count, sums), (to, out))
            for k in range(steps):
                ok, row = mask[dates[1][k]], seen[k, to : to + lanes]
                for i in range(lanes):
                    row[i] = ok[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _ahead(row: Floats) -> None:
    """Ask for the pixels that follow: the processor foresees no run that comes after one of another date."""
    for i in range(0, row.shape[0], CACHE_LINE):
        prefetch(row, i + LANES)
