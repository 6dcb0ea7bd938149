"""Burnt ground between two dates: the fall of the normalised burn ratio against a null mirrored from its rise.

Char absorbs the near infrared, and without leaf water the short-wave infrared rises: the normalised burn ratio
NBR = (nir − swir22)/(nir + swir22) falls, by dNBR (Key & Benson 2006, USDA RMRS-GTR-164-CD). Detectors that take most
of the map for stable fail on a large fire. Burning is one-sided: NBR *rises* against its commonest change by noise and
growth only, so the lower half of dNBR, mirrored, is what the upper half would be without fire, even where two fifths
of the map burnt.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet.detect.calibrate import LEAST_VALUES, empirical_p
from changedet.detect.features import Pair, choose_pair, sample
from changedet.detect.filters import Image, Mask, smooth
from changedet.detect.mad import pair_map
from changedet.errors import InputError, NothingClearError
from changedet.stack import Periods
from changedet.values import DetectorConfig

BANDS = ("nir", "swir22")
SIGMA = 2.0
"""Pixels: fires are larger than a pixel, noise is not; the width that served the other two-date detectors."""
DARKEST = 0.02
"""Sum of the two reflectances below which their ratio is noise: deep shadow and water."""
CLIPPINGS = 5
"""Rounds after which the level of stable ground no longer moves by more than a few per cent of its error."""
SMALLEST_SCALE = 1e-4
"""Of NBR: reflectance is stored in steps of 0.0001."""


class Config(DetectorConfig):
    """No settings."""


def detect(stack: xr.Dataset, periods: Periods, config: Config, rate: float) -> xr.Dataset:
    """ChangeMap of burning between the clearest date of each side; ``score`` is dNBR in units of its noise.

    Only burning is looked for: other change is "unchanged" here, so name this detector where fire is the question. A
    pixel not seen on both dates, or too dark on one of them, is not observable.

    Raises
    ------
    InputError
        The stack has no near or no short-wave infrared.
    NothingClearError
        A side has no date that shows the ground, or too few pixels are seen.
    """
    key = stack.attrs.get("key", "?")
    missing = [band for band in BANDS if band not in stack.data_vars]
    if missing:
        raise InputError(
            f"detector burn: stack {key} has no {' and no '.join(missing)}; burn compares nir with swir22 of "
            "sentinel-2, so give both bands and leave out other sensors, or name another detector"
        )
    pair = choose_pair(stack, periods)
    places = [pair.bands.index(band) for band in BANDS]
    before, after = (burn_ratio(*(image[i] for i in places)) for image in (pair.before, pair.after))
    seen = pair.seen & np.isfinite(before) & np.isfinite(after)
    if np.count_nonzero(seen) < LEAST_VALUES:
        raise NothingClearError(
            f"stack {key}: the clearest dates before and after have {np.count_nonzero(seen)} pixels in common; "
            f"detector burn needs {LEAST_VALUES}"
        )
    fall, null = burning(before - after, seen)
    scale = max(1.4826 * float(np.median(np.abs(null))), SMALLEST_SCALE)
    fall = fall / np.float32(scale)
    fall[~seen] = np.nan
    p_value = empirical_p(fall, null / scale).astype(np.float32)
    return pair_map(stack, _seeing(pair, seen), fall, p_value, rate, "burn")


def burn_ratio(nir: Image, swir22: Image) -> Image:
    """The normalised burn ratio; NaN where it is too dark for one."""
    total = nir + swir22
    ratio: Image = np.divide(nir - swir22, total, out=np.full_like(total, np.nan), where=total > DARKEST)
    return ratio


def burning(difference: Image, seen: Mask) -> tuple[Image, NDArray[np.float64]]:
    """The fall of the burn ratio (y, x) from its difference, and values of it as they are where nothing burnt."""
    fall = _fall(difference, seen)
    return fall, mirrored(fall[sample(seen)])


def _fall(difference: Image, seen: Mask) -> Image:
    """dNBR about its commonest value, smoothed, but no further beyond an edge than half the width reaches.

    A pixel whose narrow mean is less than half of its wide one owes the rest to its neighbours. The bound treats rise
    and fall alike, so that the one still mirrors the other.
    """
    wide = smooth(difference, seen, SIGMA)
    centre = np.float32(commonest(wide[sample(seen)]))
    narrow = 2 * (smooth(difference, seen, SIGMA / 2) - centre)
    wide -= centre
    fall: Image = np.clip(wide, np.minimum(narrow, 0), np.maximum(narrow, 0))
    return fall


def commonest(values: NDArray) -> float:
    """The level of stable ground, even where change pulls up to two fifths of the values to one side.

    It starts at the median of the shortest interval that holds half of the values (the shorth; Andrews et al. 1972),
    which change moves little but chance much, and moves to the mean of the values within two standard deviations.
    """
    ordered = np.sort(values)
    half = len(ordered) // 2
    first = int(np.argmin(ordered[half:] - ordered[: len(ordered) - half]))
    centre = float(np.median(ordered[first : first + half + 1]))
    for _ in range(CLIPPINGS):
        reach = 2 * 1.4826 * float(np.median(np.abs(mirrored(ordered - centre))))
        low, high = np.searchsorted(ordered, [centre - reach, centre + reach])
        if high > low:
            centre = float(ordered[low:high].mean())
    return centre


def mirrored(values: NDArray) -> NDArray[np.float64]:
    """The values at or below 0 and their mirror images: a distribution symmetric about 0."""
    low = values[values <= 0].astype(np.float64)
    return np.concatenate([low, -low])


def _seeing(pair: Pair, seen: Mask) -> Pair:
    return Pair(pair.before, pair.after, seen, pair.time_before, pair.time_after, pair.bands)
