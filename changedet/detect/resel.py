"""How smooth the noise of a map is: its resolution element."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

UNKNOWN_RESEL = 9.0
"""Pixels: the resolution element where the map is too small or too even to measure it, a blur of 3 px."""
LEAST_NEIGHBOURS = 50


def heights(p_value: NDArray, changed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """p-values as quantiles of the normal distribution; NaN where something changed or nothing is known."""
    return np.asarray(norm.isf(np.clip(np.where(changed, np.nan, p_value), 1e-6, 1 - 1e-6)))


def resolution_element(upper: NDArray, lower: NDArray) -> float:
    """FWHM² in pixels of a Gaussian field from the correlation of neighbours in rows and in the rows below them.

    For a Gaussian autocorrelation ρ(1) = exp(−λ/2) and FWHM² = 4 ln 2 / λ (Worsley et al. 1992, J. Cereb. Blood Flow
    Metab. 12:900).
    """
    roughness = []
    for one, other in ((upper[:, :-1], upper[:, 1:]), (upper, lower)):
        both = np.isfinite(one) & np.isfinite(other)
        pair = one[both], other[both]
        if len(pair[0]) < LEAST_NEIGHBOURS or not min(pair[0].std(), pair[1].std()) > 0:
            return UNKNOWN_RESEL
        correlation = float(np.corrcoef(*pair)[0, 1])
        roughness.append(-2 * math.log(min(max(correlation, 0.01), 0.9999)))
    return 4 * math.log(2) / math.sqrt(roughness[0] * roughness[1])
