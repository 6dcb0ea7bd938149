"""A map of the sites without foreign tiles: a graticule, and a spot for each site.

Plate carrée, stretched so that a degree of longitude has its true length at the middle latitude.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

WIDTH = 1200.0
LEAST_HEIGHT, LARGEST_HEIGHT = 320.0, 480.0
MARGIN = 0.12
"""Of the extent of the sites, on each side."""
LEAST_DEGREES = 2.0
"""Extent of the map where there is one site only."""
STEPS = (0.25, 0.5, 1, 2, 5, 10, 15, 30, 45)
"""Degrees between lines."""
MOST_LINES = 9
EDGE = 50.0
"""Room for a label at the far ends of the map."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a site lies on the map."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the graticule and its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class WorldMap:
    """A map in units of its own width and height."""

    width: float
    height: float
    meridians: tuple[Line, ...]
    parallels: tuple[Line, ...]
    spots: Mapping[str, Spot]


def world_map(sites: Mapping[str, tuple[float, float]]) -> WorldMap:
    """A map of the places (longitude, latitude) by id."""
    lons = [lon for lon, _ in sites.values()] or [0.0]
    lats = [lat for _, lat in sites.values()] or [0.0]
    west, east = _widened(min(lons), max(lons), 180.0)
    south, north = _widened(min(lats), max(lats), 90.0)
    stretch = math.cos(math.radians((south + north) / 2))
    height = WIDTH * (north - south) / ((east - west) * stretch)
    if height > LARGEST_HEIGHT:
        more = (north - south) * WIDTH / (LARGEST_HEIGHT * stretch) - (east - west)
        west, east, height = west - more / 2, east + more / 2, LARGEST_HEIGHT
    elif height < LEAST_HEIGHT:
        more = (east - west) * stretch * LEAST_HEIGHT / WIDTH - (north - south)
        south, north, height = south - more / 2, north + more / 2, LEAST_HEIGHT

    def x(lon: float) -> float:
        return round((lon - west) / (east - west) * WIDTH, 1)

    def y(lat: float) -> float:
        return round((north - lat) / (north - south) * height, 1)

    return WorldMap(
        WIDTH,
        round(height, 1),
        _graticule(west, east, 180, (x, WIDTH - EDGE, "E", "W")),
        _graticule(south, north, 90, (y, height - EDGE, "N", "S")),
        {site: Spot(x(lon), y(lat)) for site, (lon, lat) in sites.items()},
    )


def _widened(low: float, high: float, limit: float) -> tuple[float, float]:
    more = max(MARGIN * (high - low), (LEAST_DEGREES - (high - low)) / 2)
    return max(low - more, -limit), min(high + more, limit)


def _graticule(
    low: float, high: float, limit: float, drawn: tuple[Callable[[float], float], float, str, str]
) -> tuple[Line, ...]:
    """Lines whose labels have room on the map."""
    place, most, positive, negative = drawn
    lines = (Line(place(at), _label(at, positive, negative)) for at in _lines(low, high) if abs(at) <= limit)
    return tuple(line for line in lines if EDGE / 2 <= line.at <= most)


def _lines(low: float, high: float) -> list[float]:
    step = next((s for s in STEPS if (high - low) / s <= MOST_LINES), STEPS[-1])
    first = math.ceil(low / step)
    return [i * step for i in range(first, math.floor(high / step) + 1)]


def _label(degrees: float, positive: str, negative: str) -> str:
    if degrees == 0:
        return "0°"
    return f"{abs(degrees):g}° {positive if degrees > 0 else negative}"
