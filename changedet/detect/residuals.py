"""Takes surroundings and baseline off the blocks of the max-scan, compiled; ``kernels.py`` says what a block is."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from changedet.detect.kernels import LANES, ONE, Floats, Ints

YEAR = np.timedelta64(31_556_952, "s")


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
    fit_baseline(block, mask, reference, season, surroundings, knots, least, np.empty((0, 0), np.float32))


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def fit_baseline(
    block: Floats,
    mask: Floats,
    reference: Ints,
    season: Floats,
    surroundings: Floats,
    knots: Floats,
    least: float,
    fitted: Floats,
) -> None:
    """As :func:`subtract_baseline`; what was fitted is put into ``fitted``, ``(5 bands + 2, pixels)`` or empty."""
    pixels = block.shape[2]
    for segment in prange((pixels + LANES - 1) // LANES):
        a = segment * LANES
        span = (a, min(a + LANES, pixels))
        n = _residuals(block, mask, span, reference, surroundings, knots, fitted)
        if season.shape[1] == 2:
            _season(block, mask, span, reference, season, n, np.float32(least), fitted)


@njit(cache=True, nogil=True, error_model="numpy")
def residuals_of(
    block: Floats, mask: Floats, span: tuple[int, int], reference: Ints, baseline: tuple[Floats, Floats, Floats, float]
) -> None:
    """:func:`subtract_baseline` of some pixels; ``baseline`` is season, surroundings, knots and least."""
    season, surroundings, knots, least = baseline
    nothing = np.empty((0, 0), np.float32)
    n = _residuals(block, mask, span, reference, surroundings, knots, nothing)
    if season.shape[1] == 2:
        _season(block, mask, span, reference, season, n, np.float32(least), nothing)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def take_baseline(block: Floats, mask: Floats, season: Floats, surroundings: Floats, fitted: Floats) -> None:
    """Replace a block of other dates by its residuals, by what :func:`fit_baseline` fitted: to the same bytes."""
    bands, dates, pixels = block.shape
    for segment in prange((pixels + LANES - 1) // LANES):
        a, e = segment * LANES, min((segment + 1) * LANES, pixels)
        lanes = e - a
        c, s = fitted[5 * bands, a:e], fitted[5 * bands + 1, a:e]
        for b in range(bands):
            place, beyond, mean = fitted[5 * b, a:e], fitted[5 * b + 1, a:e], fitted[5 * b + 2, a:e]
            xc, xs = fitted[5 * b + 3, a:e], fitted[5 * b + 4, a:e]
            for t in range(dates):
                level, slope, bend = surroundings[b, t, 0], surroundings[b, t, 1], surroundings[b, t, 2]
                x, ok = block[b, t, a:e], mask[t, a:e]
                for i in range(lanes):
                    x[i] -= level + slope * place[i] + bend * beyond[i]
                for i in range(lanes):
                    x[i] = (x[i] - mean[i]) * ok[i]
                if season.shape[1] == 2:
                    p, q = season[t, 0], season[t, 1]
                    for i in range(lanes):
                        x[i] -= (xc[i] * (p - c[i]) + xs[i] * (q - s[i])) * ok[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _keep(fitted: Floats, row: int, a: int, parts: tuple[Floats, ...]) -> None:
    """Copy parts into rows that follow each other, from pixel ``a`` on; by hand, for slices take long to compile."""
    for k in range(len(parts)):
        part = parts[k]
        for i in range(len(part)):
            fitted[row + k, a + i] = part[i]


@njit(cache=True, nogil=True, error_model="numpy")
def reference_mean(band: Floats, mask: Floats, span: tuple[int, int], reference: Ints, n: Floats, mean: Floats) -> None:
    """Mean of some pixels over the ``n`` valid ones of their reference dates, into ``mean``."""
    a, e = span
    mean[:] = 0
    for t in reference:
        x, ok = band[t, a:e], mask[t, a:e]
        for i in range(e - a):
            mean[i] += x[i] * ok[i]
    for i in range(e - a):
        mean[i] /= n[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _residuals(
    block: Floats,
    mask: Floats,
    span: tuple[int, int],
    reference: Ints,
    surroundings: Floats,
    knots: Floats,
    fitted: Floats,
) -> Floats:
    """Subtract surroundings and reference mean; the number of valid reference dates, at least 1."""
    bands, dates, _ = block.shape
    a, e = span
    lanes = e - a
    n = np.zeros(lanes, np.float32)
    for t in reference:
        ok = mask[t, a:e]
        for i in range(lanes):
            n[i] += ok[i]
    for i in range(lanes):
        n[i] = max(n[i], ONE)
    mean = np.empty(lanes, np.float32)
    for b in range(bands):
        reference_mean(block[b], mask, span, reference, n, mean)
        place, beyond = np.empty(lanes, np.float32), np.empty(lanes, np.float32)
        for i in range(lanes):
            place[i] = min(max(mean[i], knots[b, 1]), knots[b, 3])
        for i in range(lanes):
            beyond[i] = max(place[i] - knots[b, 2], np.float32(0))
        for i in range(lanes):
            place[i] -= knots[b, 0]
        mean[:] = 0
        follows = 0
        for t in range(dates):
            level, slope, bend = surroundings[b, t, 0], surroundings[b, t, 1], surroundings[b, t, 2]
            x, ok = block[b, t, a:e], mask[t, a:e]
            for i in range(lanes):
                x[i] -= level + slope * place[i] + bend * beyond[i]
            # the reference's mean in the same pass: the date is still in the first-level cache
            if follows < len(reference) and reference[follows] == t:
                follows += 1
                for i in range(lanes):
                    mean[i] += x[i] * ok[i]
        for i in range(lanes):
            mean[i] /= n[i]
        if len(fitted):
            _keep(fitted, 5 * b, a, (place, beyond, mean))
        for t in range(dates):
            x, ok = block[b, t, a:e], mask[t, a:e]
            for i in range(lanes):
                x[i] = (x[i] - mean[i]) * ok[i]
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def _season(
    block: Floats,
    mask: Floats,
    span: tuple[int, int],
    reference: Ints,
    season: Floats,
    n: Floats,
    least: np.float32,
    fitted: Floats,
) -> None:
    """Subtract the order-1 harmonic of the reference dates, by its normal equations with a ridge of one observation."""
    bands, dates, _ = block.shape
    a, e = span
    lanes = e - a
    c, s = np.zeros(lanes, np.float32), np.zeros(lanes, np.float32)
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
    scale = np.empty(lanes, np.float32)
    for i in range(lanes):
        cc[i] += ONE - n[i] * c[i] * c[i]
        ss[i] += ONE - n[i] * s[i] * s[i]
        cs[i] -= n[i] * c[i] * s[i]
        scale[i] = (ONE if n[i] >= least else np.float32(0)) / (cc[i] * ss[i] - cs[i] * cs[i])
    for b in range(bands):
        xc, xs = np.zeros(lanes, np.float32), np.zeros(lanes, np.float32)
        for t in reference:
            p, q, x = season[t, 0], season[t, 1], block[b, t, a:e]
            for i in range(lanes):
                xc[i] += p * x[i]
                xs[i] += q * x[i]
        for i in range(lanes):
            alpha = (ss[i] * xc[i] - cs[i] * xs[i]) * scale[i]
            xs[i] = (cc[i] * xs[i] - cs[i] * xc[i]) * scale[i]
            xc[i] = alpha
        if len(fitted):
            _keep(fitted, 5 * b + 3, a, (xc, xs))
            _keep(fitted, 5 * bands, a, (c, s))
        for t in range(dates):
            p, q, x, ok = season[t, 0], season[t, 1], block[b, t, a:e], mask[t, a:e]
            for i in range(lanes):
                x[i] -= (xc[i] * (p - c[i]) + xs[i] * (q - s[i])) * ok[i]
