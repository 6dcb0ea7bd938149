"""Smoothing over near pixels, compiled: the blocks of ``kernels.py``, and their curves of G."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Floats = NDArray[np.float32]

ONE = np.float32(1)
LEAST_SHARE = np.float32(1e-6)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def smooth(block: Floats, mask: Floats, width: int, weights: Floats, out: Floats) -> None:
    """Weighted mean over the valid neighbours of each valid pixel, separable, for every band and date.

    ``weights`` holds the kernel's middle and one side; rows of ``width`` pixels fill the front of the pixel axis.
    """
    bands, dates, pixels = block.shape
    filled = pixels // width * width
    whole = _whole(filled // width, width, weights)
    for t in prange(dates):
        shares = _shares_of(mask[t, :filled], whole, width, weights)
        for b in range(bands):
            _spread(block[b, t], mask[t], shares, weights, out[b, t, :filled])


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def smooth_known(curve: Floats, width: int, weights: Floats) -> None:
    """As :func:`smooth`, in place, of ``(dates, pixels)`` in which what is below 0 is not known, and becomes −1."""
    dates, pixels = curve.shape
    filled = pixels // width * width
    whole = _whole(filled // width, width, weights)
    for t in prange(dates):
        row, rest, known = curve[t, :filled], curve[t, filled:], 0
        for i in range(filled):
            known += row[i] >= 0
        shares = whole
        if known < filled:
            ok = np.empty(filled, np.float32)
            for i in range(filled):
                ok[i] = ONE if row[i] >= 0 else np.float32(0)
            shares = _shares_of(ok, whole, width, weights)
        _spread_known(row, shares, weights)
        rest[:] = -ONE


@njit(cache=True, nogil=True, error_model="numpy")
def _spread_known(x: Floats, shares: Floats, weights: Floats) -> None:
    """The blur of what is known times its ``shares``, in place, row by row while a row is in the cache."""
    width, reach = shares.shape[1], weights.shape[0] - 1
    rows = x.shape[0] // width
    held = 2 * reach + 1
    ring, line = np.zeros((held, width), np.float32), np.zeros(width + 2 * reach, np.float32)
    row, middle = np.empty(width, np.float32), line[reach : reach + width]
    for y in range(rows + reach):
        along = ring[y % held]
        if y < rows:
            values = x[y * width : (y + 1) * width]
            for i in range(width):
                middle[i] = max(values[i], np.float32(0))
            _along(line, weights, along)
        else:
            along[:] = 0
        if y >= reach:
            span = slice((y - reach) * width, (y - reach + 1) * width)
            mean, share = x[span], shares[_place(y - reach, (rows, reach), len(shares))]
            _across(ring, y - reach, weights, row)
            for i in range(width):
                value, known = row[i] * share[i], mean[i] >= 0
                mean[i] = value if known else -ONE


@njit(cache=True, nogil=True, error_model="numpy")
def _whole(rows: int, width: int, weights: Floats) -> Floats:
    """:func:`_shares` where all is valid, of the rows that differ; ``_place`` says which is whose."""
    rows = min(rows, 2 * weights.shape[0] - 1)
    ok, shares = np.empty(rows * width, np.float32), np.empty(rows * width, np.float32)
    for i in range(rows * width):
        ok[i] = ONE
    _shares(ok, width, weights, shares)
    return shares.reshape((rows, width))


@njit(cache=True, nogil=True, error_model="numpy")
def _place(y: int, size: tuple[int, int], held: int) -> int:
    """Which of the ``held`` rows of shares is that of row ``y``; ``size`` is the number of rows, and the reach.

    Rows that reach neither end are alike.
    """
    rows, reach = size
    return max(min(y, reach), y - (rows - held))


@njit(cache=True, nogil=True, error_model="numpy")
def _shares_of(ok: Floats, whole: Floats, width: int, weights: Floats) -> Floats:
    """:func:`_shares` of all rows, or those of ``whole`` where all pixels are valid."""
    total = 0
    for i in range(ok.shape[0]):
        total += ok[i] > 0
    if total == ok.shape[0]:
        return whole
    shares = np.empty(ok.shape[0], np.float32)
    _shares(ok, width, weights, shares)
    return shares.reshape((-1, width))


@njit(cache=True, nogil=True, error_model="numpy")
def _shares(ok: Floats, width: int, weights: Floats, out: Floats) -> None:
    """One over the kernel's weight that falls on valid pixels."""
    _blur(ok, width, weights, out)
    for i in range(out.shape[0]):
        out[i] = ONE / max(out[i], LEAST_SHARE)


@njit(cache=True, nogil=True, error_model="numpy")
def _spread(x: Floats, ok: Floats, shares: Floats, weights: Floats, out: Floats) -> None:
    width, rows = shares.shape[1], out.shape[0] // shares.shape[1]
    _blur(x, width, weights, out)
    for y in range(rows):
        a, share = y * width, shares[_place(y, (rows, weights.shape[0] - 1), len(shares))]
        seen, row = ok[a : a + width], out[a : a + width]
        for i in range(width):
            row[i] = seen[i] * row[i] * share[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _blur(x: Floats, width: int, weights: Floats, out: Floats) -> None:
    """The plain sum of rows of ``width`` pixels: along rows, then across them; nothing lies outside."""
    rows, reach = out.shape[0] // width, weights.shape[0] - 1
    # a ring of the rows in reach, which stays in the cache; before the first and after the last one it holds zeros
    held = 2 * reach + 1
    ring, line = np.zeros((held, width), np.float32), np.zeros(width + 2 * reach, np.float32)
    middle = line[reach : reach + width]
    for y in range(rows + reach):
        along = ring[y % held]
        if y < rows:
            middle[:] = x[y * width : (y + 1) * width]
            _along(line, weights, along)
        else:
            along[:] = 0
        if y >= reach:
            _across(ring, y - reach, weights, out[(y - reach) * width : (y - reach + 1) * width])


@njit(cache=True, nogil=True, error_model="numpy")
def _along(line: Floats, weights: Floats, out: Floats) -> None:
    """The sum along a row, whose ``line`` begins and ends with as many columns of zeros as the kernel reaches."""
    reach = weights.shape[0] - 1
    if reach < 2:
        _middle(line[reach:], weights[0], out)
    else:
        near, far = (line[reach - 1 :], line[reach + 1 :]), (line[reach - 2 :], line[reach + 2 :])
        _five_taps(line[reach:], near, far, weights, out)
    for k in range(3, reach, 2):
        near, far = (line[reach - k :], line[reach + k :]), (line[reach - k - 1 :], line[reach + k + 1 :])
        _four_taps(near, far, (weights[k], weights[k + 1]), out)
    if reach % 2:
        _two_taps(line, line[2 * reach :], weights[reach], out)


@njit(cache=True, nogil=True, error_model="numpy")
def _across(ring: Floats, y: int, weights: Floats, out: Floats) -> None:
    """Row ``y`` of the sum across rows that are summed along already."""
    held, reach = ring.shape[0], weights.shape[0] - 1
    if reach < 2:
        _middle(ring[y % held], weights[0], out)
    else:
        near, far = (ring[(y - 1) % held], ring[(y + 1) % held]), (ring[(y - 2) % held], ring[(y + 2) % held])
        _five_taps(ring[y % held], near, far, weights, out)
    for k in range(3, reach, 2):
        near = ring[(y - k) % held], ring[(y + k) % held]
        far = ring[(y - k - 1) % held], ring[(y + k + 1) % held]
        _four_taps(near, far, (weights[k], weights[k + 1]), out)
    if reach % 2:
        _two_taps(ring[(y - reach) % held], ring[(y + reach) % held], weights[reach], out)


@njit(cache=True, nogil=True, error_model="numpy")
def _middle(row: Floats, weight: np.float32, out: Floats) -> None:
    for i in range(out.shape[0]):
        out[i] = weight * row[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _five_taps(
    middle: Floats, near: tuple[Floats, Floats], far: tuple[Floats, Floats], weights: Floats, out: Floats
) -> None:
    (a, b), (c, d), (u, v, w) = near, far, (weights[0], weights[1], weights[2])
    for i in range(out.shape[0]):
        out[i] = u * middle[i] + (v * (a[i] + b[i]) + w * (c[i] + d[i]))


@njit(cache=True, nogil=True, error_model="numpy")
def _four_taps(
    near: tuple[Floats, Floats], far: tuple[Floats, Floats], weights: tuple[np.float32, np.float32], out: Floats
) -> None:
    (a, b), (c, d), (w, v) = near, far, weights
    for i in range(out.shape[0]):
        out[i] += w * (a[i] + b[i]) + v * (c[i] + d[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _two_taps(a: Floats, b: Floats, weight: np.float32, out: Floats) -> None:
    for i in range(out.shape[0]):
        out[i] += weight * (a[i] + b[i])
