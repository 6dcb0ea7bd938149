"""How unexpected a pixel's change is, given what it was: the elliptically contoured chronochrome.

The spectrum after is predicted from the spectrum before by regression over the map, and before from after; what is left
is whitened (chronochrome: Schaum & Stocker 1997, ISSSR). Real imagery has heavier tails than a Gaussian, and unusual
pixels - roofs, water, bare sand - are predicted worse. For an elliptical (multivariate t) distribution the conditional
spread grows with the pixel's own Mahalanobis distance, so the residual is divided by it (Theiler, Scovel, Wohlberg &
Foy 2010, IEEE GRSL 7, 271-275). Of the two directions the smaller counts: a change is what neither predicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from changedet.detect.filters import Image

HEAVINESS = 30.0
"""Degrees of freedom of the t distribution; 10 to 30 made no difference that could be measured."""
RIDGE = 1e-6
"""Of a band's variance: keeps bands that are copies of each other, or constant, from dividing by zero."""
LEAST_DEVIATION = 1e-6
BLOCK = 256
"""Pixels at a time: both dates of them stay in the first-level cache."""
ONE, LN2 = np.float32(1), np.float32(0.6931471805599453)
C3, C5, C7 = (np.float32(1 / k) for k in (3, 5, 7))
ROOT_HALF = np.int32(0x3F3504F3)
"""Bits of √½: the mantissa is brought between √½ and √2, where the series of the logarithm is short."""


@dataclass(frozen=True, slots=True)
class Model:
    """Whitening maps of both dates together and of the second alone, float32."""

    mean: Image
    """(2 × bands,)"""
    joint: Image
    """(2 × bands, 2 × bands), lower triangular: its first half whitens the image before, its second what is left of the
    image after."""
    second: Image
    """(bands, bands), lower triangular: whitens the image after."""

    @classmethod
    def fit(cls, pixels: NDArray) -> Model:
        """From a sample of both dates, (2 × bands, n): all bands before, then all bands after."""
        pixels = pixels.astype(np.float64)
        both = len(pixels)
        covariance = np.atleast_2d(np.cov(pixels)) if pixels.shape[1] > 1 else np.zeros((both, both))
        covariance += np.diag(RIDGE * np.diag(covariance) + LEAST_DEVIATION**2)
        mean = pixels.mean(axis=1) if pixels.shape[1] else np.zeros(both)
        second = covariance[both // 2 :, both // 2 :]
        return cls(mean.astype(np.float32), _whitening(covariance), _whitening(second))

    def surprise(self, before: Sequence[Image], after: Sequence[Image]) -> Image:
        """ln(1 + d²/bands) per pixel, (y, x), d² about χ² with ``bands`` degrees of freedom where nothing changed.

        The logarithm keeps a single glint from outweighing a neighbourhood when it is smoothed.
        """
        out = np.empty(before[0].shape, np.float32)
        _surprise((*before, *after), (self.mean, self.joint, self.second), np.float32(HEAVINESS), out)
        return out


def _whitening(covariance: NDArray[np.float64]) -> Image:
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)), np.float32)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _surprise(planes: tuple[Image, ...], model: tuple[Image, Image, Image], heavy: np.float32, out: Image) -> None:
    mean, joint, second = model
    both, (height, width) = len(mean), out.shape
    bands = both // 2
    per_band = (heavy + np.float32(bands)) / np.float32(bands)
    for y in prange(height):
        centred = np.empty((both, BLOCK), np.float32)
        white, mantissa = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.int32)
        total = np.empty((3, BLOCK), np.float32)
        for left in range(0, width, BLOCK):
            size = min(BLOCK, width - left)
            for i in range(both):
                source, target = planes[i][y, left : left + size], centred[i]
                for x in range(size):
                    target[x] = source[x] - mean[i]
            total[:] = 0
            for i in range(both):
                _add_squares(centred, joint[i], i + 1, white, total[0] if i < bands else total[1])
            for i in range(bands):
                _add_squares(centred[bands:], second[i], i + 1, white, total[2])
            p, rest, q, result = total[0], total[1], total[2], out[y, left : left + size]
            for x in range(size):
                forward = rest[x] / (heavy + p[x])
                backward = max(p[x] + rest[x] - q[x], np.float32(0)) / (heavy + q[x])
                result[x] = ONE + min(forward, backward) * per_band
            _logarithm(result, mantissa)


@njit(cache=True, nogil=True)
def _add_squares(centred: Image, weights: Image, count: int, white: Image, total: Image) -> None:
    """Add the square of the weighted sum of the first ``count`` rows, four rows at a time."""
    white[:] = 0
    j = 0
    while j + 3 < count:
        a, b, c, d = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
        first, second, third, fourth = centred[j], centred[j + 1], centred[j + 2], centred[j + 3]
        for x in range(len(white)):
            white[x] += (a * first[x] + b * second[x]) + (c * third[x] + d * fourth[x])
        j += 4
    while j < count:
        a, first = weights[j], centred[j]
        for x in range(len(white)):
            white[x] += a * first[x]
        j += 1
    for x in range(len(white)):
        total[x] += white[x] * white[x]


@njit(cache=True, nogil=True, error_model="numpy")
def _logarithm(values: Image, mantissa: NDArray[np.int32]) -> None:
    """Natural logarithms of values from 1 up in place, absolute error 2e-7: ln m = 2 artanh((m − 1)/(m + 1))."""
    bits, fraction = values.view(np.int32), mantissa.view(np.float32)
    for i in range(len(values)):
        mantissa[i] = bits[i] - (((bits[i] - ROOT_HALF) >> 23) << 23)
    for i in range(len(values)):
        exponent = np.float32((bits[i] - ROOT_HALF) >> 23)
        s = (fraction[i] - ONE) / (fraction[i] + ONE)
        q = s * s
        values[i] = exponent * LN2 + (s + s) * (ONE + q * (C3 + q * (C5 + q * C7)))
