"""From the 2.5 m grid to pixels through a Gaussian point spread, one sparse matrix an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import erf

from changedet.simulate.scenario import SUBPIXEL

Grid = NDArray[np.float32]


def line_weights(size_m: int, pixel: int, sigma: float, shift: float = 0.0) -> sparse.csr_array:
    """Weights (pixels, cells) that turn a line of 2.5 m cells into pixels of ``pixel`` metres.

    Each row is a Gaussian of ``sigma`` metres integrated over the cells, centred ``shift`` metres before the pixel's
    centre, so that the content moves by ``shift``. It sums to one, so that level ground keeps its value.
    """
    cells = round(size_m / SUBPIXEL)
    centres = (np.arange(size_m // pixel) + 0.5) * pixel - shift
    edges = np.arange(cells + 1) * SUBPIXEL
    weights = np.diff(erf((edges[None, :] - centres[:, None]) / (sigma * math.sqrt(2))), axis=1)
    weights[weights < 1e-5] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    return sparse.csr_array(weights.astype(np.float32))


@dataclass(frozen=True, slots=True)
class Blur:
    """Both axes of a sensor's sampling."""

    lines: sparse.csr_array
    columns: sparse.csr_array

    def __call__(self, fine: Grid) -> Grid:
        """A fine image as the sensor samples it."""
        half = np.ascontiguousarray((self.lines @ fine).T)
        return np.asarray((self.columns @ half).T, np.float32)
