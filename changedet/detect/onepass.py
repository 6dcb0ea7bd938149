"""The max-scan of rows without smoothing, from the stack to G in one pass, compiled.

The same steps as a block goes through (``ingest.py``, ``residuals.py``, ``kernels.py``), to the same bytes; but a
segment of pixels goes through all of them before the next one is read, and so stays in the second-level cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from changedet.detect.ingest import ingest_run
from changedet.detect.kernels import GROUP, LANES, Floats, Ints, scan_segment
from changedet.detect.residuals import residuals_of

Baseline = tuple[Floats, Floats, Floats, float]
"""Of ``residuals.subtract_baseline``: season, surroundings, knots, least."""
Rules = tuple[Floats, Floats, Floats]
"""Of ``kernels.scan``: whiten, pole, rules."""


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def scan_planes(
    planes: tuple[Floats, ...],
    span: tuple[int, int, bool],
    dates: tuple[Ints, Ints, Ints],
    baseline: Baseline,
    rules: Rules,
    out: tuple[Floats, Ints, Floats, Floats],
) -> None:
    """Fill ``out`` with what ``kernels.scan`` fills, and with the mask of the window's dates.

    Parameters
    ----------
    planes : bands as (time, pixels), contiguous
    span : first pixel and the end, and whether to take logarithms
    dates : as in ``kernels.scan``
    """
    first, last, log = span
    real, whole, curve, seen = out
    steps, bands, times, group = dates[1].shape[0], len(planes), planes[0].shape[0], LANES * GROUP
    for part in prange((last - first + group - 1) // group):
        tile = np.empty((bands, times, LANES), np.float32)
        mask = np.empty((times, LANES), np.float32)
        mantissa = np.empty(LANES, np.int32)
        count = np.zeros((steps + 1, LANES), np.float32)
        sums = np.zeros((steps + 1, bands, LANES), np.float32)
        peak = np.empty((steps, LANES), np.float32)
        # of their own, and not parts of what is filled: other types would be compiled once more
        best, numbers = np.empty((2, LANES), np.float32), np.empty((2, LANES), np.int32)
        g = np.empty((curve.shape[0], LANES), np.float32)
        for a in range(first + part * group, min(first + (part + 1) * group, last), LANES):
            lanes = min(LANES, last - a)
            for t in range(times):
                mask[t] = 1
            for b in range(bands):
                for t in range(times):
                    ingest_run(planes[b][t, a : a + lanes], log, mantissa, tile[b, t], mask[t])
            here, to = (a - a, lanes), a - first  # a plain 0 would be a type of its own, compiled once more
            residuals_of(tile, mask, here, dates[0], baseline)
            scan_segment(tile, mask, here, dates, rules, (count, sums, peak), (best, numbers, g))
            for k in range(2):
                for i in range(lanes):
                    real[k, to + i], whole[k, to + i] = best[k, i], numbers[k, i]
            for k in range(curve.shape[0]):
                for i in range(lanes):
                    curve[k, to + i] = g[k, i]
            for k in range(steps):
                ok = mask[dates[1][k]]
                for i in range(lanes):
                    seen[k, to + i] = ok[i]
