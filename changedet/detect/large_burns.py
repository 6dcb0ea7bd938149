"""Large burnt ground on two optical dates, for a detector whose null takes most of the map for stable.

What ``burn`` flags at the rate asked for is joined piece by piece, and a piece must be what fields and seasons are not:
large, burnt by Key & Benson's own lowest step of dNBR against the ground around it, not paler than that ground became
(mown and ploughed ground brightens in the visible, char does not), land before, and either bare of green after or seen
in the same season on both dates (leaves fall in autumn).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from changedet import scratch
from changedet.detect.burn import BANDS, burn_ratio, burning
from changedet.detect.calibrate import LEAST_VALUES, fit_null
from changedet.detect.features import Pair
from changedet.detect.filters import Image, Mask

GRAIN = 20.0
"""Metres: the native pixel of the short-wave infrared, on which burnt ground is looked for."""
VISIBLE = ("blue", "green", "red")
LEAST_AREA = 30.0
"""Hectares, from which the European Forest Fire Information System maps fires; most fields are smaller."""
LEAST_FALL = 0.1
"""dNBR beyond that of the ring: where Key & Benson (2006) begin to speak of burning."""
PALER = 0.25
"""Of the infrared effect: bared ground brightens in the visible by more than this, burnt ground by less (``kinds``)."""
RING_GUARD, RING_WIDTH = 2, 10
"""Blocks of ``GRAIN``: the blurred edge, and the ground around a piece that it is compared with."""
LEAST_RING = 30
SAME_SEASON = 60
"""Days of the year between the two dates within which leaves neither fall nor come as a whole."""


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Means over ``step`` × ``step`` pixels of what both dates show."""

    pair: Pair
    step: int

    def seen(self) -> Mask:
        shape = [-(-length // self.step) for length in self.pair.seen.shape]
        seen = np.zeros(shape, bool)
        for part in self._parts(self.pair.seen):
            seen[: part.shape[0], : part.shape[1]] |= part
        return seen

    def means(self, band: str, window: tuple[slice, slice] = (slice(None), slice(None))) -> tuple[Image, Image]:
        """Of one band before and after, (y, x) of a window in blocks; undefined where not seen."""
        pixels = tuple(_times(part, self.step) for part in window)
        seen = self.pair.seen[pixels]
        index = self.pair.bands.index(band)
        before, after = (self._mean(image[index][pixels], seen) for image in (self.pair.before, self.pair.after))
        return before, after

    def _mean(self, plane: Image, seen: Mask) -> Image:
        if self.step == 1:
            return plane
        shape = [-(-length // self.step) for length in plane.shape]
        total, count = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for values, known in zip(self._parts(plane), self._parts(seen), strict=True):
            inside = (slice(values.shape[0]), slice(values.shape[1]))
            total[inside] += np.where(known, values, np.float32(0))
            count[inside] += known
        scratch.release([plane])
        total /= np.maximum(count, np.float32(1))
        return total

    def _parts(self, plane: NDArray) -> list[NDArray]:
        steps = range(self.step)
        return [plane[i :: self.step, j :: self.step] for i, j in itertools.product(steps, steps)]


def _times(part: slice, step: int) -> slice:
    return part if part.start is None else slice(part.start * step, part.stop * step)


def large_burns(pair: Pair, side: float, rate: float) -> Image | None:
    """p-values of burning on large burnt ground, (y, x), NaN elsewhere; None where there is no such ground.

    It needs red, near and the longer short-wave infrared.

    Parameters
    ----------
    side : of a pixel, metres
    rate : p-value up to which ground is flagged
    """
    if not {"red", *BANDS} <= set(pair.bands):
        return None
    blocks = _Blocks(pair, max(1, round(GRAIN / side)))
    p_value, ratio_after, seen = _burn_map(blocks, rate)
    flagged = p_value <= rate
    labels, count = ndimage.label(flagged, np.ones((3, 3), bool))
    hectares = np.bincount(labels.ravel(), minlength=count + 1)[1:] * (side * blocks.step) ** 2 / 1e4
    places = ndimage.find_objects(labels)
    burnt = np.zeros(flagged.shape, bool)
    for i in np.flatnonzero(hectares >= LEAST_AREA):
        window = _widened(places[i], labels.shape)
        piece = labels[window] == i + 1
        if _charred(blocks, window, piece, seen[window] & ~flagged[window], float(ratio_after[window][piece].mean())):
            burnt[window] |= piece
    if not burnt.any():
        return None
    p_value[~burnt] = np.nan
    fine: Image = p_value.repeat(blocks.step, 0).repeat(blocks.step, 1)[: pair.seen.shape[0], : pair.seen.shape[1]]
    fine[~pair.seen] = np.nan
    return fine


def _burn_map(blocks: _Blocks, rate: float) -> tuple[Image, Image, Mask]:
    """p-values of burning where they come near the rate, NaN elsewhere; the burn ratio after; where both are known."""
    before, after = _burn_ratios(blocks)
    seen = blocks.seen() & np.isfinite(before) & np.isfinite(after)
    p_value = np.full(seen.shape, np.nan, np.float32)
    if np.count_nonzero(seen) >= LEAST_VALUES:
        fall, null = burning(before - after, seen)
        near = seen & (fall > np.quantile(null, max(0.5, 1 - 2 * rate)))
        p_value[near] = fit_null(null).p(fall[near])
    return p_value, after, seen


def _burn_ratios(blocks: _Blocks) -> tuple[Image, Image]:
    nir, swir22 = (blocks.means(band) for band in BANDS)
    return burn_ratio(nir[0], swir22[0]), burn_ratio(nir[1], swir22[1])


def _widened(place: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[slice, slice]:
    rows, columns = (
        slice(max(0, part.start - RING_WIDTH), min(length, part.stop + RING_WIDTH))
        for part, length in zip(place, shape, strict=True)
    )
    return rows, columns


def _charred(blocks: _Blocks, window: tuple[slice, slice], piece: Mask, still: Mask, ratio_after: float) -> bool:
    """Whether a piece burnt, by what its bands did beyond the ring around it."""
    distance = ndimage.distance_transform_edt(~piece)
    ring = still & (distance > RING_GUARD) & (distance <= RING_WIDTH)
    if np.count_nonzero(ring) < LEAST_RING:
        return False  # nothing to compare with
    images = {band: blocks.means(band, window) for band in (*VISIBLE, *BANDS) if band in blocks.pair.bands}
    beyond = {band: _step(after - before, piece, ring) for band, (before, after) in images.items()}
    (nir, nir_after), (swir22, swir22_after) = (images[band] for band in BANDS)
    fall = _step(burn_ratio(nir, swir22) - burn_ratio(nir_after, swir22_after), piece, ring)
    land = bool(np.median(nir[piece] - images["red"][0][piece]) > 0)  # water is the darker in the near infrared
    visible = [beyond[band] for band in VISIBLE if band in beyond]
    infrared = max(-beyond["nir"], beyond["swir22"])
    pale = sum(visible) / len(visible) > PALER * infrared
    return fall >= LEAST_FALL and land and not pale and (ratio_after < 0 or _same_season(blocks.pair))


def _step(change: Image, piece: Mask, ring: Mask) -> float:
    return float(np.nanmean(change[piece], dtype=np.float64) - np.nanmean(change[ring], dtype=np.float64))


def _same_season(pair: Pair) -> bool:
    days = (pair.time_after - pair.time_before) / np.timedelta64(1, "D")
    return math.fabs((days + 182.625) % 365.25 - 182.625) <= SAME_SEASON
