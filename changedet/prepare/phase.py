"""How far one image lies from another, from the edges that both show.

The shift is the peak of the cross-correlation of gradient magnitudes, sought in Fourier space without whitening the
spectra: edges of roads and buildings outlast seasons, and on smooth images whitening would only lift the noise. Around
the peak the correlation is evaluated on a fine lattice by a matrix Fourier transform (Guizar-Sicairos, Thurman &
Fienup 2008, Optics Letters 33, 156-158). Bands and tiles are added up before the peak is sought; the peaks of each
alone say how far it can be trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Mask = NDArray[np.bool_]
Image = NDArray[np.float32]

TILE = 512
MOST_TILES = 9
EDGE = 3
"""Pixels around gaps whose gradient shows the gap instead of the ground."""
LEAST_SEEN = 0.2
"""Share of a tile that both dates must show."""
CAP = 0.99
"""Quantile at which gradients are cut off, so that a single glint or cloud rim does not decide."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one image must be moved to lie on another, in pixels, down and right positive."""

    y: float
    x: float
    correlation: float
    """Of gradient magnitudes at the peak, -1 … 1."""
    spread: float
    """Standard error of the shift in pixels, from the peaks of single bands and tiles; infinite where too few."""

    @property
    def length(self) -> float:
        """Pixels."""
        return float(np.hypot(self.y, self.x))


NOTHING = Shift(0.0, 0.0, 0.0, np.inf)


@dataclass(frozen=True, slots=True)
class _Unit:
    """The cross-spectrum of one band in one tile, scaled so that its transform is a correlation coefficient."""

    spectrum: NDArray[np.complex64]
    shape: tuple[int, int]


def measure_shift(fixed: Sequence[Image], moving: Sequence[Image], seen: Mask, reach: int) -> Shift:
    """The shift that lays ``moving`` on ``fixed``.

    Parameters
    ----------
    fixed, moving : bands (y, x) in the same order; values outside ``seen`` do not matter
    seen : (y, x), what both show and what may be used
    reach : pixels, the largest shift looked for along each axis
    """
    units: list[_Unit] = []
    for tile in _tiles(seen):
        reach_of_tile = min(seen[tile].shape) // 4
        if reach_of_tile < 2:
            continue
        units += [_unit(a[tile], b[tile], seen[tile]) for a, b in zip(fixed, moving, strict=True)]
    units = [unit for unit in units if unit.spectrum.any()]
    if not units:
        return NOTHING
    y, x = _whole_peak(units, min(reach, min(units[0].shape) // 4))
    for step in (0.1, 0.01):
        surface = np.sum([_lattice(unit, y, x, step) for unit in units], axis=0)
        y, x = _best(surface, y, x, step)
    correlation = float(surface.max()) / len(units)
    return Shift(y, x, correlation, _spread(units, y, x))


def _tiles(seen: Mask) -> list[tuple[slice, slice]]:
    """Up to ``MOST_TILES`` tiles, those spread evenly that show enough; the whole image where it is small."""
    rows, columns = (_spans(size) for size in seen.shape)
    tiles = [(row, column) for row in rows for column in columns]
    good = [tile for tile in tiles if seen[tile].mean() >= LEAST_SEEN]
    step = max(1, -(-len(good) // MOST_TILES))
    return good[::step]


def _spans(size: int) -> list[slice]:
    if size <= 2 * TILE:
        return [slice(0, size)]
    count = size // TILE
    starts = np.linspace(0, size - TILE, count).astype(int)
    return [slice(int(start), int(start) + TILE) for start in starts]


def _edges(image: Image, seen: Mask, inner: Mask) -> Image:
    """Gradient magnitude, cut off at its upper quantile, zero mean, zero outside ``inner``.

    Gaps are filled outside ``seen`` only: an edge between ground and filling that lies within ``inner`` would stay in
    its place on both dates and pull the shift towards zero.
    """
    filled = np.where(seen, image, np.float32(np.median(image[seen])))
    gradient = ndimage.gaussian_gradient_magnitude(filled, 0.7)
    gradient = np.minimum(gradient, np.quantile(gradient[inner], CAP))
    gradient -= gradient[inner].mean()
    gradient[~inner] = 0
    return np.asarray(gradient, np.float32)


def _unit(fixed: Image, moving: Image, seen: Mask) -> _Unit:
    inner = ndimage.binary_erosion(seen, iterations=EDGE)
    shape = (fft.next_fast_len(seen.shape[0] + 16, real=True), fft.next_fast_len(seen.shape[1] + 16, real=True))
    if inner.sum() < 100:
        return _Unit(np.zeros((1, 1), np.complex64), shape)
    a, b = _edges(fixed, seen, inner), _edges(moving, seen, inner)
    energy = float(np.sqrt(np.vdot(a, a) * np.vdot(b, b)))
    if energy <= 0:
        return _Unit(np.zeros((1, 1), np.complex64), shape)
    spectrum = fft.rfft2(a, shape) * np.conj(fft.rfft2(b, shape)) / np.float32(energy)
    return _Unit(np.asarray(spectrum, np.complex64), shape)


def _whole_peak(units: list[_Unit], reach: int) -> tuple[float, float]:
    total = np.zeros((2 * reach + 1, 2 * reach + 1))
    lags = np.arange(-reach, reach + 1)
    for unit in units:
        total += fft.irfft2(unit.spectrum, unit.shape)[np.ix_(lags, lags)]
    row, column = np.unravel_index(int(total.argmax()), total.shape)
    return float(lags[row]), float(lags[column])


def _lattice(unit: _Unit, y: float, x: float, step: float) -> NDArray[np.float64]:
    """Correlation on a lattice of 21 × 21 points around (y, x)."""
    height, width = unit.shape
    offsets = np.arange(-10, 11) * step
    frequency_y = fft.fftfreq(height)
    frequency_x = fft.rfftfreq(width)
    left = np.exp(2j * np.pi * np.outer(y + offsets, frequency_y)).astype(np.complex64)
    right = np.exp(2j * np.pi * np.outer(frequency_x, x + offsets)).astype(np.complex64)
    # a real image has the conjugate half of the spectrum once more, save for the first and (if even) last column
    twice = np.full(len(frequency_x), 2, np.float32)
    twice[0] = 1
    if width % 2 == 0:
        twice[-1] = 1
    return np.asarray(((left @ unit.spectrum) * twice @ right).real / (height * width), np.float64)


def _best(surface: NDArray[np.float64], y: float, x: float, step: float) -> tuple[float, float]:
    row, column = np.unravel_index(int(surface.argmax()), surface.shape)
    return y + (int(row) - 10) * step, x + (int(column) - 10) * step


def _spread(units: list[_Unit], y: float, x: float) -> float:
    """Standard error of the joint peak from the peaks of its parts (median absolute deviation, as a normal's)."""
    if len(units) < 3:
        return 0.0 if len(units) else np.inf
    peaks = np.array([_best(_lattice(unit, y, x, 0.1), y, x, 0.1) for unit in units]) - (y, x)
    return float(1.4826 * np.median(np.abs(peaks), axis=0).max() / np.sqrt(len(units)))
