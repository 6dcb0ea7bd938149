"""An object and its controls in one stack: which places are compared, and their series on the dates that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet.claim import ClaimedObject
from changedet.objects import controls, shapes
from changedet.objects.scan import LEAST_PLACEBOS, MIN_AFTER, MIN_BEFORE, Scan, scan
from changedet.objects.series import Planes, Series, clear, measure, planes_of, ring_means
from changedet.objects.steady import steady
from changedet.stack import Periods, band_names, geobox_of, ring_mask

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class View:
    """One stack, ready to be summed over."""

    stack: xr.Dataset
    planes: Planes
    reference: NDArray[np.intp]
    window: NDArray[np.intp]
    lead: Planes
    """One band of the reference period."""
    usual: Planes
    """The mean of the reference period."""
    image: Doubles
    """(y, x): one band of it, for texture."""

    @property
    def radar(self) -> bool:
        """Whether it is radar."""
        return bool(self.stack.attrs["quantity"] == "gamma0")

    @property
    def key(self) -> str:
        """The name of the stack in the run."""
        return str(self.stack.attrs["key"])

    @property
    def sensor(self) -> str:
        """Its sensor."""
        return str(self.stack.attrs["sensor"])

    @property
    def sigma(self) -> float:
        """Metres, of its point spread."""
        return shapes.RADAR_SIGMA if self.radar else shapes.OPTICAL_SIGMA


@dataclass(frozen=True, slots=True)
class Seen:
    """One object in one stack."""

    view: View
    shape: shapes.Shape
    series: Series
    """On the dates on which the object is seen; it comes first, then its controls."""
    scanned: Scan | None

    def mean_of(self, dates: NDArray) -> Doubles:
        """Mean of the object's values over its clear dates among some: (bands,), 0 where there is none."""
        mask = self.series.mask[dates, 0]
        total = (self.series.values[:, dates, 0] * mask).sum(1)
        return np.asarray(total / max(float(mask.sum()), 1.0), np.float64)


def view_of(stack: xr.Dataset, periods: Periods) -> View | None:
    """A stack ready to be summed over; None where it has no date in the reference period."""
    before, after = (np.flatnonzero(side) for side in periods.sides(stack))
    if not len(before):
        return None
    planes = planes_of(stack)
    if planes.radar:
        planes = replace(planes, steady=steady(planes, before, after))
    usual = planes.over(before)
    names = band_names(stack)
    band = names.index("nir") if "nir" in names else 0
    lead = Planes((planes.bands[band][before],), planes.valid[before], planes.radar, planes.steady)
    image = usual.bands[band][0].astype(np.float64)
    image = np.where(usual.valid[0] > 0, np.log(np.maximum(image, 1e-6)) if planes.radar else image, np.nan)
    return View(stack, planes, before, after, lead, usual, image)


def field_of(objects: Sequence[ClaimedObject], stack: xr.Dataset) -> controls.Field:
    """Where the objects lie on the grid of a stack, and where controls may."""
    geobox = geobox_of(stack)
    mask = np.zeros(geobox.shape, bool)
    for one in objects:
        mask |= ring_mask(one.ring(), geobox)
    return controls.field((int(geobox.shape[0]), int(geobox.shape[1])), abs(float(geobox.resolution.x)), mask)


def pick(views: list[View], outlines: list[shapes.Shape], shifts: NDArray[np.int64]) -> NDArray[np.intp]:
    """Positions of the controls among the candidates."""
    usable = np.ones(len(shifts), bool)
    parts = []
    for view, shape in zip(views, outlines, strict=True):
        places = places_of(shape, shifts)
        mask = clear(view.planes, shape, places)
        if not mask[view.reference, 0].any():
            continue
        usable &= controls.comparable(mask, view.reference, view.window)
        texture = controls.texture_at(view.image, shape, np.concatenate([np.zeros((1, 2), np.int64), shifts]))
        mean = measure(view.usual, shape, places).values[:, 0].T
        parts.append(np.column_stack([mean.astype(np.float64), texture, _wander(view.lead, shape, places)]))
    if not parts:
        return np.empty(0, np.intp)
    return controls.nearest(np.concatenate(parts, axis=1), usable)


def _wander(lead: Planes, shape: shapes.Shape, places: NDArray[np.int64]) -> Doubles:
    """ln of the standard deviation over time of one band, less what all places share: (places, 2 equal columns).

    A roof with its shadows is more restless than sand; it counts twice among what places are matched on.
    """
    series = measure(lead, shape, places)
    mask = series.mask > 0
    values = np.where(mask, series.values[0], np.nan)
    shared = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else 0.0 for row in values])
    values = np.where(mask, values - shared[:, None], 0)
    count = np.maximum(mask.sum(0), 1)
    mean = values.sum(0) / count
    spread = np.sqrt((np.where(mask, values - mean, 0) ** 2).sum(0) / count)
    return np.repeat(np.log(np.maximum(spread, 1e-4))[:, None], 2, axis=1)


def places_of(shape: shapes.Shape, shifts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the object itself, then of its controls."""
    corner = np.array([[shape.row, shape.column]], np.int64)
    return np.concatenate([corner, corner + shifts])


def look_at(view: View, shape: shapes.Shape, shifts: NDArray[np.int64]) -> Seen:
    """The scan of an object and its controls, on the dates on which the object is seen."""
    series = measure(view.planes, shape, places_of(shape, shifts), view.reference)
    own = series.mask[:, :1]
    series = replace(series, values=series.values * own, mask=series.mask * own)
    reference = view.reference[own[view.reference, 0] > 0]
    window = view.window[own[view.window, 0] > 0]
    if len(reference) < MIN_BEFORE + MIN_AFTER or len(window) < MIN_AFTER or len(shifts) < LEAST_PLACEBOS:
        return Seen(view, shape, series, None)
    return Seen(view, shape, series, scan(series, view.stack.time.values, reference, window))


def means_of(each: Seen, dates: NDArray) -> tuple[Doubles, Doubles]:
    """Mean over the object's clear dates of its footprint and of the ring around it: (bands,) each."""
    ring = ring_means(each.view.planes, each.shape, np.array([[each.shape.row, each.shape.column]]))
    mask = each.series.mask[dates, 0]
    both = mask * ring.mask[dates, 0] if (mask * ring.mask[dates, 0]).any() else mask
    weight = both / max(float(both.sum()), 1.0)
    own = (each.series.values[:, dates, 0] * weight).sum(1)
    ground = (ring.values[:, dates, 0] * weight).sum(1)
    return own.astype(np.float64), ground.astype(np.float64)
