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
    whole = np.empty(filled, np.float32)
    _shares(_everywhere(filled), width, weights, whole)
    for t in prange(dates):
        shares = np.empty(filled, np.float32)
        all_valid = _shares_of(mask[t], whole, width, weights, shares)
        for b in range(bands):
            _spread(block[b, t], mask[t], whole if all_valid else shares, (width, weights), out[b, t])


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def smooth_known(curve: Floats, width: int, weights: Floats, out: Floats) -> None:
    """As :func:`smooth`, of ``(dates, pixels)`` in which what is below 0 is not known, and stays −1."""
    dates, pixels = curve.shape
    filled = pixels // width * width
    whole = np.empty(filled, np.float32)
    _shares(_everywhere(filled), width, weights, whole)
    for t in prange(dates):
        x, ok, shares = np.empty(filled, np.float32), np.empty(filled, np.float32), np.empty(filled, np.float32)
        row, mean = curve[t], out[t]
        for i in range(filled):
            value = row[i]
            ok[i] = ONE if value >= 0 else np.float32(0)
            x[i] = max(value, np.float32(0))
        all_known = _shares_of(ok, whole, width, weights, shares)
        _spread(x, ok, whole if all_known else shares, (width, weights), mean)
        for i in range(filled):
            value = mean[i]
            mean[i] = value if ok[i] > 0 else -ONE
        for i in range(filled, pixels):
            mean[i] = -ONE


@njit(cache=True, nogil=True, error_model="numpy")
def _everywhere(pixels: int) -> Floats:
    ok = np.empty(pixels, np.float32)
    for i in range(pixels):
        ok[i] = ONE
    return ok


@njit(cache=True, nogil=True, error_model="numpy")
def _shares_of(ok: Floats, whole: Floats, width: int, weights: Floats, out: Floats) -> bool:
    """Whether all pixels are valid; if not, :func:`_shares` of them."""
    total = 0
    for i in range(whole.shape[0]):
        total += ok[i] > 0
    if total == whole.shape[0]:
        return True
    _shares(ok, width, weights, out)
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _shares(ok: Floats, width: int, weights: Floats, out: Floats) -> None:
    """The kernel's weight that falls on valid pixels."""
    _blur(ok, width, weights, out)
    for i in range(out.shape[0]):
        out[i] = max(out[i], LEAST_SHARE)


@njit(cache=True, nogil=True, error_model="numpy")
def _spread(x: Floats, ok: Floats, shares: Floats, kernel: tuple[int, Floats], out: Floats) -> None:
    width, weights = kernel
    target = out[: shares.shape[0]]
    _blur(x, width, weights, target)
    for i in range(shares.shape[0]):
        target[i] = ok[i] * target[i] / shares[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _blur(x: Floats, width: int, weights: Floats, out: Floats) -> None:
    """The plain sum of rows of ``width`` pixels: along rows, then across them; nothing lies outside."""
    rows, reach = out.shape[0] // width, weights.shape[0] - 1
    # rows of zeros above and below, columns of zeros left and right: every tap has two neighbours
    across = np.zeros((rows + 2 * reach, width), np.float32)
    line = np.zeros(width + 2 * reach, np.float32)
    for y in range(rows):
        row, middle, target = x[y * width : (y + 1) * width], line[reach:], across[reach + y]
        for i in range(width):
            middle[i] = row[i]
            target[i] = weights[0] * row[i]
        for k in range(1, reach, 2):
            near, far = (line[reach - k :], line[reach + k :]), (line[reach - k - 1 :], line[reach + k + 1 :])
            _two_taps(near, far, (weights[k], weights[k + 1]), target)
        if reach % 2:
            _tap(line, line[2 * reach :], weights[reach], target)
    for y in range(rows):
        target, middle = out[y * width : (y + 1) * width], across[reach + y]
        for i in range(width):
            target[i] = weights[0] * middle[i]
        for k in range(1, reach, 2):
            a, z = reach + y - k, reach + y + k
            _two_taps((across[a], across[z]), (across[a - 1], across[z + 1]), (weights[k], weights[k + 1]), target)
        if reach % 2:
            _tap(across[y], across[y + 2 * reach], weights[reach], target)


@njit(cache=True, nogil=True, error_model="numpy")
def _two_taps(
    near: tuple[Floats, Floats], far: tuple[Floats, Floats], weights: tuple[np.float32, np.float32], out: Floats
) -> None:
    (a, b), (c, d), (w, v) = near, far, weights
    for i in range(out.shape[0]):
        out[i] += w * (a[i] + b[i]) + v * (c[i] + d[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _tap(a: Floats, b: Floats, weight: np.float32, out: Floats) -> None:
    for i in range(out.shape[0]):
        out[i] += weight * (a[i] + b[i])
