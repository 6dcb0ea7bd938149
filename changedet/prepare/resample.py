"""Moves an image by a fraction of a pixel without blurring it, gaps included."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

LOBES = 3
Image = NDArray[np.float32]


def lanczos(fraction: float) -> NDArray[np.float32]:
    """Weights of the six pixels around a position ``fraction`` (0–1) beyond the third; they add up to one."""
    distance = np.arange(1 - LOBES, LOBES + 1) - fraction
    weights = np.sinc(distance) * np.sinc(distance / LOBES)
    return np.asarray(weights / weights.sum(), np.float32)


def move(
    image: NDArray[np.float32], dy: float, dx: float, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """The image moved down by ``dy`` and right by ``dx`` pixels, by a Lanczos kernel of three lobes; into ``out``.

    Near gaps (NaN) and borders, where the kernel lacks pixels, the bilinear mean of those that are there takes its
    place; a pixel whose nearest origin is a gap or outside stays NaN, so that nothing is made up.
    """
    whole_y, whole_x = int(np.floor(-dy)), int(np.floor(-dx))
    fraction_y, fraction_x = -dy - whole_y, -dx - whole_x
    moved = np.empty(image.shape, np.float32) if out is None else out
    weights = lanczos(fraction_y), lanczos(fraction_x)
    fraction = np.float32(fraction_y), np.float32(fraction_x)
    _move(np.ascontiguousarray(image, np.float32), (whole_y, whole_x), weights, fraction, moved)
    return moved


@njit(parallel=True, cache=True, nogil=True)
def _move(
    image: Image,
    whole: tuple[int, int],
    weights: tuple[Image, Image],
    fraction: tuple[np.float32, np.float32],
    out: Image,
) -> None:
    height, width = image.shape
    weights_y, weights_x = weights
    for y in prange(height):
        top = y + whole[0]
        column_sums = np.full(width, np.nan, np.float32)
        if top - 2 >= 0 and top + 3 < height:
            for x in range(width):
                total = np.float32(0)
                for k in range(6):
                    total += weights_y[k] * image[top - 2 + k, x]
                column_sums[x] = total
        for x in range(width):
            left = x + whole[1]
            total = np.float32(np.nan)
            if left - 2 >= 0 and left + 3 < width:
                total = np.float32(0)
                for k in range(6):
                    total += weights_x[k] * column_sums[left - 2 + k]
            if np.isnan(total):
                total = _bilinear(image, top, left, fraction)
            out[y, x] = total


@njit(cache=True, nogil=True)
def _bilinear(image: Image, top: int, left: int, fraction: tuple[np.float32, np.float32]) -> np.float32:
    height, width = image.shape
    nearest_y = top + (1 if fraction[0] >= 0.5 else 0)
    nearest_x = left + (1 if fraction[1] >= 0.5 else 0)
    if nearest_y < 0 or nearest_x < 0 or nearest_y >= height or nearest_x >= width:
        return np.float32(np.nan)
    if np.isnan(image[nearest_y, nearest_x]):
        return np.float32(np.nan)
    total, weight = np.float32(0), np.float32(0)
    for j in range(2):
        for i in range(2):
            y, x = top + j, left + i
            if 0 <= y < height and 0 <= x < width and not np.isnan(image[y, x]):
                w = (fraction[0] if j else 1 - fraction[0]) * (fraction[1] if i else 1 - fraction[1])
                total += w * image[y, x]
                weight += w
    return np.float32(total / weight)
