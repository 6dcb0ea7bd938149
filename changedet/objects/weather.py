"""What the weather does to one object and not to the ground around it.

On wet days soil darkens and a roof does not: next to its controls, a roof then looks as if it had grown brighter. The
change of the surroundings from date to date is already taken off every series; here each series is let answer to that
change more or less than the others do, by as much as it did in the reference period.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from changedet.detect.residuals import subtract_baseline
from changedet.detect.surroundings import Surroundings
from changedet.objects.series import Series

Floats = NDArray[np.float32]

USUAL_ANSWER = 0.5
"""Standard deviation of how much more or less than its like a place answers to the weather; 1: not at all."""


def without_weather(
    series: Series, reference: NDArray[np.int32], phase: Floats, fit: tuple[Surroundings, float]
) -> Series:
    """The series less what goes with the weather beyond what the surroundings do, by a ridge regression.

    Parameters
    ----------
    reference : indices of the dates from which it is learnt how each place answers
    phase : (time, 0 or 2), the season, which is no weather
    fit : the surroundings, whose level on each date is the weather where the series do not bring that of their own
        ground; and the clear dates from which a season is fitted
    """
    mask, (around, least) = series.mask, fit
    level = around.line[:, :, 0] if series.ground is None else series.ground
    values, weather = series.values.copy(), (level[:, :, None] * mask).astype(np.float32)
    still = np.zeros_like(around.line), np.zeros_like(around.knots)
    subtract_baseline(values, mask, reference, phase, around.line, around.knots, least)
    subtract_baseline(weather, mask, reference, phase, *still, least)
    x, y = weather[:, reference], values[:, reference]
    noise = (y**2).sum((1, 2)) / max(float(mask[reference].sum()), 1.0)
    ridge = noise / USUAL_ANSWER**2
    answer = (x * y).sum(1) / ((x * x).sum(1) + ridge[:, None] + np.float32(1e-12))
    return replace(series, values=series.values - answer[:, None] * weather)
