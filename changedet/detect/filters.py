"""Gaussian smoothing with gaps and gradient magnitude, compiled, rows in parallel.

``scipy.ndimage`` computes the same on one core. Every pixel is the same sum in the same order wherever it lies in an
array, so the bytes of a result depend neither on the number of threads nor on how an image was cut into strips, as
long as a strip reaches as far beyond the wanted rows as ``reach`` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

TRUNCATE = 3.0
"""Standard deviations at which a Gaussian is cut off."""
LEAST_WEIGHT = 1e-3
"""Of the Gaussian that falls on seen pixels; below it a mean is not defined."""
BLOCK = 1024
"""Columns at a time: what a pass reads and writes stays in the first-level cache."""


def reach(sigma: float) -> int:
    """Pixels on each side that a Gaussian of ``sigma`` pixels looks at."""
    return max(1, int(TRUNCATE * sigma + 0.5))


def smooth(image: Image, seen: Mask, sigma: float) -> Image:
    """Gaussian mean of the seen pixels only (normalised convolution); 0 where nothing near is seen.

    Parameters
    ----------
    image : (y, x); values where not ``seen`` do not matter
    sigma : pixels
    """
    return smooth_sum(image, seen, {sigma: 1.0})


def smooth_sum(image: Image, seen: Mask, weights: Mapping[float, float]) -> Image:
    """Sum of Gaussian means, each times its weight by sigma."""
    whole = bool(seen.all())
    filled = np.ascontiguousarray(image if whole else np.where(seen, image, np.float32(0)), np.float32)
    share = np.empty((0, 0), np.float32) if whole else seen.astype(np.float32)
    total = np.zeros(image.shape, np.float32)
    middle, mean, part = np.empty_like(filled), np.empty_like(filled), np.empty_like(share)
    for sigma, weight in weights.items():
        kernel = _gaussian(sigma)
        _convolve(filled, kernel, kernel, (1.0, 1.0), middle, mean)
        if whole:
            _add(total, mean, _sum(sigma), np.float32(weight))
        else:
            _convolve(share, kernel, kernel, (1.0, 1.0), middle, part)
            _add_seen(total, mean, part, np.float32(LEAST_WEIGHT), np.float32(weight))
    return total


def gradient(image: Image, seen: Mask, sigma: float) -> Image:
    """Magnitude of the gradient of the image blurred by ``sigma`` pixels, per pixel; gaps filled from around them.

    Farther than ``reach(sigma)`` from what is seen the values mean nothing.
    """
    filled = image if seen.all() else np.where(seen, image, smooth(image, seen, 2 * sigma))
    filled = np.ascontiguousarray(filled, np.float32)
    blur, slope = _gaussian(sigma), _slope(sigma)
    middle, across, down = (np.empty_like(filled) for _ in range(3))
    _convolve(filled, blur, slope, (1.0, -1.0), middle, across)
    _convolve(filled, slope, blur, (-1.0, 1.0), middle, down)
    _hypot(across, down)
    return across


def gradient_at(image: Image, rows: NDArray[np.intp], columns: NDArray[np.intp], sigma: float) -> Image:
    """What ``gradient`` is at the pixels ``(rows[i], columns[i])``, to rounding, and NaN near gaps (NaN)."""
    return np.asarray(_gradient_at(image, rows, columns, _gaussian(sigma), _slope(sigma)), np.float32)


@cache
def _gaussian(sigma: float) -> Image:
    """The weights of the middle and of the pixels on one side."""
    side = reach(sigma)
    kernel = np.exp(-0.5 * (np.arange(-side, side + 1) / sigma) ** 2)
    return _fixed(kernel[side:] / kernel.sum())


@cache
def _slope(sigma: float) -> Image:
    """Derivative of the Gaussian on one side; the other side has the opposite sign."""
    return _fixed(_gaussian(sigma) * np.arange(reach(sigma) + 1) / sigma**2)


def _fixed(kernel: NDArray) -> Image:
    half = kernel.astype(np.float32)
    half.flags.writeable = False
    return half


@cache
def _sum(sigma: float) -> np.float32:
    """What the Gaussian makes of ones, rounding included: where all is seen it is what the share would be."""
    one, kernel = np.ones((1, 1), np.float32), _gaussian(sigma)
    out = np.empty_like(one)
    _convolve(one, kernel, kernel, (1.0, 1.0), np.empty_like(one), out)
    return np.float32(out[0, 0])


@njit(cache=True, nogil=True)
def _mirror(i: int, size: int) -> int:
    while i < 0 or i >= size:
        i = -i - 1 if i < 0 else 2 * size - i - 1
    return i


@njit(cache=True, nogil=True)
def _taps(out: Image, ahead: Image, behind: Image, weight: np.float32, sign: np.float32) -> None:
    for x in range(len(out)):
        out[x] += weight * (ahead[x] + sign * behind[x])


@njit(cache=True, nogil=True)
def _three_taps(
    out: Image, ahead: tuple[Image, Image, Image], behind: tuple[Image, Image, Image], weights: Image, sign: np.float32
) -> None:
    first, second, third = ahead
    fourth, fifth, sixth = behind
    a, b, c = weights[0], weights[1], weights[2]
    for x in range(len(out)):
        one, two = a * (first[x] + sign * fourth[x]), b * (second[x] + sign * fifth[x])
        out[x] += one + two + c * (third[x] + sign * sixth[x])


@njit(parallel=True, cache=True, nogil=True)
def _convolve(image: Image, down: Image, right: Image, signs: tuple[float, float], middle: Image, out: Image) -> None:
    """Separable correlation with kernels given by one side and the sign of the other, mirrored at the borders."""
    height, width = image.shape
    reach_y, reach_x = len(down) - 1, len(right) - 1
    sign_y, sign_x = np.float32(signs[0]), np.float32(signs[1])
    for y in prange(height):
        padded = np.empty(width + 2 * reach_x, np.float32)
        padded[reach_x : reach_x + width] = image[y]
        for x in range(reach_x):
            padded[x] = image[y, _mirror(x - reach_x, width)]
            padded[width + reach_x + x] = image[y, _mirror(width + x, width)]
        for left in range(0, width, BLOCK):
            size = min(BLOCK, width - left)
            row, at = middle[y, left : left + size], left + reach_x
            centre = padded[at : at + size]
            for x in range(size):
                row[x] = right[0] * centre[x]
            k = 1
            while k + 2 <= reach_x:
                p1, p2, p3 = padded[at + k : at + k + size], padded[at + k + 1 :][:size], padded[at + k + 2 :][:size]
                m1, m2, m3 = padded[at - k : at - k + size], padded[at - k - 1 :][:size], padded[at - k - 2 :][:size]
                _three_taps(row, (p1, p2, p3), (m1, m2, m3), right[k : k + 3], sign_x)
                k += 3
            while k <= reach_x:
                _taps(row, padded[at + k : at + k + size], padded[at - k : at - k + size], right[k], sign_x)
                k += 1
    for y in prange(height):
        for left in range(0, width, BLOCK):
            end = min(left + BLOCK, width)
            row, centre = out[y, left:end], middle[y, left:end]
            for x in range(end - left):
                row[x] = down[0] * centre[x]
            k = 1
            while k + 2 <= reach_y:
                p1, m1 = middle[_mirror(y + k, height), left:end], middle[_mirror(y - k, height), left:end]
                p2, m2 = middle[_mirror(y + k + 1, height), left:end], middle[_mirror(y - k - 1, height), left:end]
                p3, m3 = middle[_mirror(y + k + 2, height), left:end], middle[_mirror(y - k - 2, height), left:end]
                _three_taps(row, (p1, p2, p3), (m1, m2, m3), down[k : k + 3], sign_y)
                k += 3
            while k <= reach_y:
                ahead, behind = middle[_mirror(y + k, height), left:end], middle[_mirror(y - k, height), left:end]
                _taps(row, ahead, behind, down[k], sign_y)
                k += 1


@njit(parallel=True, cache=True, nogil=True)
def _add(total: Image, mean: Image, whole: np.float32, weight: np.float32) -> None:
    for y in prange(total.shape[0]):
        row, values = total[y], mean[y]
        for x in range(len(row)):
            row[x] += weight * (values[x] / whole)


@njit(parallel=True, cache=True, nogil=True)
def _add_seen(total: Image, mean: Image, share: Image, least: np.float32, weight: np.float32) -> None:
    for y in prange(total.shape[0]):
        row, values, parts = total[y], mean[y], share[y]
        for x in range(len(row)):
            row[x] += weight * (values[x] / parts[x] if parts[x] > least else np.float32(0))


@njit(parallel=True, cache=True, nogil=True)
def _hypot(across: Image, down: Image) -> None:
    for y in prange(across.shape[0]):
        row, other = across[y], down[y]
        for x in range(len(row)):
            row[x] = np.sqrt(row[x] * row[x] + other[x] * other[x])


@njit(parallel=True, cache=True, nogil=True)
def _gradient_at(image: Image, rows: NDArray[np.intp], columns: NDArray[np.intp], blur: Image, slope: Image) -> Image:
    out = np.empty(len(rows), np.float32)
    side, (height, width) = len(blur) - 1, image.shape
    for i in prange(len(rows)):
        down, across = np.float32(0), np.float32(0)
        for j in range(-side, side + 1):
            level, step = np.float32(0), np.float32(0)
            for k in range(-side, side + 1):
                value = image[_mirror(rows[i] + j, height), _mirror(columns[i] + k, width)]
                level += blur[abs(k)] * value
                step += (slope[abs(k)] if k > 0 else -slope[abs(k)]) * value
            across += blur[abs(j)] * step
            down += (slope[abs(j)] if j > 0 else -slope[abs(j)]) * level
        out[i] = np.sqrt(across * across + down * down)
    return out
