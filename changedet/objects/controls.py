"""Places to compare an object with: the same shape elsewhere on the site, alike in brightness, texture and cover.

What they are matched on is taken from the reference period alone, so the choice knows nothing of the event.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from changedet.objects.shapes import Shape

NEAREST, FARTHEST = 300.0, 5000.0
"""Metres from the object."""
LEAST, MOST = 200, 250
CANDIDATES = 1400
GAP = 40.0
"""Metres kept from every object of the claim, beyond its outline and half the control's own size."""
SEEN_ALIKE = 0.8
"""Share of the object's clear dates on which a control must be clear as well."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where controls may lie."""

    shape: tuple[int, int]
    """Rows and columns of the grid."""
    pixel: float
    """Metres."""
    away: NDArray[np.float64]
    """(y, x): metres to the nearest object of the claim."""


def field(shape: tuple[int, int], pixel: float, objects: NDArray[np.bool_]) -> Field:
    """The grid and where the claim's objects lie on it.

    Parameters
    ----------
    objects : bool (y, x)
    """
    if not objects.any():
        return Field(shape, pixel, np.full(shape, np.inf))
    return Field(shape, pixel, ndimage.distance_transform_edt(~objects) * pixel)


def candidates(shape: Shape, where: Field) -> NDArray[np.int64]:
    """Shifts (rows, columns) of the footprint to places that may serve, at most ``CANDIDATES``, evenly spread."""
    # footprints that overlap tell the same thing twice; half overlapping ones are taken where there is no room
    for spacing in (max(shape.diameter, 3 * where.pixel), max(shape.diameter / 2, 2 * where.pixel)):
        step = max(1, round(spacing / where.pixel))
        found = _grid(_box(shape), where, step, shape.diameter, (NEAREST, FARTHEST))
        if len(found) >= 2 * LEAST:
            break
    return found[:: math.ceil(len(found) / CANDIDATES)] if len(found) > CANDIDATES else found


def _grid(
    box: tuple[int, int, int, int], where: Field, step: int, diameter: float, reach: tuple[float, float]
) -> NDArray[np.int64]:
    top, bottom, left, right = box
    height, width = where.shape
    down = np.arange(-(top // step) * step, height - bottom, step)
    across = np.arange(-(left // step) * step, width - right, step)
    dy, dx = (a.ravel() for a in np.meshgrid(down, across, indexing="ij"))
    middle = (top + bottom) // 2 + dy, (left + right) // 2 + dx
    inside = (top + dy >= 0) & (left + dx >= 0) & (bottom + dy < height) & (right + dx < width)
    inside &= (middle[0] >= 0) & (middle[1] >= 0) & (middle[0] < height) & (middle[1] < width)
    dy, dx, middle = dy[inside], dx[inside], (middle[0][inside], middle[1][inside])
    far = np.hypot(dy, dx) * where.pixel
    good = (far >= reach[0]) & (far <= reach[1]) & (where.away[middle] >= diameter / 2 + GAP)
    return np.stack([dy[good], dx[good]], 1).astype(np.int64)


def anywhere(shape: Shape, where: Field) -> NDArray[np.int64]:
    """Shifts of a footprint to places all over the grid, clear of the claim's objects."""
    step = max(1, round(max(shape.diameter, 3 * where.pixel) / where.pixel))
    return _grid(_box(shape), where, step, shape.diameter, (0.0, np.inf))


def _box(shape: Shape) -> tuple[int, int, int, int]:
    """First and last row, first and last column of the footprint and two pixels around it."""
    rows, columns = (np.flatnonzero(shape.inside.any(axis=axis)) for axis in (1, 0))
    return (
        shape.row + int(rows[0]) - 2,
        shape.row + int(rows[-1]) + 2,
        shape.column + int(columns[0]) - 2,
        shape.column + int(columns[-1]) + 2,
    )


def comparable(mask: NDArray[np.bool_], reference: NDArray, window: NDArray) -> NDArray[np.bool_]:
    """Which controls (all but the first place) are seen on nearly all dates on which the object is.

    Parameters
    ----------
    mask : (time, places)
    """
    good = np.ones(mask.shape[1] - 1, bool)
    for dates in (reference, window):
        own = mask[dates, 0]
        good &= mask[dates][own][:, 1:].sum(0) >= SEEN_ALIKE * own.sum()
    return good


def nearest(features: NDArray[np.float64], usable: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The controls most like the object: at least ``LEAST`` where there are so many, at most ``MOST``.

    Parameters
    ----------
    features : (1 + K, features), the object's first
    usable : (K,)

    Returns
    -------
    positions among the K controls, the most alike first
    """
    if not usable.any():
        return np.empty(0, np.intp)
    others = features[1:][usable]
    middle = np.median(others, axis=0)
    spread = 1.4826 * np.median(np.abs(others - middle), axis=0) + 0.05 * np.abs(middle) + 1e-6
    distance = (((others - features[0]) / spread) ** 2).mean(1)
    wanted = min(max(LEAST, len(others) // 4), MOST)
    return np.flatnonzero(usable)[np.argsort(distance, kind="stable")[:wanted]]


def texture_at(image: NDArray[np.float64], shape: Shape, shifts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Standard deviation of an image within the window's footprint and a pixel around it, at each shift."""
    near = ndimage.binary_dilation(shape.inside, iterations=1)
    ys, xs = np.nonzero(near)
    height, width = image.shape
    rows = np.clip(shape.row + ys[None, :] + shifts[:, :1], 0, height - 1)
    columns = np.clip(shape.column + xs[None, :] + shifts[:, 1:], 0, width - 1)
    pixels = image[rows, columns]
    pixels = np.where(np.isfinite(pixels), pixels, np.nanmean(image) if np.isfinite(image).any() else 0.0)
    return np.asarray(pixels.std(axis=1))
