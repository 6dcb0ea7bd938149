"""The compiled inner loops of the max-scan. ``ingest.py`` fills its blocks, ``residuals.py`` takes the baseline off.

All of them work on a *block*: ``(bands, time, pixels)`` float32 in memory that belongs to the caller, beside a mask
``(time, pixels)`` of 0 and 1. Pixels are the innermost axis, so that each loop over them runs in vector registers;
a segment of ``LANES`` pixels with all its dates stays in the second-level cache. Loops are kept short on purpose: one
that touches more than four or five arrays needs more overlap checks than LLVM allows, and stays scalar (three times
slower); so does one that reads memory only on a condition. No operation mixes pixels (``smoothing.py`` does), and no
floating-point operation may be reordered: a pixel's bytes do not depend on the chunk it came in.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from changedet.detect.intrinsics import ahead, fma

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Booleans = NDArray[np.bool_]

LANES = 512
ROW = LANES + 16
"""Values from one row of scratch memory to the next: were it a power of two, a processor would take reads of one row
for what was just written to another."""
GROUP = 16
"""Segments that share their scratch memory."""
ONE = np.float32(1)
N1, N2, FIT, D2, ALONG, WAY = (ROW * k for k in range(6))
"""Parts of the scratch memory of ``_peaks``: dates before and after, 1 where the date may be one of change, …"""


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def scan(
    block: Floats,
    mask: Floats,
    dates: tuple[Ints, Ints, Ints],
    whiten: Floats,
    pole: Floats,
    rules: Floats,
    out: tuple[Floats, Ints, Floats],
) -> None:
    """The largest G over all dates of the window, for every pixel; the block is overwritten.

    G(τ) = n₁n₂/(n₁+n₂) |mean of z from τ on − mean of z before τ|², z the whitened residual over the pixel's own scale.

    Parameters
    ----------
    dates : indices of the reference dates, indices of the window's dates, and ``(spans, dates of the window)``: for
        each of these the positions in the window at which its "after" may end, ascending; G is the largest over them
    whiten : ``(bands, bands)``, lower triangular
    pole : ``(bands,)``, direction in whitened space whose sign is reported
    rules : reference dates at least, n₂ at least, clip of z, weight of the pooled scale in observations
    out : what is filled. ``(2, pixels)``: the largest G, −1 where there is no candidate, and the mean change along
        ``pole``. ``(2, pixels)``: the last valid reference date, or −1; valid reference dates × 4096 + valid dates of
        the window. G of each date of the window, −1 where it is no candidate, or an array of no dates.
    """
    pixels = block.shape[2]
    steps = dates[1].shape[0]
    group = LANES * GROUP
    for part in prange((pixels + group - 1) // group):
        # once a group: freed and allocated for every segment, they would go back to the system each time
        count = np.zeros((steps + 1, ROW), np.float32)
        sums = np.zeros((steps + 1, block.shape[0], ROW), np.float32)
        for a in range(part * group, min((part + 1) * group, pixels), LANES):
            span = (a, min(a + LANES, pixels))
            scan_segment(block, mask, span, dates, (whiten, pole, rules), (count, sums), (a, out))


@njit(cache=True, nogil=True, error_model="numpy")
def scan_segment(
    block: Floats,
    mask: Floats,
    span: tuple[int, int],
    dates: tuple[Ints, Ints, Ints],
    settings: tuple[Floats, Floats, Floats],
    scratch: tuple[Floats, Floats],
    out: tuple[int, tuple[Floats, Ints, Floats]],
) -> None:
    """:func:`scan` of some pixels.

    ``settings`` are whiten, pole and rules, ``scratch`` and ``out`` as in ``_peaks``.
    """
    whiten, pole, rules = settings
    n, scale = _scale(block, mask, span, dates[0], whiten, rules)
    before, last = _reference_sums(block, mask, span, dates[0], scale, rules[2])
    _window_sums(block, mask, span, dates[1], (whiten, scale, rules[2]), scratch)
    _peaks(mask, span, (dates[1], dates[2]), (n, before, pole, rules), scratch, out)
    _tell(span, (n, last), (scratch[0], dates[1].shape[0]), out)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def settle(
    block: Floats, mask: Floats, reference: Ints, whiten: Floats, rules: Floats, out: tuple[Floats, Ints]
) -> None:
    """What :func:`scan` makes of the reference dates alone; the block is overwritten.

    ``out`` is filled: ``(2 + bands, pixels)``, the number of valid dates, one over the pixel's scale, and sums of z;
    ``(pixels,)``, the last valid date, or −1.
    """
    numbers, latest = out
    pixels = block.shape[2]
    for segment in prange((pixels + LANES - 1) // LANES):
        a = segment * LANES
        span = (a, min(a + LANES, pixels))
        n, scale = _scale(block, mask, span, reference, whiten, rules)
        before, last = _reference_sums(block, mask, span, reference, scale, rules[2])
        for i in range(len(n)):
            numbers[0, a + i], numbers[1, a + i], latest[a + i] = n[i], scale[i], last[i]
        for b in range(block.shape[0]):
            for i in range(len(n)):
                numbers[2 + b, a + i] = before[b, i]


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def scan_window(
    block: Floats,
    mask: Floats,
    places: tuple[Ints, Ints],
    settled: tuple[Floats, Ints],
    whiten: Floats,
    pole: Floats,
    rules: Floats,
    out: tuple[Floats, Ints, Floats],
) -> None:
    """:func:`scan` of a block of the window's dates alone, after :func:`settle`: to the same bytes.

    ``places`` are the dates' indices in the block, and where each "after" may end; the rest as in :func:`scan`.
    """
    numbers, latest = settled
    bands, steps, pixels = block.shape[0], places[0].shape[0], block.shape[2]
    group = LANES * GROUP
    for part in prange((pixels + group - 1) // group):
        count = np.zeros((steps + 1, ROW), np.float32)
        sums = np.zeros((steps + 1, bands, ROW), np.float32)
        for a in range(part * group, min((part + 1) * group, pixels), LANES):
            span = (a, min(a + LANES, pixels))
            n, scale, before = numbers[0, a : span[1]], numbers[1, a : span[1]], numbers[2:, a : span[1]]
            _window_sums(block, mask, span, places[0], (whiten, scale, rules[2]), (count, sums))
            _peaks(mask, span, places, (n, before, pole, rules), (count, sums), (a, out))
            _tell(span, (n, latest[a : span[1]]), (count, steps), (a, out))


@njit(cache=True, nogil=True, error_model="numpy")
def _lanes(lanes: int) -> Floats:
    return np.zeros(lanes, np.float32)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _clipped(x: np.float32, clip: np.float32) -> np.float32:
    low = x if x > -clip else -clip
    return low if low < clip else clip


@njit(cache=True, nogil=True, error_model="numpy")
def _whiten(block: Floats, t: int, span: tuple[int, int], whiten: Floats) -> None:
    """Whiten one date in place."""
    a, e = span
    lanes = e - a
    for b in range(block.shape[0] - 1, -1, -1):
        x = block[b, t, a:e]
        w = whiten[b, b]
        if b == 0:
            for i in range(lanes):
                x[i] *= w
        else:
            v, other = whiten[b, 0], block[0, t, a:e]
            for i in range(lanes):
                x[i] = w * x[i] + v * other[i]
        for k in range(1, b):
            v, other = whiten[b, k], block[k, t, a:e]
            for i in range(lanes):
                x[i] += v * other[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _scale(
    block: Floats, mask: Floats, span: tuple[int, int], reference: Ints, whiten: Floats, rules: Floats
) -> tuple[Floats, Floats]:
    """Whiten the reference dates in place; the number of those that are valid, and one over the pixel's scale."""
    bands = block.shape[0]
    a, e = span
    lanes = e - a
    clip, weight = rules[2], rules[3]
    n, scale = np.zeros(lanes, np.float32), np.zeros(lanes, np.float32)
    for t in reference:
        _whiten(block, t, span, whiten)
        ok = mask[t, a:e]
        for b in range(bands - 1, 0, -1):
            x = block[b, t, a:e]
            for i in range(lanes):
                z = _clipped(x[i], clip)
                scale[i] += z * z
        x = block[0, t, a:e]
        for i in range(lanes):
            z = _clipped(x[i], clip)
            scale[i] += z * z
            n[i] += ok[i]
    for i in range(lanes):
        scale[i] = np.sqrt((n[i] + weight) / (scale[i] / np.float32(bands) + weight))
    return n, scale


@njit(cache=True, nogil=True, error_model="numpy")
def _reference_sums(
    block: Floats, mask: Floats, span: tuple[int, int], reference: Ints, scale: Floats, clip: np.float32
) -> tuple[Floats, Ints]:
    """Sums of z over the reference, and its last valid date."""
    bands = block.shape[0]
    a, e = span
    lanes = e - a
    before = np.zeros((bands, lanes), np.float32)
    for t in reference:
        for b in range(bands):
            x, total = block[b, t, a:e], before[b]
            for i in range(lanes):
                total[i] += _clipped(x[i] * scale[i], clip)
    return before, _last_valid(mask, span, reference)


@njit(cache=True, nogil=True, error_model="numpy")
def _last_valid(mask: Floats, span: tuple[int, int], reference: Ints) -> Ints:
    """The last valid reference date of each pixel, or −1."""
    a, e = span
    last = np.full(e - a, -1, np.int32)
    # from the last one back: most often it is valid everywhere, and no other has to be looked at
    for t in reference[::-1]:
        ok, date, lacking = mask[t, a:e], np.int32(t), np.int32(0)
        for i in range(e - a):
            later = last[i]
            last[i] = date if (later < 0) & (ok[i] > 0) else later
        for i in range(e - a):
            lacking |= np.int32(last[i] < 0)
        if lacking == 0:
            break
    return last


@njit(cache=True, nogil=True, error_model="numpy")
def _window_sums(
    block: Floats,
    mask: Floats,
    span: tuple[int, int],
    window: Ints,
    settings: tuple[Floats, Floats, np.float32],
    scratch: tuple[Floats, Floats],
) -> None:
    """Whiten the window's dates in place; fill running counts and sums of z over them."""
    a, e = span
    lanes = e - a
    whiten, scale, clip = settings
    count, sums = scratch
    for k in range(window.shape[0]):
        _whiten(block, window[k], span, whiten)
        ok, here, there = mask[window[k], a:e], count[k], count[k + 1]
        for i in range(lanes):
            there[i] = here[i] + ok[i]
        for b in range(block.shape[0]):
            x, low, high = block[b, window[k], a:e], sums[k, b], sums[k + 1, b]
            for i in range(lanes):
                high[i] = low[i] + _clipped(x[i] * scale[i], clip)


@njit(cache=True, nogil=True, error_model="numpy")
def _peaks(
    mask: Floats,
    span: tuple[int, int],
    places: tuple[Ints, Ints],
    settings: tuple[Floats, Floats, Floats, Floats],
    scratch: tuple[Floats, Floats],
    out: tuple[int, tuple[Floats, Ints, Floats]],
) -> None:
    """Every G, and the largest with its sign, of the segment ``span`` of a block; into ``out`` from its pixel on."""
    a, e = span
    lanes = e - a
    window, ends = places
    n, before, pole, rules = settings
    count, sums = scratch
    to, (real, _, curve) = out
    best, sign = real[0, to : to + lanes], real[1, to : to + lanes]
    here = slice(to, to + lanes) if curve.shape[0] else slice(0, lanes)
    each = curve if curve.shape[0] else np.empty((1, lanes), np.float32)
    best[:] = -1
    sign[:] = 0
    # one array, and constant distances in it: the compiler need not ask whether its parts overlap
    work = np.zeros(6 * ROW, np.float32)
    for k in range(window.shape[0]):
        ok, low, g = mask[window[k], a:e], count[k], each[min(k, each.shape[0] - 1), here]
        ahead(g, LANES)
        g[:] = -1
        for i in range(lanes):
            work[i + N1] = n[i] + low[i]
            work[i + FIT] = ONE if (ok[i] > 0) & (n[i] >= rules[0]) else np.float32(0)
        for s in range(ends.shape[0]):
            end = ends[s, k]
            if s > 0 and end == ends[s - 1, k]:
                continue
            if before.shape[0] == 2:
                _largest_of_two(work, (before, sums, count), (k, end), (pole[0], pole[1], rules[1]), g)
                continue
            high = count[end]
            for i in range(lanes):
                work[i + N2] = high[i] - low[i]
                work[i + D2], work[i + ALONG] = 0, 0
            for b in range(before.shape[0]):
                _differ(work, (before, sums), (k, end, b), pole[b], lanes)
            _largest(work, rules[1], lanes, g)
        for i in range(lanes):
            new, old, way, at = g[i], best[i], work[i + WAY], sign[i]
            sign[i] = way if new > old else at
            best[i] = new if new > old else old


@njit(cache=True, nogil=True, error_model="numpy")
def _differ(
    work: Floats, totals: tuple[Floats, Floats], place: tuple[int, int, int], toward: np.float32, lanes: int
) -> None:
    """Add a band's n₁n₂(mean after − mean before) to ``ALONG``, and its square to ``D2``."""
    # indices and no slices: each of those would be counted as one that holds the array, which other cores have to see
    (before, sums), (k, end, b) = totals, place
    for i in range(lanes):
        start = sums[k, b, i]
        d = (sums[end, b, i] - start) * work[i + N1] - (before[b, i] + start) * work[i + N2]
        work[i + D2] += d * d
        work[i + ALONG] += toward * d


@njit(cache=True, nogil=True, error_model="numpy")
def _largest(work: Floats, least: np.float32, lanes: int, g: Floats) -> None:
    """G of one "after", into ``g`` where it is the largest yet, with its way along the pole into ``WAY``."""
    for i in range(lanes):
        n1, n2, fit, old, at = work[i + N1], work[i + N2], work[i + FIT], g[i], work[i + WAY]
        share = ONE / (n1 * n2 * (n1 + n2))
        good = (fit > 0) & (n2 >= least)
        new = work[i + D2] * share if good else -ONE
        to = work[i + ALONG] * share * (n1 + n2)
        work[i + WAY] = to if new > old else at
        g[i] = new if new > old else old


@njit(cache=True, nogil=True, error_model="numpy")
def _largest_of_two(
    work: Floats,
    totals: tuple[Floats, Floats, Floats],
    place: tuple[int, int],
    rules: tuple[np.float32, np.float32, np.float32],
    g: Floats,
) -> None:
    """:func:`_differ` and :func:`_largest` of two bands in one loop, which reads each number once."""
    (before, sums, count), (k, end), (first, second, least) = totals, place, rules
    for i in range(g.shape[0]):
        n1, n2, fit, old, at = work[i + N1], count[end, i] - count[k, i], work[i + FIT], g[i], work[i + WAY]
        p, q = sums[k, 0, i], sums[k, 1, i]
        u = (sums[end, 0, i] - p) * n1 - (before[0, i] + p) * n2
        v = (sums[end, 1, i] - q) * n1 - (before[1, i] + q) * n2
        share = ONE / (n1 * n2 * (n1 + n2))
        good = (fit > 0) & (n2 >= least)
        new = fma(u, u, v * v) * share if good else -ONE
        to = fma(first, u, second * v) * share * (n1 + n2)
        work[i + WAY] = to if new > old else at
        g[i] = new if new > old else old


@njit(cache=True, nogil=True, error_model="numpy")
def _tell(
    span: tuple[int, int],
    reference: tuple[Floats, Ints],
    window: tuple[Floats, int],
    out: tuple[int, tuple[Floats, Ints, Floats]],
) -> None:
    """The last valid reference date, and the numbers of valid dates."""
    (n, last), (count, steps), (to, (_, whole, _)) = reference, window, out
    lanes = span[1] - span[0]
    # a slice of its own: to read or write at a sum of two indices is done one by one
    latest, numbers, seen = whole[0, to : to + lanes], whole[1, to : to + lanes], count[steps]
    for i in range(lanes):
        latest[i] = last[i]
        numbers[i] = np.int32(n[i]) * 4096 + np.int32(seen[i])
