"""The outline of an area from a GeoJSON file (RFC 7946), which is WGS 84 longitude, latitude."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shapely import MultiPolygon, Polygon

from changedet.site import Ring, check_lonlat
from changedet.yamlfile import read_text

MAX_BYTES = 5_000_000
MAX_CORNERS = 10_000
_CRS84 = ("CRS84", "EPSG::4326", "EPSG:4326")


def outline(path: Path) -> Ring:
    """The closed exterior ring of the polygon in a GeoJSON file; holes are ignored.

    Takes a Polygon, MultiPolygon, GeometryCollection, Feature or FeatureCollection. Where several polygons are found,
    the ring is the convex hull of them all.

    Raises
    ------
    ValueError
        With one sentence that says what is wrong.
    """
    try:
        content = json.loads(read_text(path, MAX_BYTES), parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON (line {error.lineno}: {error.msg})") from None
    if isinstance(content, dict) and "crs" in content and not json.dumps(content["crs"]).rstrip('"}').endswith(_CRS84):
        raise ValueError("names a crs; GeoJSON must be in EPSG:4326, longitude and latitude in degrees")
    rings = list(_exteriors(content, 0))
    if not rings:
        raise ValueError("holds no Polygon; draw the area as a polygon")
    if sum(map(len, rings)) > MAX_CORNERS:
        raise ValueError(f"has {sum(map(len, rings))} corners; simplify it to at most {MAX_CORNERS}")
    return _one_ring(rings)


def _no_constant(word: str) -> float:
    raise ValueError(f"holds {word}, which is not a number")


def _exteriors(node: Any, depth: int) -> Iterator[Ring]:
    if not isinstance(node, dict) or depth > 8:
        return
    kind = node.get("type")
    if kind == "FeatureCollection":
        for feature in _list(node.get("features")):
            yield from _exteriors(feature, depth + 1)
    elif kind == "Feature":
        yield from _exteriors(node.get("geometry"), depth + 1)
    elif kind == "GeometryCollection":
        for geometry in _list(node.get("geometries")):
            yield from _exteriors(geometry, depth + 1)
    elif kind in ("Polygon", "MultiPolygon"):
        polygons = [node.get("coordinates")] if kind == "Polygon" else _list(node.get("coordinates"))
        for polygon in polygons:
            rings = _list(polygon)
            yield _ring(rings[0] if rings else None)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _ring(corners: object) -> Ring:
    points: list[tuple[float, float]] = []
    for corner in _list(corners):
        numbers = _list(corner)[:2]
        if len(numbers) < 2 or not all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in numbers):
            raise ValueError("has a corner that is not [longitude, latitude]")
        points.append(check_lonlat((float(numbers[0]), float(numbers[1]))))
    if points and points[0] != points[-1]:
        points.append(points[0])
    if len(points) < 4:
        raise ValueError("has a polygon with fewer than three corners")
    return tuple(points)


def _one_ring(rings: list[Ring]) -> Ring:
    if len(rings) == 1:
        if not Polygon(rings[0]).is_valid:
            raise ValueError("has an outline that crosses or touches itself; draw it anew")
        return rings[0]
    hull = MultiPolygon([Polygon(ring) for ring in rings]).convex_hull
    if not isinstance(hull, Polygon):
        raise ValueError("has polygons that enclose no area")
    return tuple((float(x), float(y)) for x, y in hull.exterior.coords)
