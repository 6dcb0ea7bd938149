"""From a ChangeMap to ``Detection``s: polygons with area, onset bracket, direction, kind and confidence.

The path: pieces of touching changed pixels → their p-values as regions → Benjamini–Hochberg and the smallest size the
sensors resolve → pieces of one object joined → effects and kind → polygons. Only pixels that the map calls changed are
ever covered: joining makes one detection of several outlines and paints nothing in between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np
import rasterio.features
import shapely
import xarray as xr
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry
from odc.geo.geom import polygon as geo_polygon
from rasterio.transform import Affine
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry import MultiPolygon, Polygon, mapping
from shapely.geometry.base import BaseGeometry

from changedet.effects import Effects, measure, pooled
from changedet.errors import ContractError
from changedet.kinds import Kind, classify
from changedet.pieces import significant_pieces
from changedet.site import Site
from changedet.stack import Periods, check_change, geobox_of, instant

__all__ = ["Detection", "Kind", "Onset", "find_detections"]

JOIN_GAP = 2
"""Pixels: gaps up to so many between pieces are closed, as within one building."""
FACILITY_GAP = 30.0
"""Metres: pieces so near, of the same onset and kind, are one object of a facility."""
OPTICAL_PSF = 0.55
"""Sigma of the point spread function in native pixels of 10 m or coarser: 5.5 m in the 10 m bands."""
RADAR_CELL = (20.0, 22.0)
"""Metres: what Sentinel-1 GRD (IW) resolves in range and azimuth."""
SMALLEST_P = 1e-6
"""Reported p-values stop here: nobody can check the models behind them any further down."""
EDGE = 2000.0
"""Metres: longest straight edge carried to longitude and latitude, so that it bends there by less than 0.2 m."""


@dataclass(frozen=True, slots=True)
class Onset:
    """When it changed: after ``after`` and not later than ``before``, both acquisitions, UTC."""

    after: datetime | None
    """Last acquisition consistent with "before"."""
    before: datetime | None
    """First acquisition consistent with "after"."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One region that changed."""

    number: int
    """1-based; the same on every picture, table and file of a run, most significant first."""
    polygon: Mapping[str, object]
    """GeoJSON geometry (Polygon or MultiPolygon) in longitude, latitude."""
    area: float
    """m²."""
    centroid: tuple[float, float]
    """Longitude, latitude; a point inside the polygon."""
    score: float
    p_value: float
    onset: Onset
    kind: Kind
    directions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By stack key, the signed mean change of each band: reflectance, or dB for radar."""
    scenes: tuple[str, ...] = ()
    """Ids of the scenes of the after-window that show it."""
    zone: str | None = None
    """Name of the zone it meets, where the site file names one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "polygon", MappingProxyType(dict(self.polygon)))
        object.__setattr__(self, "directions", MappingProxyType(dict(self.directions)))


@dataclass(frozen=True, slots=True)
class _Region:
    """Pixels that belong together."""

    pixels: NDArray[np.intp]
    """Flat indices on the map's grid, ascending."""
    log_p: float
    onset: Onset = Onset(None, None)
    kind: Kind | None = None
    """None before it was measured."""
    directions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    scenes: tuple[str, ...] = ()


def find_detections(
    change: xr.Dataset, stacks: Mapping[str, xr.Dataset], maps: Mapping[str, xr.Dataset], site: Site, rate: float
) -> tuple[Detection, ...]:
    """The regions of a ChangeMap that are more than chance, most significant first.

    Parameters
    ----------
    change : the ChangeMap of all sensors together
    stacks, maps : prepared Stacks and their ChangeMaps by key, on the grid of ``change``
    site : gives the periods and the zones
    rate : false-alarm rate: the largest p-value of a flagged pixel; see ``pieces.significant_pieces``

    Raises
    ------
    ContractError
        If ``change`` breaks its contract, or its grid has no coordinate reference system.
    """
    check_change(change)
    geobox = geobox_of(change)
    if geobox.crs is None:
        raise ContractError("change map: its grid has no coordinate reference system")
    periods = Periods(site.before, site.after)
    taken = change.changed.values | ~change.observable.values

    def described(region: _Region) -> _Region:
        return region if region.kind is not None else _described(region, change, stacks, periods, taken)

    shape = (change.sizes["y"], change.sizes["x"])
    pieces = significant_pieces(change, rate, _least_pixels(stacks, geobox))
    regions = [_Region(piece.pixels, piece.log_p) for piece in pieces]
    regions = [described(region) for region in _joined(regions, shape, JOIN_GAP + 1)]
    reach = math.floor(FACILITY_GAP / _pixel_side(geobox)) + 1
    if reach > JOIN_GAP + 1:
        regions = [described(region) for region in _joined(regions, shape, reach, alike=True)]
    regions.sort(key=lambda region: (region.log_p, -len(region.pixels), int(region.pixels[0])))
    score = change.score.values.ravel()
    return tuple(_detection(number, region, score, geobox, site) for number, region in enumerate(regions, start=1))


def _least_pixels(stacks: Mapping[str, xr.Dataset], geobox: GeoBox) -> int:
    """The smallest region the sharpest sensor can show: a point appears as large as its blur at half maximum.

    Optical: the disc of the point spread function's full width at half maximum, 130 m² in the 10 m bands; radar: the
    ellipse of the resolution cell, 350 m².
    """
    side = _pixel_side(geobox)
    areas = []
    for stack in stacks.values():
        if stack.attrs["quantity"] == "gamma0":
            areas.append(math.pi / 4 * RADAR_CELL[0] * RADAR_CELL[1])
        else:
            areas.append(2 * math.log(2) * math.pi * (OPTICAL_PSF * max(side, 10.0)) ** 2)
    return max(1, math.ceil(min(areas, default=0.0) / side**2))


def _joined(regions: list[_Region], shape: tuple[int, int], reach: int, *, alike: bool = False) -> list[_Region]:
    """Regions with pixels at most ``reach`` rows and columns apart made one; ``alike``: of one onset and kind only."""
    if len(regions) < 2:
        return regions
    height, width = shape
    owner = np.full((height + 2 * reach) * (width + 2 * reach), -1, np.int32)
    stride = width + 2 * reach
    places = [_padded(region.pixels, width, reach) for region in regions]
    for i, place in enumerate(places):
        owner[place] = i
    place = np.concatenate(places)
    own = owner[place]
    pairs = [np.empty((0, 2), np.int32)]
    for dy in range(reach + 1):
        for dx in range(-reach if dy else 1, reach + 1):
            other = owner[place + dy * stride + dx]
            met = (other >= 0) & (other != own)
            pairs.append(np.unique(np.stack([own[met], other[met]], axis=1), axis=0))
    edges = np.concatenate(pairs)
    if alike:
        groups = {key: i for i, key in enumerate(dict.fromkeys((r.onset, r.kind) for r in regions))}
        group = np.array([groups[r.onset, r.kind] for r in regions])
        edges = edges[group[edges[:, 0]] == group[edges[:, 1]]]
    graph = coo_array((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(len(regions), len(regions)))
    count, component = connected_components(graph, directed=False)
    members: list[list[_Region]] = [[] for _ in range(count)]
    for region, i in zip(regions, component, strict=True):
        members[i].append(region)
    return [group[0] if len(group) == 1 else _union(group) for group in members]


def _padded(pixels: NDArray[np.intp], width: int, margin: int) -> NDArray[np.intp]:
    rows, cols = np.divmod(pixels, width)
    result: NDArray[np.intp] = (rows + margin) * (width + 2 * margin) + cols + margin
    return result


def _union(group: list[_Region]) -> _Region:
    # Bonferroni over the pieces: the strongest speaks for all, and having had many tries costs
    log_p = min(0.0, min(region.log_p for region in group) + math.log(len(group)))
    return _Region(np.sort(np.concatenate([region.pixels for region in group])), log_p)


def _described(
    region: _Region, change: xr.Dataset, stacks: Mapping[str, xr.Dataset], periods: Periods, taken: NDArray[np.bool_]
) -> _Region:
    """The region with its onset, its direction in every stack, its kind and the scenes that show it."""
    onset = _onset(region.pixels, change)
    directions: dict[str, Mapping[str, float]] = {}
    scenes: list[str] = []
    parts: dict[str, list[Effects]] = {"reflectance": [], "gamma0": []}
    for key in sorted(stacks):
        measured = measure(stacks[key], _dates(stacks[key], periods, onset), region.pixels, taken)
        if measured is None:
            continue
        directions[key] = measured.directions
        parts[measured.quantity].append(measured.effects)
        scenes += measured.scenes
    kind = classify(pooled(parts["reflectance"]) | pooled(parts["gamma0"]))
    once = tuple(dict.fromkeys(part for scene in scenes for part in scene.split("+")))
    return replace(region, onset=onset, kind=kind, directions=directions, scenes=once)


def _onset(pixels: NDArray[np.intp], change: xr.Dataset) -> Onset:
    """The commonest bracket among the pixels, each counted with −log p."""
    after, before = (change[name].values.ravel()[pixels] for name in ("onset_after", "onset_before"))
    p_value = np.nan_to_num(change.p_value.values.ravel()[pixels].astype(np.float64), nan=1.0)
    weight = -np.log(np.clip(p_value, 1e-30, 0.999))
    weight[np.isnat(after) & np.isnat(before)] = 0.0
    brackets, index = np.unique(np.stack([after, before]).view(np.int64), axis=1, return_inverse=True)
    best = int(np.argmax(np.bincount(index.ravel(), weight)))
    return Onset(*(_moment(value) for value in brackets[:, best].view("datetime64[ns]")))


def _moment(value: np.datetime64) -> datetime | None:
    return None if np.isnat(value) else value.astype("datetime64[us]").item().replace(tzinfo=UTC)


def _dates(stack: xr.Dataset, periods: Periods, onset: Onset) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The dates of the reference period before the bracket, and those of the after-window from its end on."""
    before, after = periods.sides(stack)
    times = stack.time.values
    if onset.after is not None:
        early = before & (times <= instant(onset.after))
        before = early if early.any() else before
    if onset.before is not None:
        after = after & (times >= instant(onset.before))
    return before, after


def _pixel_side(geobox: GeoBox) -> float:
    """Metres; the square root of a pixel's area."""
    return math.sqrt(abs(geobox.resolution.x * geobox.resolution.y))


def _detection(number: int, region: _Region, score: NDArray, geobox: GeoBox, site: Site) -> Detection:
    crs = geobox.crs
    assert region.kind is not None
    assert crs is not None
    outline = _outline(region.pixels, geobox)
    lonlat = _to_lonlat(outline, crs)
    point = lonlat.representative_point()
    return Detection(
        number=number,
        polygon=mapping(lonlat),
        area=len(region.pixels) * _pixel_side(geobox) ** 2,
        centroid=(point.x, point.y),
        score=float(np.max(score[region.pixels])),
        p_value=max(SMALLEST_P, math.exp(region.log_p)),
        onset=region.onset,
        kind=region.kind,
        directions=region.directions,
        scenes=region.scenes,
        zone=_zone(outline, crs, site),
    )


def _outline(pixels: NDArray[np.intp], geobox: GeoBox) -> BaseGeometry:
    """The exact outline of pixels on the grid of the geobox, holes kept."""
    rows, cols = np.divmod(pixels, geobox.shape[1])
    top, left = int(rows.min()), int(cols.min())
    mask = np.zeros((int(rows.max()) - top + 1, int(cols.max()) - left + 1), np.uint8)
    mask[rows - top, cols - left] = 1
    # joined at edges only: pixels that touch at a corner would make a ring that crosses itself
    found = rasterio.features.shapes(
        mask, mask=mask.astype(bool), connectivity=4, transform=geobox.affine * Affine.translation(left, top)
    )
    parts = [Polygon(geometry["coordinates"][0], geometry["coordinates"][1:]) for geometry, _ in found]
    outline: BaseGeometry = parts[0] if len(parts) == 1 else MultiPolygon(parts)
    return outline if outline.is_valid else shapely.make_valid(outline)


def _to_lonlat(outline: BaseGeometry, crs: CRS) -> BaseGeometry:
    """In longitude, latitude to 7 decimals (1 cm), exteriors counter-clockwise (RFC 7946)."""
    moved = Geometry(shapely.segmentize(outline, EDGE), crs).to_crs("EPSG:4326").geom
    rounded = shapely.transform(moved, lambda corners: np.round(corners, 7))
    if not rounded.is_valid:
        rounded = shapely.make_valid(rounded)
    return shapely.orient_polygons(rounded)


def _zone(outline: BaseGeometry, crs: CRS, site: Site) -> str | None:
    """The name of the zone that the outline covers most of."""
    best, name = 0.0, None
    for zone in site.zones:
        area = geo_polygon(list(zone.ring()), crs="EPSG:4326").to_crs(crs).geom
        if not area.is_valid:
            area = shapely.make_valid(area)
        shared = outline.intersection(area).area
        if shared > best:
            best, name = shared, zone.name
    return name
