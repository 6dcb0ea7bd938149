"""Adds up the pixels of a footprint, at the object and at every control place, on every date."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numba import njit, prange
from numpy.typing import NDArray

from changedet.objects.shapes import Shape
from changedet.stack import band_names

Floats = NDArray[np.float32]

LEAST_SEEN = 0.8
"""Share of the weights that must be valid on a date."""


@dataclass(frozen=True, slots=True)
class Series:
    """What the footprint measures at several places."""

    values: Floats
    """(bands, time, places): reflectance, or ln of the footprint's mean power over that of its ring; 0 where unseen."""
    mask: Floats
    """(time, places), 0 or 1."""

    def at(self, places: NDArray) -> Series:
        """Some of the places."""
        return Series(
            np.ascontiguousarray(self.values[:, :, places]),
            np.ascontiguousarray(self.mask[:, places]),
        )


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _gather(
    plane: Floats, valid: NDArray[np.bool_], places: NDArray, weights: Floats, out: Floats, seen: Floats
) -> None:
    dates, height, width = plane.shape
    h, w = weights.shape
    for k in prange(places.shape[0]):
        top, left = places[k, 0], places[k, 1]
        for t in range(dates):
            total, share = np.float32(0), np.float32(0)
            for y in range(max(0, -top), min(h, height - top)):
                for x in range(max(0, -left), min(w, width - left)):
                    weight = weights[y, x]
                    if weight > 0 and valid[t, top + y, left + x]:
                        total += weight * plane[t, top + y, left + x]
                        share += weight
            out[t, k] = total / share if share > 0 else np.float32(0)
            seen[t, k] = share


def planes_of(stack: xr.Dataset) -> tuple[Floats, ...]:
    """The bands of a stack as contiguous arrays (time, y, x)."""
    return tuple(np.ascontiguousarray(stack[name].values) for name in band_names(stack))


def measure(planes: tuple[Floats, ...], valid: NDArray[np.bool_], shape: Shape, places: NDArray, radar: bool) -> Series:
    """The series of a footprint whose window lies at each of ``places``.

    Parameters
    ----------
    planes, valid : (time, y, x)
    places : (K, 2), row and column of the window's upper left pixel
    radar : ln(mean power in the footprint) − ln(mean in its ring), in place of the mean
    """
    size = (planes[0].shape[0], len(places))
    values = np.zeros((len(planes), *size), np.float32)
    seen, around, ring = np.zeros(size, np.float32), np.zeros(size, np.float32), np.zeros(size, np.float32)
    mask = np.ones(size, bool)
    places = np.ascontiguousarray(places, np.int64)
    for b, plane in enumerate(planes):
        _gather(plane, valid, places, shape.weights, values[b], seen)
        mask &= seen >= LEAST_SEEN
        if radar:
            _gather(plane, valid, places, shape.ring, ring, around)
            mask &= (around >= LEAST_SEEN) & (values[b] > 0) & (ring > 0)
            values[b] = np.log(np.where(mask, values[b], 1)) - np.log(np.where(mask, ring, 1))
    values *= mask
    return Series(values, mask.astype(np.float32))


def ring_means(planes: tuple[Floats, ...], valid: NDArray[np.bool_], shape: Shape, place: NDArray) -> Series:
    """The mean of the ring around one place, as a Series of one."""
    values = np.zeros((len(planes), planes[0].shape[0], 1), np.float32)
    seen = np.zeros(values.shape[1:], np.float32)
    for b, plane in enumerate(planes):
        _gather(plane, valid, np.ascontiguousarray(place, np.int64), shape.ring, values[b], seen)
    mask = (seen >= 0.3).astype(np.float32)
    return Series(values * mask, mask)
