"""Adds up the pixels of a footprint, at the object and at every control place, on every date."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numba import njit, prange
from numpy.typing import NDArray

from changedet.objects.shapes import LEAST_RING, Shape
from changedet.stack import band_names

Floats = NDArray[np.float32]

LEAST_SEEN = 0.8
"""Share of the weights that must be valid on a date."""
RING_NOISE = 0.003
"""Variance of ln of a ring's mean power by speckle alone: what keeps a footprint's answer to its ring near one."""


@dataclass(frozen=True, slots=True)
class Series:
    """What the footprint measures at several places."""

    values: Floats
    """(bands, time, places): reflectance, or ln of the footprint's mean power less its ring's; 0 where unseen."""
    mask: Floats
    """(time, places), 0 or 1."""
    ground: Floats | None = None
    """(bands, time): ln of what the ground around the places did on each date, at the median; None for optical."""

    def at(self, places: NDArray) -> Series:
        """Some of the places."""
        return Series(
            np.ascontiguousarray(self.values[:, :, places]),
            np.ascontiguousarray(self.mask[:, places]),
            self.ground,
        )


@dataclass(frozen=True, slots=True)
class Planes:
    """The pixels of a stack as they are added up."""

    bands: tuple[Floats, ...]
    """(time, y, x), 0 where not valid."""
    valid: Floats
    """(time, y, x), 0 or 1."""
    radar: bool
    steady: Floats | None = None
    """(y, x), 1 where a ring may lie and 0 where something changed; None: anywhere."""

    def over(self, dates: NDArray) -> Planes:
        """The mean of some dates, as if it were one; pixels that none of them shows stay invalid."""
        count = self.valid[dates].sum(0)
        means = tuple((band[dates].sum(0) / np.maximum(count, 1))[None] for band in self.bands)
        return Planes(means, (count > 0).astype(np.float32)[None], self.radar, self.steady)


def planes_of(stack: xr.Dataset) -> Planes:
    """The pixels of a stack."""
    valid = stack.valid.values
    bands = tuple(np.where(valid, stack[name].values, np.float32(0)) for name in band_names(stack))
    return Planes(bands, valid.astype(np.float32), stack.attrs["quantity"] == "gamma0")


def clear(planes: Planes, shape: Shape, places: NDArray) -> NDArray[np.bool_]:
    """Whether enough of the footprint, and for radar of its ring, is valid: (time, places)."""
    seen = _sums(planes.valid, shape.weights, places) >= LEAST_SEEN
    if planes.radar:
        seen &= _ring(planes, shape, places)[0] >= LEAST_SEEN
    return seen


def measure(planes: Planes, shape: Shape, places: NDArray, reference: NDArray | None = None) -> Series:
    """The series of a footprint whose window lies at each of ``places``.

    Radar is the ln of the footprint's mean power less β times that of its ring, β fitted over the reference dates and
    drawn towards 1: rain brightens soil but not a roof, and the difference alone would carry every shower.

    Parameters
    ----------
    places : (K, 2), row and column of the window's upper left pixel; may lie outside in part
    reference : dates from which β is fitted; without, β is 1
    """
    mask = clear(planes, shape, places)
    share = np.maximum(_sums(planes.valid, shape.weights, places), np.float32(1e-6))
    values = np.stack([_sums(band, shape.weights, places) / share for band in planes.bands])
    ground = None
    if planes.radar:
        _, ring = _ring(planes, shape, places)
        mask &= (values > 0).all(0) & (ring > 0).all(0)
        own, around = np.log(np.where(mask, values, 1)), np.log(np.where(mask, ring, 1))
        values, ground = own - around, _shared(around, mask)
        if reference is not None:
            values += (1 - _answer(own, around, mask, reference)) * (around - _mean(around, mask, reference))
    return Series(np.asarray(values * mask, np.float32), mask.astype(np.float32), ground)


def _shared(around: Floats, mask: NDArray[np.bool_]) -> Floats:
    """The median over the places that are seen, (bands, time); 0 on dates that show none."""
    out = np.zeros(around.shape[:2], np.float32)
    for t in np.flatnonzero(mask.any(1)):
        out[:, t] = np.median(around[:, t, mask[t]], axis=1)
    return out


def _ring(planes: Planes, shape: Shape, places: NDArray) -> tuple[Floats, Floats]:
    """Share of each place's ring that is valid (time, places), and its mean (bands, time, places).

    What changed in the ring is left out where enough of it remains: a tank that was lost next door would else look like
    a gain of the object.
    """
    share = _sums(planes.valid, shape.ring, places)
    total = np.stack([_sums(band, shape.ring, places) for band in planes.bands])
    if planes.steady is not None:
        whole = _sums(planes.steady[None], shape.ring, places)
        enough = whole >= LEAST_RING
        valid = _sums(planes.valid * planes.steady, shape.ring, places)
        parts = np.stack([_sums(band * planes.steady, shape.ring, places) for band in planes.bands])
        share = np.where(enough, valid / np.maximum(whole, np.float32(1e-6)), share)
        total = np.where(enough, parts / np.maximum(whole, np.float32(1e-6)), total)
    return share, np.asarray(total / np.maximum(share, np.float32(1e-6)), np.float32)


def _mean(values: Floats, mask: NDArray[np.bool_], dates: NDArray) -> NDArray:
    weight = mask[dates]
    return np.asarray((values[:, dates] * weight).sum(1) / np.maximum(weight.sum(0), 1))[:, None]


def _answer(own: Floats, around: Floats, mask: NDArray[np.bool_], dates: NDArray) -> NDArray:
    """How a footprint follows its ring over some dates, (bands, 1, places)."""
    weight = mask[dates]
    x = (around[:, dates] - _mean(around, mask, dates)) * weight
    y = (own[:, dates] - _mean(own, mask, dates)) * weight
    prior = RING_NOISE * np.maximum(weight.sum(0), 1)
    return np.asarray(((x * y).sum(1) + prior) / ((x * x).sum(1) + prior))[:, None]


def ring_means(planes: Planes, shape: Shape, place: NDArray) -> Series:
    """The mean of the ring around one place, as a Series of one."""
    share = _sums(planes.valid, shape.ring, place)
    values = np.stack([_sums(band, shape.ring, place) / np.maximum(share, 1e-6) for band in planes.bands])
    mask = (share >= 0.3).astype(np.float32)
    return Series(np.asarray(values * mask, np.float32), mask)


def _sums(plane: Floats, weights: Floats, places: NDArray) -> Floats:
    """Weighted sums (time, places)."""
    ys, xs = np.nonzero(weights)
    out = np.empty((plane.shape[0], len(places)), np.float32)
    offsets = np.stack([ys, xs], 1).astype(np.int64)
    _gather(np.ascontiguousarray(plane), np.ascontiguousarray(places, np.int64), offsets, weights[ys, xs], out)
    return out


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _gather(plane: Floats, places: NDArray, offsets: NDArray, weights: Floats, out: Floats) -> None:
    dates, height, width = plane.shape
    many = offsets.shape[0]
    low, left = offsets[:, 0].min(), offsets[:, 1].min()
    high, right = offsets[:, 0].max(), offsets[:, 1].max()
    steps = offsets[:, 0] * width + offsets[:, 1]
    for t in prange(dates):
        flat = plane[t].ravel()
        for k in range(places.shape[0]):
            y, x = places[k, 0], places[k, 1]
            total = np.float32(0)
            if y + low >= 0 and x + left >= 0 and y + high < height and x + right < width:
                start = y * width + x
                for n in range(many):
                    total += weights[n] * flat[start + steps[n]]
            else:
                for n in range(many):
                    row, column = y + offsets[n, 0], x + offsets[n, 1]
                    if 0 <= row < height and 0 <= column < width:
                        total += weights[n] * flat[row * width + column]
            out[t, k] = total
