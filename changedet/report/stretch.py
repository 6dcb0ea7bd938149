"""From physical values to colours, the same on both sides.

A picture has an integer enlargement (each pixel drawn as a square) or an integer reduction (the mean of a square of
pixels), so that nothing is interpolated and every colour can be traced to its value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet import scratch
from changedet.report.choose import WHOLE, Window

PERCENTILES = (0.5, 99.7)
ROWS = 512
"""Rows at a time, about."""
SAMPLE = 500_000
"""Pixels at most, a side, from which percentiles are taken."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """How bands become red, green and blue."""

    name: str
    title: str
    bands: tuple[str, str, str]
    gamma: float = 1.0
    least_span: float = 0.08
    """A narrower range of values is widened to this: noise is not contrast. Reflectance, or dB for radar."""


TRUE_COLOUR = Rendition("true", "True colour", ("red", "green", "blue"), gamma=1.25)
NIR = Rendition("nir", "False colour: near infrared, red, green", ("nir", "red", "green"), gamma=1.15)
SWIR = Rendition("swir", "Shortwave infrared: 2.2 µm, near infrared, red", ("swir22", "nir", "red"), gamma=1.15)
SWIR16 = Rendition("swir", "Shortwave infrared: 1.6 µm, near infrared, red", ("swir16", "nir", "red"), gamma=1.15)
RADAR_VV = Rendition("radar", "Radar backscatter, VV in dB", ("vv", "vv", "vv"), least_span=6.0)
RADAR_VH = Rendition("radar", "Radar backscatter, VH in dB", ("vh", "vh", "vh"), least_span=6.0)


def rendition(stack: xr.Dataset, *wanted: Rendition) -> Rendition | None:
    """The first of the renditions for which the stack has all bands."""
    return next((r for r in wanted if all(band in stack.data_vars for band in r.bands)), None)


def leading_rendition(stack: xr.Dataset) -> Rendition:
    """The rendition for people: true colour where there is one, else false colour, else the first band in grey."""
    found = rendition(stack, TRUE_COLOUR, NIR, RADAR_VV, RADAR_VH)
    if found is not None:
        return found
    band = next(str(name) for name in stack.data_vars if str(name) not in ("valid", "scl"))
    return Rendition("grey", f"Band {band}", (band, band, band))


@dataclass(frozen=True, slots=True)
class Zoom:
    """How pixels of the grid become points of a picture."""

    enlarge: int = 1
    reduce: int = 1

    @classmethod
    def fit(cls, shape: tuple[int, int], target: int = 1200, narrowest: int = 800, most: int = 2000) -> Zoom:
        """The whole zoom that brings the longer side near ``target``.

        The width then is at least ``narrowest`` points, unless that would bring the longer side above ``most``.
        """
        side = max(shape)
        if side > most:
            return cls(reduce=math.ceil(side / target))
        enlarge = max(1, round(target / side), math.ceil(narrowest / shape[1]))
        return cls(enlarge=min(enlarge, most // side))

    def words(self, resolution: float) -> str:
        """One phrase that says how pixels were drawn."""
        if self.reduce > 1:
            return f"each point the mean of {self.reduce} × {self.reduce} pixels of {resolution:g} m"
        if self.enlarge > 1:
            return f"{resolution:g} m pixels, enlarged {self.enlarge} ×"
        return f"{resolution:g} m pixels"


@dataclass(frozen=True, slots=True)
class Values:
    """Physical values of one side."""

    values: NDArray[np.float32]
    """(y, x, 3) reflectance, or dB for radar; NaN where not ``valid``."""
    valid: NDArray[np.bool_]
    """(y, x)"""


def side_values(
    stack: xr.Dataset, times: Sequence[int], look: Rendition, window: Window = WHOLE, reduce: int = 1
) -> Values:
    """The values of one side: the mean over ``times``, over squares of ``reduce`` pixels, radar then in dB.

    A reduced point is valid where at least half of its pixels are.
    """
    planes: dict[str, NDArray[np.float32]] = {}
    for band in dict.fromkeys(look.bands):
        plane, weight = _sums(stack, band, times, window, reduce)
        least = reduce * reduce * len(times) / 2 if reduce > 1 else 1
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(weight >= least, plane / weight, np.nan)
            if stack.attrs["quantity"] == "gamma0":
                mean = 10 * np.log10(np.where(mean > 0, mean, np.nan))
        planes[band] = mean.astype(np.float32)
    values = np.stack([planes[band] for band in look.bands], axis=-1)
    return Values(values, np.asarray(np.isfinite(values).all(axis=-1)))


def _sums(
    stack: xr.Dataset, band: str, times: Sequence[int], window: Window, reduce: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sums of the seen values of some dates over squares of pixels, and their numbers; a strip of rows at a time."""
    dates = [(stack[band].values[i][window], stack.valid.values[i][window]) for i in times]
    parts = []
    for top in range(0, len(dates[0][0]), step := reduce * max(1, ROWS // reduce)):
        values, seen = ([date[k][top : top + step] for date in dates] for k in (0, 1))
        total, count = np.zeros(values[0].shape, np.float32), np.zeros(values[0].shape, np.float32)
        for numbers, mask in zip(values, seen, strict=True):
            total += np.where(mask, numbers, np.float32(0))
            count += mask
        parts.append((block_sum(total, reduce), block_sum(count, reduce)))
    scratch.release([stack[band].values])
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def block_sum(plane: NDArray, reduce: int) -> NDArray[np.float32]:
    """Sums over squares of ``reduce`` pixels; a border that does not fill a square is left out."""
    if reduce == 1:
        return plane.astype(np.float32)
    rows, cols = plane.shape[0] // reduce, plane.shape[1] // reduce
    blocks = plane[: rows * reduce, : cols * reduce].reshape(rows, reduce, cols, reduce)
    return np.asarray(blocks.sum(axis=(1, 3), dtype=np.float32))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Values from ``low`` to ``high``, a channel each, to 0–255 through a gamma."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    gamma: float = 1.0

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Colours (…, 3) of values (…, 3); NaN becomes 0, to be covered by the hatching."""
        low, high = np.array(self.low, np.float32), np.array(self.high, np.float32)
        share = np.clip((np.nan_to_num(values, nan=-1e6) - low) / (high - low), 0, 1)
        return np.asarray(np.rint(255 * share ** np.float32(1 / self.gamma)), np.uint8)


def joint_stretch(sides: Sequence[Values], look: Rendition) -> Stretch:
    """One stretch for all sides, from the percentiles of the pixels that are valid in each of its sides' own mask."""
    sample = np.concatenate([_sample(side) for side in sides])
    if not len(sample):
        return Stretch((0.0,) * 3, (1.0,) * 3, look.gamma)
    low, high = np.percentile(sample, PERCENTILES, axis=0)
    short = np.maximum(look.least_span - (high - low), 0)
    low, high = low - short / 2, high + short / 2
    return Stretch(_triple(low), _triple(high), look.gamma)


def _triple(values: NDArray) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in values)
    return red, green, blue


def _sample(side: Values) -> NDArray[np.float32]:
    step = max(1, math.ceil(math.sqrt(side.valid.size / SAMPLE)))
    thin = (slice(None, None, step), slice(None, None, step))
    return side.values[thin][side.valid[thin]]
