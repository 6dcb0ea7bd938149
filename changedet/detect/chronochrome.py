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

from changedet.detect.features import sample
from changedet.detect.filters import Image, Mask

HEAVINESS = 30.0
"""Degrees of freedom of the t distribution; 10 to 30 made no difference that could be measured."""
RIDGE = 1e-6
"""Of a band's variance: keeps bands that are copies of each other, or constant, from dividing by zero."""
LEAST_DEVIATION = 1e-6
STRIP = 256
"""Rows at a time."""


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
    def fit(cls, before: Sequence[Image], after: Sequence[Image], seen: Mask) -> Model:
        """From evenly spaced seen pixels of bands (y, x)."""
        rows, columns = sample(seen)
        pixels = np.stack([plane[rows, columns] for plane in (*before, *after)]).astype(np.float64)
        bands = len(before)
        covariance = np.atleast_2d(np.cov(pixels)) if pixels.shape[1] > 1 else np.zeros((2 * bands, 2 * bands))
        covariance += np.diag(RIDGE * np.diag(covariance) + LEAST_DEVIATION**2)
        second = covariance[bands:, bands:]
        return cls(pixels.mean(axis=1).astype(np.float32), _whitening(covariance), _whitening(second))

    def surprise(self, before: Sequence[Image], after: Sequence[Image]) -> Image:
        """ln(1 + d²/bands) per pixel, (y, x), d² about χ² with ``bands`` degrees of freedom where nothing changed.

        The logarithm keeps a single glint from outweighing a neighbourhood when it is smoothed.
        """
        height = before[0].shape[0]
        out = np.empty(before[0].shape, np.float32)
        for top in range(0, height, STRIP):
            strip = slice(top, top + STRIP)
            planes = np.stack([plane[strip] for plane in (*before, *after)])
            _surprise(planes, self.mean, self.joint, self.second, HEAVINESS, out[strip])
        return out


def _whitening(covariance: NDArray[np.float64]) -> Image:
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)), np.float32)


@njit(parallel=True, cache=True, nogil=True)
def _surprise(planes: Image, mean: Image, joint: Image, second: Image, heavy: float, out: Image) -> None:
    both, height, width = planes.shape
    bands = both // 2
    for y in prange(height):
        total = np.zeros((3, width), np.float32)
        white = np.empty(width, np.float32)
        centred = np.empty((both, width), np.float32)
        for i in range(both):
            for x in range(width):
                centred[i, x] = planes[i, y, x] - mean[i]
        for i in range(both + bands):
            white[:] = 0
            weights = joint[i] if i < both else second[i - both]
            first = 0 if i < both else bands
            last = i if i < both else i - both
            for j in range(last + 1):
                weight = weights[j]
                source = centred[first + j]
                for x in range(width):
                    white[x] += weight * source[x]
            row = total[0] if i < bands else total[1] if i < both else total[2]
            for x in range(width):
                row[x] += white[x] * white[x]
        for x in range(width):
            p, left, q = total[0, x], total[1, x], total[2, x]
            forward = left / (heavy + p)
            backward = max(p + left - q, np.float32(0)) / (heavy + q)
            out[y, x] = np.log1p(min(forward, backward) * (heavy + bands) / bands)
