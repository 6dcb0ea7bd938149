"""A footprint as weights on the grid, and how much of what is measured there comes from the object.

Optical: the footprint's coverage blurred by the point spread function. Radar: the footprint blurred by the resolution
cell, beside a ring around it to which it is compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from changedet.site import Ring, ZoneKind

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from shapely.geometry.base import BaseGeometry

Floats = NDArray[np.float32]

OPTICAL_SIGMA = 5.5
"""Metres: point spread of the 10 m bands."""
PIXEL_SIGMA = 10 / math.sqrt(12)
"""Metres: standard deviation of the square pixel over which the blurred image is averaged."""
RADAR_SIGMA = 9.0
"""Metres: a resolution cell of 20 m × 22 m, full width at half maximum."""
FINE = 5
"""Cells a pixel's side on which the coverage is drawn."""
REACH = 2.5
"""Sigmas beyond the footprint at which the weights end."""
RING_INNER, RING_OUTER = 20.0, 70.0
"""Metres beyond the footprint between which its ring lies."""
LEAST_RING = 0.25
"""Share of a ring that must remain when other objects are left out of it."""
BRIGHTEST = 0.30
"""Reflectance by which a structure differs from the ground around it at most, as a rule: a white roof on dry soil."""
FAINTEST = 0.015
"""Reflectance that many dates together can still tell from noise."""
COVER: dict[ZoneKind, float] = {"mast": 0.25, "communications array": 0.25}
"""Share of the ground that open-work structures hide; 1 for all others."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Weights of one footprint in a window of the grid."""

    weights: Floats
    """(h, w), sum 1."""
    ring: Floats
    """(h, w), sum 1: the ground around it."""
    inside: NDArray[np.bool_]
    """(h, w): pixels that the footprint touches."""
    row: int
    column: int
    """Where the window's upper left pixel lies on the grid; may be outside of it."""
    fill: float
    """0–1: the share of the weighted mean that comes from the object itself."""
    diameter: float
    """Metres, of the circle of its area."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the window."""
        return self.weights.shape[0], self.weights.shape[1]


def footprint(ring: Ring, geobox: GeoBox, sigma: float) -> Shape:
    """The weights of a footprint given in longitude, latitude.

    Parameters
    ----------
    sigma : metres, of the point spread: ``OPTICAL_SIGMA`` or ``RADAR_SIGMA``
    """
    from odc.geo.geom import polygon

    outline = polygon(list(ring), crs="EPSG:4326").to_crs(str(geobox.crs), resolution="auto").geom
    return _shape(outline, (geobox.affine.c, geobox.affine.f), abs(float(geobox.resolution.x)), sigma)


def disc(diameter: float, pixel: float, sigma: float) -> Shape:
    """The weights of a round object in the middle of a pixel, for a grid of ``pixel`` metres."""
    from shapely.geometry import Point

    return _shape(Point(pixel / 2, -pixel / 2).buffer(diameter / 2), (0.0, 0.0), pixel, sigma)


def _shape(outline: BaseGeometry, corner: tuple[float, float], pixel: float, sigma: float) -> Shape:
    from affine import Affine
    from rasterio.features import rasterize

    left, low, right, high = outline.bounds
    # by area, so that a sliver has the size it has
    diameter = 2 * math.sqrt(max(outline.area, 1e-6) / math.pi)
    margin = RING_OUTER + pixel
    row = math.floor((corner[1] - high - margin) / pixel)
    column = math.floor((left - margin - corner[0]) / pixel)
    rows = math.ceil((corner[1] - low + margin) / pixel) - row
    columns = math.ceil((right + margin - corner[0]) / pixel) - column
    cell = pixel / FINE
    fine = Affine(cell, 0, corner[0] + column * pixel, 0, -cell, corner[1] - row * pixel)
    shape = (rows * FINE, columns * FINE)
    cover = rasterize([(outline, 1)], shape, transform=fine, all_touched=True, dtype="uint8").astype(np.float64)
    # a small footprint that touches cells has their area; its own is known
    cover *= min(1.0, outline.area / max(float(cover.sum()) * cell * cell, 1e-9))
    blurred = ndimage.gaussian_filter(cover, sigma / cell, truncate=REACH + 1)
    seen = blurred.reshape(rows, FINE, columns, FINE).mean((1, 3))
    weights = np.where(seen > 0.05 * seen.max(), seen, 0)
    fill = float((weights * seen).sum() / weights.sum())
    away = ndimage.distance_transform_edt(cover == 0) * cell
    away = away.reshape(rows, FINE, columns, FINE).mean((1, 3))
    around = ((away >= RING_INNER) & (away <= RING_OUTER)).astype(np.float64)
    inside = cover.reshape(rows, FINE, columns, FINE).any((1, 3))
    return Shape(
        (weights / weights.sum()).astype(np.float32),
        (around / around.sum()).astype(np.float32),
        inside,
        row,
        column,
        fill,
        diameter,
    )


def without(shape: Shape, others: NDArray[np.bool_]) -> Shape:
    """The shape whose ring keeps clear of other objects, where enough of it remains.

    Parameters
    ----------
    others : bool (y, x) of the whole grid: near an object of the claim, this one among them
    """
    rows, columns = shape.size
    window = np.zeros((rows, columns), bool)
    y0, x0 = max(shape.row, 0), max(shape.column, 0)
    part = others[y0 : shape.row + rows, x0 : shape.column + columns]
    window[y0 - shape.row : y0 - shape.row + part.shape[0], x0 - shape.column : x0 - shape.column + part.shape[1]] = (
        part
    )
    ring = np.where(window, np.float32(0), shape.ring)
    if ring.sum() < LEAST_RING:
        return shape
    return replace(shape, ring=ring / ring.sum())


def at(shape: Shape, rows: int, columns: int) -> Shape:
    """The shape moved by whole pixels."""
    return replace(shape, row=shape.row + rows, column=shape.column + columns)


def fill_of_disc(diameter: float) -> float:
    """The share of the weighted optical mean that comes from a small round object: A/(A + 4πσ²), σ with the pixel's.

    The limits are right: A/(4πσ²) for a point, the overlap of two Gaussians, and 1 for a plain.
    """
    area = math.pi * diameter * diameter / 4
    return area / (area + 4 * math.pi * (OPTICAL_SIGMA**2 + PIXEL_SIGMA**2))


def disc_of_fill(fill: float) -> float:
    """Metres across of the disc of this ``fill_of_disc``; infinite from 1 on."""
    return 4 * math.hypot(OPTICAL_SIGMA, PIXEL_SIGMA) * math.sqrt(fill / (1 - fill)) if fill < 1 else math.inf


def geometric_limit(kind: ZoneKind) -> float:
    """Metres across below which no such object can show in 10 m pixels, whatever it is made of.

    Even a structure that differs from the ground by ``BRIGHTEST`` then changes its pixels by less than ``FAINTEST``.
    """
    return disc_of_fill(FAINTEST / BRIGHTEST / COVER.get(kind, 1.0))
