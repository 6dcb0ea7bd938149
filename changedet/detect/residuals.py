"""Takes surroundings and baseline off the blocks of the max-scan, compiled; ``kernels.py`` says what a block is."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from changedet.detect.kernels import LANES, ONE, Floats, Ints

YEAR = np.timedelta64(31_556_952, "s")

Baseline = tuple[Floats, Floats, Floats, float]
"""Of :func:`subtract_baseline`: season, surroundings, knots, least."""


def has_season(times: NDArray[np.datetime64], reference: Ints, least: float) -> bool:
    """Whether the reference dates can tell the season: ``least`` of them, over a year."""
    return len(reference) >= least and bool(times[reference[-1]] - times[reference[0]] >= YEAR)


def year_phase(times: NDArray[np.datetime64]) -> Floats:
    """Cosine and sine of the year's phase: (time, 2)."""
    phase = 2 * np.pi * (times - times[0]) / YEAR
    return np.stack([np.cos(phase), np.sin(phase)], 1).astype(np.float32)


def no_season(times: NDArray[np.datetime64]) -> Floats:
    """For a baseline that is the mean: (time, 0)."""
    return np.zeros((len(times), 0), np.float32)


def subtract_baseline(
    block: Floats, mask: Floats, reference: Ints, season: Floats, surroundings: Floats, knots: Floats, least: float
) -> None:
    """Replace a block by its residuals: surroundings subtracted, then the baseline of the reference dates.

    Parameters
    ----------
    reference : indices of the reference dates
    season : of :func:`year_phase`, or of :func:`no_season` for a mean baseline
    surroundings : ``(bands, time, 3)``, change of the surroundings: level, slope on the reference mean, slope added
        beyond the bend
    knots : ``(bands, 4)``, of the reference mean: where the level holds, lowest, bend, highest
    least : clear reference observations from which a pixel's season is fitted; below, its baseline is the mean
    """
    fitted = np.empty((5 * block.shape[0] + 2, block.shape[2]), np.float32)
    fit_baseline(block, mask, reference, (season, surroundings, knots, float(least)), fitted)
    take_baseline(block, mask, season, surroundings, fitted)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def fit_baseline(block: Floats, mask: Floats, reference: Ints, baseline: Baseline, fitted: Floats) -> None:
    """What :func:`take_baseline` takes off each pixel, into ``fitted``, ``(5 bands + 2, pixels)``.

    For each band: where the pixel lies on the surroundings' line, how far beyond its bend, its mean, and the cosine and
    sine of its season; then their means over the reference dates.
    """
    pixels = block.shape[2]
    for segment in prange((pixels + LANES - 1) // LANES):
        a = segment * LANES
        span = (a, min(a + LANES, pixels))
        fit_segment(block, mask, span, reference, baseline, fitted)


@njit(cache=True, nogil=True, error_model="numpy")
def fit_segment(
    block: Floats, mask: Floats, span: tuple[int, int], reference: Ints, baseline: Baseline, fitted: Floats
) -> None:
    """:func:`fit_baseline` of some pixels."""
    a, e = span
    lanes = e - a
    season, surroundings, knots, least = baseline
    n, lacks = count_valid(mask, span, reference)
    for b in range(block.shape[0]):
        place, beyond, mean = fitted[5 * b, a:e], fitted[5 * b + 1, a:e], fitted[5 * b + 2, a:e]
        reference_mean(block[b], mask, span, (reference, lacks), n, mean)
        for i in range(lanes):
            place[i] = min(max(mean[i], knots[b, 1]), knots[b, 3])
        for i in range(lanes):
            beyond[i] = max(place[i] - knots[b, 2], np.float32(0))
        for i in range(lanes):
            place[i] -= knots[b, 0]
        _less_surroundings(mask, span, (reference, lacks), surroundings[b], (n, place, beyond), mean)
    if season.shape[1] == 2:
        _fit_season(block, mask, span, reference, (season, surroundings, n, np.float32(least)), fitted)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def take_baseline(block: Floats, mask: Floats, season: Floats, surroundings: Floats, fitted: Floats) -> None:
    """Replace a block by its residuals, by what :func:`fit_baseline` fitted; its dates may be others."""
    pixels = block.shape[2]
    for segment in prange((pixels + LANES - 1) // LANES):
        a = segment * LANES
        span = (a, min(a + LANES, pixels))
        for t in range(block.shape[1]):
            take_date(block, mask, t, span, (season, surroundings, fitted))


@njit(cache=True, nogil=True, error_model="numpy")
def take_date(
    block: Floats, mask: Floats, t: int, span: tuple[int, int], baseline: tuple[Floats, Floats, Floats]
) -> None:
    """:func:`take_baseline` of one date of some pixels; ``baseline`` is season, surroundings and what was fitted."""
    a, e = span
    season, surroundings, fitted = baseline
    bands, ok = block.shape[0], mask[t, a:e]
    for b in range(bands):
        x = block[b, t, a:e]
        _less_line(x, ok, surroundings[b, t], (fitted[5 * b, a:e], fitted[5 * b + 1, a:e], fitted[5 * b + 2, a:e]))
        if season.shape[1] == 2:
            p, q = season[t, 0], season[t, 1]
            xc, xs = fitted[5 * b + 3, a:e], fitted[5 * b + 4, a:e]
            c, s = fitted[5 * bands, a:e], fitted[5 * bands + 1, a:e]
            for i in range(e - a):
                x[i] -= (xc[i] * (p - c[i]) + xs[i] * (q - s[i])) * ok[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _less_line(x: Floats, ok: Floats, line: Floats, pixels: tuple[Floats, Floats, Floats]) -> None:
    """Take the surroundings' change and the pixels' mean off one date; 0 where it is missing."""
    (place, beyond, mean), level, slope, bend = pixels, line[0], line[1], line[2]
    for i in range(x.shape[0]):
        x[i] = (x[i] - (level + slope * place[i] + bend * beyond[i]) - mean[i]) * ok[i]


@njit(cache=True, nogil=True, error_model="numpy")
def count_valid(mask: Floats, span: tuple[int, int], reference: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """The number of valid reference dates of some pixels, at least 1; and which of these dates lacks pixels."""
    a, e = span
    n, lacks = np.zeros(e - a, np.float32), np.zeros(len(reference), np.bool_)
    for k in range(len(reference)):
        ok, seen = mask[reference[k], a:e], 0
        for i in range(e - a):
            n[i] += ok[i]
            seen += ok[i] > 0
        lacks[k] = seen < e - a
    for i in range(e - a):
        n[i] = max(n[i], ONE)
    return n, lacks


@njit(cache=True, nogil=True, error_model="numpy")
def reference_mean(
    band: Floats,
    mask: Floats,
    span: tuple[int, int],
    reference: tuple[Ints, NDArray[np.bool_]],
    n: Floats,
    mean: Floats,
) -> None:
    """Mean of some pixels over the valid ones of their reference dates, into ``mean``; the rest of `count_valid`."""
    (a, e), (dates, lacks) = span, reference
    mean[:] = 0
    for k in range(len(dates)):
        x, ok = band[dates[k], a:e], mask[dates[k], a:e]
        if lacks[k]:
            for i in range(e - a):
                mean[i] += x[i] * ok[i]
        else:
            for i in range(e - a):
                mean[i] += x[i]
    for i in range(e - a):
        mean[i] /= n[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _less_surroundings(
    mask: Floats,
    span: tuple[int, int],
    reference: tuple[Ints, NDArray[np.bool_]],
    surroundings: Floats,
    pixels: tuple[Floats, Floats, Floats],
    mean: Floats,
) -> None:
    """Subtract from the mean of the reference what the surroundings' change adds to it.

    The sum over all dates is the same for every pixel; only where a date ``lacks`` pixels is it taken from them.
    """
    a, e = span
    (dates, lacks), (n, place, beyond) = reference, pixels
    level, slope, bend = np.float32(0), np.float32(0), np.float32(0)
    for t in dates:
        level += surroundings[t, 0]
        slope += surroundings[t, 1]
        bend += surroundings[t, 2]
    total = np.empty(e - a, np.float32)
    for i in range(e - a):
        total[i] = level + slope * place[i] + bend * beyond[i]
    for k in range(len(dates)):
        if lacks[k]:
            level, slope, bend = surroundings[dates[k], 0], surroundings[dates[k], 1], surroundings[dates[k], 2]
            ok = mask[dates[k], a:e]
            for i in range(e - a):
                total[i] -= (ONE - ok[i]) * (level + slope * place[i] + bend * beyond[i])
    for i in range(e - a):
        mean[i] -= total[i] / n[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _fit_season(
    block: Floats,
    mask: Floats,
    span: tuple[int, int],
    reference: Ints,
    settings: tuple[Floats, Floats, Floats, np.float32],
    fitted: Floats,
) -> None:
    """Fit the order-1 harmonic of the reference dates, by its normal equations with a ridge of one observation.

    ``settings`` are season, surroundings, the number of valid reference dates, and that from which a season is fitted.
    """
    bands, (a, e) = block.shape[0], span
    lanes = e - a
    season, surroundings, n, least = settings
    c, s = fitted[5 * bands, a:e], fitted[5 * bands + 1, a:e]
    c[:], s[:] = 0, 0
    cc, ss, cs = np.zeros(lanes, np.float32), np.zeros(lanes, np.float32), np.zeros(lanes, np.float32)
    for t in reference:
        p, q, ok = season[t, 0], season[t, 1], mask[t, a:e]
        for i in range(lanes):
            c[i] += p * ok[i]
            s[i] += q * ok[i]
        for i in range(lanes):
            cc[i] += p * p * ok[i]
            ss[i] += q * q * ok[i]
        for i in range(lanes):
            cs[i] += p * q * ok[i]
    for i in range(lanes):
        c[i] /= n[i]
        s[i] /= n[i]
    scale, r = np.empty(lanes, np.float32), np.empty(lanes, np.float32)
    for i in range(lanes):
        cc[i] += ONE - n[i] * c[i] * c[i]
        ss[i] += ONE - n[i] * s[i] * s[i]
        cs[i] -= n[i] * c[i] * s[i]
        scale[i] = (ONE if n[i] >= least else np.float32(0)) / (cc[i] * ss[i] - cs[i] * cs[i])
    for b in range(bands):
        xc, xs = fitted[5 * b + 3, a:e], fitted[5 * b + 4, a:e]
        xc[:], xs[:] = 0, 0
        pixels = fitted[5 * b, a:e], fitted[5 * b + 1, a:e], fitted[5 * b + 2, a:e]
        for t in reference:
            p, q = season[t, 0], season[t, 1]
            r[:] = block[b, t, a:e]
            _less_line(r, mask[t, a:e], surroundings[b, t], pixels)
            for i in range(lanes):
                xc[i] += p * r[i]
                xs[i] += q * r[i]
        for i in range(lanes):
            alpha = (ss[i] * xc[i] - cs[i] * xs[i]) * scale[i]
            xs[i] = (cc[i] * xs[i] - cs[i] * xc[i]) * scale[i]
            xc[i] = alpha
