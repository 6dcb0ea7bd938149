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
    bands, dates, _ = block.shape
    filled = block.shape[2] // width * width
    whole = _shares(np.ones(filled, np.float32), width, weights)
    for t in prange(dates):
        ok = mask[t, :filled]
        shares = whole if _all(ok) else _shares(ok, width, weights)
        for b in range(bands):
            _spread(block[b, t, :filled], ok, shares, weights, out[b, t, :filled])


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def smooth_known(curve: Floats, width: int, weights: Floats, out: Floats) -> None:
    """As :func:`smooth`, of ``(dates, pixels)`` in which what is below 0 is not known, and stays −1."""
    dates = curve.shape[0]
    filled = curve.shape[1] // width * width
    whole = _shares(np.ones(filled, np.float32), width, weights)
    for t in prange(dates):
        out[t] = -ONE
        x, ok = curve[t, :filled].copy(), np.empty(filled, np.float32)
        for i in range(filled):
            value = x[i]
            ok[i] = ONE if value >= 0 else np.float32(0)
            x[i] = max(value, np.float32(0))
        if not ok.any():
            continue
        mean = out[t, :filled]
        _spread(x, ok, whole if _all(ok) else _shares(ok, width, weights), weights, mean)
        for i in range(filled):
            value = mean[i]
            mean[i] = value if ok[i] > 0 else -ONE


@njit(cache=True, nogil=True, error_model="numpy")
def _all(ok: Floats) -> bool:
    total = 0
    for i in range(ok.shape[0]):
        total += ok[i] > 0
    return bool(total == ok.shape[0])


@njit(cache=True, nogil=True, error_model="numpy")
def _shares(ok: Floats, width: int, weights: Floats) -> Floats:
    """The kernel's weight that falls on valid pixels: (rows, width)."""
    out = np.empty((ok.shape[0] // width, width), np.float32)
    _blur(ok, width, weights, out)
    for y in range(out.shape[0]):
        line = out[y]
        for i in range(width):
            line[i] = max(line[i], LEAST_SHARE)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _spread(x: Floats, ok: Floats, shares: Floats, weights: Floats, out: Floats) -> None:
    rows, width = shares.shape
    target = out.reshape(rows, width)
    _blur(x, width, weights, target)
    for y in range(rows):
        line, share, valid = target[y], shares[y], ok[y * width : (y + 1) * width]
        for i in range(width):
            line[i] = valid[i] * line[i] / share[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _blur(x: Floats, width: int, weights: Floats, out: Floats) -> None:
    """The plain sum of rows of ``width`` pixels: along rows, then across them; nothing lies outside."""
    rows, reach = out.shape[0], weights.shape[0] - 1
    # rows of zeros above and below, columns of zeros left and right: every tap has two neighbours
    across = np.zeros((rows + 2 * reach, width), np.float32)
    line = np.zeros(width + 2 * reach, np.float32)
    for y in range(rows):
        line[reach : reach + width] = x[y * width : (y + 1) * width]
        target, middle = across[reach + y], line[reach : reach + width]
        for i in range(width):
            target[i] = weights[0] * middle[i]
        for k in range(1, reach, 2):
            near = line[reach - k : reach - k + width], line[reach + k : reach + k + width]
            far = line[reach - k - 1 : reach - k - 1 + width], line[reach + k + 1 : reach + k + 1 + width]
            _two_taps(near, far, (weights[k], weights[k + 1]), target)
        if reach % 2:
            _tap(line[:width], line[2 * reach :], weights[reach], target)
    for y in range(rows):
        target, middle = out[y], across[reach + y]
        for i in range(width):
            target[i] = weights[0] * middle[i]
        for k in range(1, reach, 2):
            near = across[reach + y - k], across[reach + y + k]
            far = across[reach + y - k - 1], across[reach + y + k + 1]
            _two_taps(near, far, (weights[k], weights[k + 1]), target)
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
