"""Gaussian smoothing with gaps and gradient magnitude, compiled, rows in parallel.

``scipy.ndimage`` computes the same on one core. Sums run in a fixed order per pixel, so the bytes of a result do not
depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

TRUNCATE = 3.0
"""Standard deviations at which a Gaussian is cut off."""
LEAST_WEIGHT = 1e-3
"""Of the Gaussian that falls on seen pixels; below it a mean is not defined."""


def smooth(image: Image, seen: Mask, sigma: float) -> Image:
    """Gaussian mean of the seen pixels only (normalised convolution); 0 where nothing near is seen.

    Parameters
    ----------
    image : (y, x); values where not ``seen`` do not matter
    sigma : pixels
    """
    return smooth_sum(image, seen, {sigma: 1.0})


def smooth_sum(image: Image, seen: Mask, weights: Mapping[float, float]) -> Image:
    """Weighted sum of the Gaussian means of several widths; ``weights`` by sigma in pixels."""
    whole = bool(seen.all())
    filled = np.asarray(image if whole else np.where(seen, image, np.float32(0)), np.float32)
    share = np.empty((0, 0), np.float32) if whole else seen.astype(np.float32)
    total = np.zeros(image.shape, np.float32)
    for sigma, weight in weights.items():
        kernel = _gaussian(sigma)
        mean = _convolve(filled, kernel, kernel)
        if not whole:
            _divide(mean, _convolve(share, kernel, kernel), LEAST_WEIGHT)
        _add(total, mean, weight)
    return total


def gradient(image: Image, seen: Mask, sigma: float) -> Image:
    """Magnitude of the gradient of the image blurred by ``sigma`` pixels, per pixel; gaps filled from around them."""
    filled = image
    if not seen.all():
        centre = np.float32(np.median(image[seen])) if seen.any() else np.float32(0)
        around = smooth(image - centre, seen, 2 * sigma) + centre
        filled = np.where(seen, image, around)
    blur = _gaussian(sigma)
    reach = len(blur) // 2
    slope = np.asarray(blur * np.arange(-reach, reach + 1) / sigma**2, np.float32)
    across = _convolve(filled, blur, slope)
    _hypot(across, _convolve(filled, slope, blur))
    return across


def _gaussian(sigma: float) -> Image:
    reach = max(1, int(TRUNCATE * sigma + 0.5))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum(), np.float32)


@njit(cache=True, nogil=True)
def _mirror(i: int, size: int) -> int:
    while i < 0 or i >= size:
        i = -i - 1 if i < 0 else 2 * size - i - 1
    return i


@njit(parallel=True, cache=True, nogil=True)
def _convolve(image: Image, down: Image, right: Image) -> Image:
    """Separable correlation, mirrored at the borders."""
    height, width = image.shape
    reach, across = len(down) // 2, len(right) // 2
    middle = np.empty((height, width), np.float32)
    out = np.empty((height, width), np.float32)
    for y in prange(height):
        padded = np.empty(width + 2 * across, np.float32)
        for x in range(-across, 0):
            padded[x + across] = image[y, _mirror(x, width)]
            padded[width - 1 - x + across] = image[y, _mirror(width - 1 - x, width)]
        padded[across : across + width] = image[y]
        row = middle[y]
        row[:] = 0
        for k in range(len(right)):
            weight = right[k]
            for x in range(width):
                row[x] += weight * padded[x + k]
    for y in prange(height):
        row = out[y]
        row[:] = 0
        for k in range(len(down)):
            weight = down[k]
            source = middle[_mirror(y + k - reach, height)]
            for x in range(width):
                row[x] += weight * source[x]
    return out


@njit(parallel=True, cache=True, nogil=True)
def _divide(mean: Image, share: Image, least: float) -> None:
    for y in prange(mean.shape[0]):
        for x in range(mean.shape[1]):
            mean[y, x] = mean[y, x] / share[y, x] if share[y, x] > least else np.float32(0)


@njit(parallel=True, cache=True, nogil=True)
def _add(total: Image, part: Image, weight: float) -> None:
    for y in prange(total.shape[0]):
        for x in range(total.shape[1]):
            total[y, x] += weight * part[y, x]


@njit(parallel=True, cache=True, nogil=True)
def _hypot(across: Image, down: Image) -> None:
    for y in prange(across.shape[0]):
        for x in range(across.shape[1]):
            across[y, x] = np.sqrt(across[y, x] ** 2 + down[y, x] ** 2)
