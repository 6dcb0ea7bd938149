"""Brings every date of an optical stack onto the radiometry of one reference date.

Haze, sun height and the sensor's own calibration change each band of a date about linearly over an area. Gain and
offset are those of the line through the stable pixels by orthogonal regression, since both dates carry noise (Canty &
Nielsen 2008, Remote Sensing of Environment 112, 1025-1036). Stable are the pixels that lie nearest to the line in all
bands at once; which they are and where the line lies is settled by turns.

``pair``, ``mad``, ``cva`` and ``scan`` need none of this: a gain or an offset of a whole date changes nothing for them.
As a step of the pipeline it found the same on the demo and no more on the labelled cities of the OSCD set (AUROC of
``pair`` 0.936 against 0.937), so it is no such step. It is for whoever compares reflectances themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from changedet.errors import ContractError
from changedet.prepare.coregister import reference_date
from changedet.stack import band_names, check_stack
from changedet.values import Frozen

Mask = NDArray[np.bool_]
MOST_PIXELS = 100_000
ROUNDS = 8
STABLE = 0.5
"""Share of the pixels that the line is fitted to; the other half may have changed."""


class Config(Frozen):
    """When a line through the stable pixels is believed."""

    least_pixels: int = Field(default=200, ge=10, description="seen on both dates, outside what is ignored")
    least_correlation: float = Field(default=0.7, ge=0, le=1, description="of the stable pixels, in each band")


@dataclass(frozen=True, slots=True)
class Line:
    """Reflectance of the reference = gain × reflectance of the date + offset, per band."""

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    correlation: NDArray[np.float64]
    """Of the stable pixels."""


def normalise(
    stack: xr.Dataset, config: Config | None = None, *, reference: int | None = None, ignore: Mask | None = None
) -> xr.Dataset:
    """Every date in the radiometry of one.

    Parameters
    ----------
    stack : optical, dates on one grid to a fraction of a pixel
    reference : index of the reference date; by default the date with the most valid pixels, the earliest of equals
    ignore : (y, x), True where changes are expected, such as the facility

    Returns
    -------
    The stack with coordinates per time and band: ``gain_red``, ``offset_red``, …; gain 1 and offset 0 for the
    reference, NaN where no line could be believed, and that date is left as it was.

    Raises
    ------
    ContractError
        For a radar stack, and when ``reference`` is not the index of a date.
    """
    config = config or Config()
    key, dates = stack.attrs.get("key", "?"), stack.sizes["time"]
    if stack.attrs.get("quantity") != "reflectance":
        raise ContractError(f"stack {key}: only reflectance is normalised, not {stack.attrs.get('quantity')}")
    valid = stack.valid.values
    reference = reference_date(stack, reference)
    names = band_names(stack)
    gains, offsets = (np.full((dates, len(names)), fill, np.float32) for fill in (1, 0))
    for i in range(dates):
        if i == reference:
            continue
        both = valid[reference] & valid[i] & (True if ignore is None else ~ignore)
        line = stable_line(_pixels(stack, names, i, both), _pixels(stack, names, reference, both), config)
        gains[i], offsets[i] = (np.nan, np.nan) if line is None else (line.gain, line.offset)
    known = np.isfinite(gains)
    scale, shift = np.where(known, gains, np.float32(1)), np.where(known, offsets, np.float32(0))
    corrected = {
        name: (stack[name].dims, stack[name].values * scale[:, b, None, None] + shift[:, b, None, None])
        for b, name in enumerate(names)
    }
    coords = {f"gain_{name}": ("time", gains[:, b]) for b, name in enumerate(names)}
    coords |= {f"offset_{name}": ("time", offsets[:, b]) for b, name in enumerate(names)}
    return check_stack(stack.assign(corrected).assign_coords(coords))


def _pixels(stack: xr.Dataset, names: tuple[str, ...], date: int, both: Mask) -> NDArray[np.float64]:
    """(bands, pixels), evenly spaced ones of ``both``."""
    flat = np.flatnonzero(both)
    flat = flat[:: max(1, -(-flat.size // MOST_PIXELS))]
    return np.stack([stack[name].values[date].reshape(-1)[flat] for name in names]).astype(np.float64)


def stable_line(date: NDArray[np.float64], reference: NDArray[np.float64], config: Config) -> Line | None:
    """The line through the stable pixels, both (bands, pixels); None where there are too few or they do not agree."""
    if date.shape[1] < config.least_pixels:
        return None
    stable = np.ones(date.shape[1], bool)
    line = _first_line(date, reference)
    for _ in range(ROUNDS):
        apart = reference - line.gain[:, None] * date - line.offset[:, None]
        spread = 1.4826 * np.median(np.abs(apart), axis=1) + 1e-9
        distance = (np.square(apart / spread[:, None])).sum(axis=0)
        stable = distance <= np.quantile(distance, STABLE)
        line = _orthogonal(date[:, stable], reference[:, stable])
    return line if bool((line.correlation >= config.least_correlation).all()) else None


def _first_line(date: NDArray[np.float64], reference: NDArray[np.float64]) -> Line:
    """Gain from the spread between quartiles, which a change of less than a quarter of the area moves little."""
    low, middle, high = np.quantile(date, (0.25, 0.5, 0.75), axis=1)
    low_r, middle_r, high_r = np.quantile(reference, (0.25, 0.5, 0.75), axis=1)
    gain = np.where(high - low > 1e-9, (high_r - low_r) / np.maximum(high - low, 1e-9), 1.0)
    return Line(gain, middle_r - gain * middle, np.ones_like(gain))


def _orthogonal(date: NDArray[np.float64], reference: NDArray[np.float64]) -> Line:
    """Per band, the major axis of the scatter."""
    mean, mean_r = date.mean(axis=1), reference.mean(axis=1)
    x, y = date - mean[:, None], reference - mean_r[:, None]
    xx, yy, xy = (x * x).mean(axis=1), (y * y).mean(axis=1), (x * y).mean(axis=1)
    correlation = xy / np.maximum(np.sqrt(xx * yy), 1e-15)
    flat = np.abs(xy) < 1e-15
    gain = np.where(flat, 1.0, (yy - xx + np.hypot(yy - xx, 2 * xy)) / np.where(flat, 1.0, 2 * xy))
    return Line(gain, mean_r - gain * mean, correlation)
