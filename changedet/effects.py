"""Effects: how much each quantity changed inside a region beyond what its surroundings did.

Seasons, haze and calibration act on a region and on the ring around it alike and so drop out of the difference; the
spread of the ring says how much of it is noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from changedet.stack import band_names

VISIBLE = ("blue", "green", "red")
REFLECTANCE_FLOOR = 0.01
"""Reflectance: about the absolute accuracy of the products, which no averaging beats."""
INDEX_FLOOR = 0.04
"""Of a normalised difference of reflectances near 0.2, each known to the floor above."""
DECIBEL_FLOOR = 0.5
"""dB: the radiometric stability of Sentinel-1 and the weather of its surfaces."""
TEXTURE_FLOOR = 0.1
FACTOR = 2.0
"""An effect counts when it exceeds this many times its noise."""
CORRELATED_PIXELS = 4
"""Neighbouring pixels share light and speckle through resampling: so many make one independent sample."""
LEAST_TEXTURE_PIXELS = 12


@dataclass(frozen=True, slots=True)
class Effect:
    """One quantity in a region and in its ring, before and after.

    Reflectance 0–1, index, ln of standard deviation, or dB. ``noise`` is one standard deviation of ``beyond``.
    """

    before: float
    after: float
    ring_before: float
    ring_after: float
    noise: float

    @property
    def change(self) -> float:
        """After minus before, inside the region."""
        return self.after - self.before

    @property
    def beyond(self) -> float:
        """The change inside the region less the change of the ring, where there is a ring."""
        ring = self.ring_after - self.ring_before
        return self.change - (ring if math.isfinite(ring) else 0.0)

    @property
    def sign(self) -> int:
        """+1 up, −1 down, 0 within the noise."""
        if not abs(self.beyond) > FACTOR * self.noise:
            return 0
        return 1 if self.beyond > 0 else -1


Effects = Mapping[str, Effect]


def optical_effects(
    before: Mapping[str, NDArray], after: Mapping[str, NDArray], region: NDArray[np.bool_], ring: NDArray[np.bool_]
) -> Effects:
    """Effects of each band and of ``ndvi ndwi nbr albedo visible texture contrast``.

    ``albedo`` and ``visible`` are the means of all and of the visible bands; the indices come with their bands.

    Parameters
    ----------
    before, after : reflectance by band, (y, x), NaN where unknown
    region, ring : masks (y, x)
    """
    planes: dict[str, tuple[NDArray, NDArray, float]] = {}
    for name, parts in {"albedo": tuple(before), "visible": tuple(b for b in VISIBLE if b in before)}.items():
        if parts:
            planes[name] = (_mean(before, parts), _mean(after, parts), REFLECTANCE_FLOOR)
    for name, (high, low) in {"ndvi": ("nir", "red"), "ndwi": ("green", "nir"), "nbr": ("nir", "swir22")}.items():
        if high in before and low in before:
            planes[name] = (_ratio(before[high], before[low]), _ratio(after[high], after[low]), INDEX_FLOOR)
    effects = {name: _effect(old, new, region, ring, floor) for name, (old, new, floor) in planes.items()}
    bands = _band_effects(before, after, region, ring, radar=False)
    effects["texture"] = _texture(planes["albedo"][0], planes["albedo"][1], region, ring)
    effects["contrast"] = _contrast(list(bands.values()))
    return MappingProxyType(bands | {name: effect for name, effect in effects.items() if effect is not None})


def radar_effects(
    before: Mapping[str, NDArray], after: Mapping[str, NDArray], region: NDArray[np.bool_], ring: NDArray[np.bool_]
) -> Effects:
    """Effects of each polarisation in dB: of the mean power in the region and in the ring.

    Parameters
    ----------
    before, after : linear power by polarisation, (y, x), NaN where unknown
    region, ring : masks (y, x)
    """
    return MappingProxyType(_band_effects(before, after, region, ring, radar=True))


def _band_effects(
    before: Mapping[str, NDArray],
    after: Mapping[str, NDArray],
    region: NDArray[np.bool_],
    ring: NDArray[np.bool_],
    *,
    radar: bool,
) -> dict[str, Effect]:
    floor = DECIBEL_FLOOR if radar else REFLECTANCE_FLOOR
    effects = {name: _effect(before[name], after[name], region, ring, floor, decibel=radar) for name in before}
    return {name: effect for name, effect in effects.items() if effect is not None}


def pooled(parts: list[Effects]) -> dict[str, Effect]:
    """One set of effects from several (orbits): the mean of each quantity, noise as of independent measurements."""
    names = sorted({name for part in parts for name in part})
    result = {}
    for name in names:
        same = [part[name] for part in parts if name in part]
        rows = [[e.before, e.after, e.ring_before, e.ring_after] for e in same]
        levels = [sum(column) / len(same) for column in zip(*rows, strict=True)]
        noise = math.sqrt(sum(e.noise**2 for e in same)) / len(same)
        result[name] = Effect(levels[0], levels[1], levels[2], levels[3], noise)
    return result


def _mean(bands: Mapping[str, NDArray], names: tuple[str, ...]) -> NDArray:
    mean: NDArray = np.mean([bands[name] for name in names], axis=0)
    return mean


def _ratio(a: NDArray, b: NDArray) -> NDArray:
    total = a + b
    ratio: NDArray = np.divide(a - b, total, out=np.full(total.shape, np.nan, np.float64), where=total > 0.01)
    return ratio


def _spread(values: NDArray) -> float:
    """Robust standard deviation: 1.4826 times the median absolute deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _effect(
    before: NDArray,
    after: NDArray,
    region: NDArray[np.bool_],
    ring: NDArray[np.bool_],
    floor: float,
    *,
    decibel: bool = False,
) -> Effect | None:
    """Compare the pixels seen on both sides; None where the region has none."""
    seen = np.isfinite(before) & np.isfinite(after)
    if decibel:
        seen &= (before > 0) & (after > 0)
    inside, around = region & seen, ring & seen
    if not inside.any():
        return None

    def level(image: NDArray, mask: NDArray[np.bool_]) -> float:
        if not mask.any():
            return math.nan
        value = float(np.mean(image[mask], dtype=np.float64))
        return 10 * math.log10(value) if decibel else value

    def noise() -> float:
        if np.count_nonzero(around) < LEAST_TEXTURE_PIXELS:
            return floor
        old, new = before[around].astype(np.float64), after[around].astype(np.float64)
        difference = 10 * np.log10(new / old) if decibel else new - old
        samples = max(1.0, np.count_nonzero(inside) / CORRELATED_PIXELS)
        return math.hypot(floor, _spread(difference) / math.sqrt(samples))

    return Effect(level(before, inside), level(after, inside), level(before, around), level(after, around), noise())


def _texture(before: NDArray, after: NDArray, region: NDArray[np.bool_], ring: NDArray[np.bool_]) -> Effect | None:
    """ln of the standard deviation over the region: roofs, tanks and shadows make it, bare ground does not."""
    seen = np.isfinite(before) & np.isfinite(after)
    inside, around = region & seen, ring & seen
    count = int(np.count_nonzero(inside))
    if count < LEAST_TEXTURE_PIXELS:
        return None

    def level(image: NDArray, mask: NDArray[np.bool_]) -> float:
        if np.count_nonzero(mask) < LEAST_TEXTURE_PIXELS:
            return math.nan
        return math.log(max(float(np.std(image[mask], dtype=np.float64)), 1e-4))

    # the standard error of ln s from n normal samples is 1/sqrt(2 (n - 1))
    noise = math.hypot(TEXTURE_FLOOR, 1 / math.sqrt(2 * max(1.0, count / CORRELATED_PIXELS - 1)))
    return Effect(level(before, inside), level(after, inside), level(before, around), level(after, around), noise)


def _contrast(bands: list[Effect]) -> Effect | None:
    """Distance of the region's reflectance from the ring's, root mean square over bands; falls "towards the soil"."""
    bands = [effect for effect in bands if math.isfinite(effect.ring_before)]
    if not bands:
        return None
    before = math.sqrt(sum((e.before - e.ring_before) ** 2 for e in bands) / len(bands))
    after = math.sqrt(sum((e.after - e.ring_after) ** 2 for e in bands) / len(bands))
    noise = math.sqrt(sum(e.noise**2 for e in bands) / len(bands))
    return Effect(before, after, 0.0, 0.0, noise)


RING_GUARD = 2
"""Pixels left out around a region: its blurred edge."""
RING_WIDTH = 8
"""Pixels."""
CROP_PIXELS = 1_000_000
"""Regions whose surroundings hold more pixels are measured on every second, third … row and column."""
SEASON = 45
"""Days: the reference dates that may stand for the season of the after dates."""
LEAST_SEASON_DATES = 3
SEEN_SHARE = 0.5
"""Of the region's pixels, that a date must show to count as showing the region."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One stack's word on one region."""

    quantity: str
    effects: Effects
    directions: Mapping[str, float]
    """Signed mean change by band: reflectance, or dB."""
    scenes: tuple[str, ...]
    """Ids of the after dates that show it."""


def measure(
    stack: xr.Dataset, sides: tuple[NDArray[np.bool_], NDArray[np.bool_]], pixels: NDArray[np.intp], taken: NDArray
) -> Measured | None:
    """Measure a region in a stack.

    Parameters
    ----------
    sides : masks over time: the dates that stand for "before", and those for "after"
    pixels : flat indices of the region's pixels on the grid of the stack
    taken : bool (y, x), pixels that may not serve as surroundings: changed, or not observable

    Returns
    -------
    None where the stack has no date on one side, or sees no pixel of the region on both.
    """
    old, new = sides[0].nonzero()[0], sides[1].nonzero()[0]
    if not len(old) or not len(new):
        return None
    old = _same_season(stack.time.values, old, new)
    crop, region, ring = _surroundings(pixels, taken)
    names = band_names(stack)
    radar = stack.attrs["quantity"] == "gamma0"
    average = _mean_power if radar else _median
    before, after, dates = {}, {}, {}
    for name in names:
        cube = stack[name].isel(y=crop[0], x=crop[1])
        dates[name] = cube.isel(time=new).values
        before[name] = average(cube.isel(time=old).values)
        after[name] = average(dates[name])
    effects = (radar_effects if radar else optical_effects)(before, after, region, ring)
    directions = {name: effects[name].change for name in names if name in effects}
    if not directions:
        return None
    shown = _shown(before, dates, region, ring, effects, radar)
    scenes = tuple(str(identifier) for identifier in stack.scene_id.values[new[shown]])
    return Measured(stack.attrs["quantity"], effects, MappingProxyType(directions), scenes)


def _mean_power(cube: NDArray) -> NDArray:
    """Mean over dates of what is finite, NaN where nothing is."""
    finite = np.isfinite(cube)
    count = finite.sum(axis=0)
    total = np.where(finite, cube, 0).sum(axis=0, dtype=np.float64)
    mean: NDArray = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def _median(cube: NDArray) -> NDArray:
    """Median over dates of what is finite, NaN where nothing is; sheds clouds that the mask missed."""
    ordered = np.sort(cube, axis=0)  # NaN sorts last
    count = np.isfinite(ordered).sum(axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    last = len(cube) - 1
    pair = [np.take_along_axis(ordered, np.minimum(i, last)[None], axis=0)[0] for i in (low, high)]
    return np.where(count > 0, (pair[0].astype(np.float64) + pair[1]) / 2, np.nan)


def _same_season(times: NDArray[np.datetime64], old: NDArray, new: NDArray) -> NDArray:
    """The reference dates of the season of the after dates, when there are enough of them."""
    day = (times - times.astype("datetime64[Y]")).astype("timedelta64[D]").astype(int)
    apart = np.abs(day[old][:, None] - day[new][None, :])
    near = (np.minimum(apart, 365 - apart) <= SEASON).any(axis=1)
    return old[near] if np.count_nonzero(near) >= LEAST_SEASON_DATES else old


def _surroundings(
    pixels: NDArray[np.intp], taken: NDArray[np.bool_]
) -> tuple[tuple[slice, slice], NDArray[np.bool_], NDArray[np.bool_]]:
    """The window around a region, and in it the masks of the region and of its ring."""
    height, width = taken.shape
    rows, cols = np.divmod(pixels, width)
    margin = RING_GUARD + RING_WIDTH
    top, left = max(0, rows.min() - margin), max(0, cols.min() - margin)
    bottom, right = min(height, rows.max() + margin + 1), min(width, cols.max() + margin + 1)
    region = np.zeros((bottom - top, right - left), bool)
    region[rows - top, cols - left] = True
    distance = ndimage.distance_transform_edt(~region)
    ring = (distance > RING_GUARD) & (distance <= margin) & ~taken[top:bottom, left:right]
    step = math.ceil(math.sqrt(region.size / CROP_PIXELS))
    window = slice(int(top), int(bottom), step), slice(int(left), int(right), step)
    return window, region[::step, ::step], ring[::step, ::step]


def _shown(
    before: Mapping[str, NDArray],
    dates: Mapping[str, NDArray],
    region: NDArray[np.bool_],
    ring: NDArray[np.bool_],
    effects: Effects,
    radar: bool,
) -> NDArray[np.bool_]:
    """Which after dates see the region changed at least half as much as all of them together say, the same way."""
    names = [name for name in before if name in effects]
    count = len(next(iter(dates.values())))
    shown = np.zeros(count, bool)
    if not any(effects[name].sign for name in names):
        return shown
    whole = sum((effects[name].beyond / effects[name].noise) ** 2 for name in names)
    for i in range(count):
        one = {name: dates[name][i] for name in names}
        seen = np.isfinite(one[names[0]][region]).mean()
        if seen < SEEN_SHARE:
            continue
        alone = _band_effects(before, one, region, ring, radar=radar)
        along = sum(
            alone[name].beyond * effects[name].beyond / effects[name].noise ** 2 for name in names if name in alone
        )
        shown[i] = along >= whole / 2
    return shown
