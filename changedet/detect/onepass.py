"""The max-scan of rows without smoothing, from the stack to G in one pass, compiled.

The same steps as a block goes through (``ingest.py``, ``residuals.py``, ``kernels.py``), to the same bytes; but a
segment of pixels goes through all of them before the next one is read, and so stays in the second-level cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from changedet.detect.ingest import ingest_run
from changedet.detect.intrinsics import ahead
from changedet.detect.kernels import LANES, ROW, Booleans, Floats, Ints, scan_segment
from changedet.detect.residuals import Baseline, fit_segment, take_date

Rules = tuple[Floats, Floats, Floats]
"""Of ``kernels.scan``: whiten, pole, rules."""


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def scan_planes(
    planes: tuple[Floats, ...],
    span: tuple[int, int, bool, int],
    dates: tuple[Ints, Ints, Ints],
    baseline: Baseline,
    rules: Rules,
    out: tuple[Floats, Ints, Floats],
    seen: Booleans,
) -> None:
    """Fill ``out`` with what ``kernels.scan`` fills, and ``seen`` with where the window's dates are valid.

    Parameters
    ----------
    planes : bands as (time, pixels), contiguous
    span : first pixel and the end, whether to take logarithms, and in how many parts, one for each thread
    dates : as in ``kernels.scan``
    """
    first, last, log, parts = span
    steps, bands, times = dates[1].shape[0], len(planes), planes[0].shape[0]
    # each part's scratch memory, allocated out here: slices of an array that a part holds itself would be counted
    tiles, masks = np.empty((parts, bands, times, ROW), np.float32), np.empty((parts, times, ROW), np.float32)
    fits = np.empty((parts, 5 * bands + 2, ROW), np.float32)
    counts = np.zeros((parts, steps + 1, ROW), np.float32)
    totals = np.zeros((parts, steps + 1, bands, ROW), np.float32)
    share = LANES * ((last - first + LANES * parts - 1) // (LANES * parts))
    for part in prange(parts):
        tile, mask, fitted, count, sums = tiles[part], masks[part], fits[part], counts[part], totals[part]
        for to in range(part * share, min((part + 1) * share, last - first), LANES):
            a, lanes = first + to, min(LANES, last - first - to)
            for t in range(times):
                ok = mask[t]
                for b in range(bands):
                    row = planes[b][t, a : a + lanes]
                    ahead(row, 2 * LANES)
                    ingest_run(row, (log, b == 0), tile[b, t], ok)
            here = (to - to, lanes)  # a plain 0 would be a type of its own, compiled once more
            fit_segment(tile, mask, here, dates[0], baseline, fitted)
            for t in range(times):
                take_date(tile, mask, t, here, (baseline[0], baseline[1], fitted))
            scan_segment(tile, mask, here, dates, rules, (count, sums), (to, out))
            for k in range(steps):
                ok, valid = mask[dates[1][k]], seen[k, to : to + lanes]
                for i in range(lanes):
                    valid[i] = ok[i] > 0
