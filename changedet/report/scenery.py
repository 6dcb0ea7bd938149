"""One pair of sides over one window, as panels: what the composites and the close-ups have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from PIL import Image
from shapely.geometry.base import BaseGeometry

from changedet.evidence import Evidence
from changedet.regions import Detection
from changedet.report import pictures, words
from changedet.report.choose import WHOLE, Pair, Window
from changedet.report.pictures import Box, Pen, Type
from changedet.report.sheet import NARROWEST, Mark, Panel
from changedet.report.stretch import Rendition, Stretch, Values, Zoom, block_sum, joint_stretch, side_values
from changedet.scene import Scene
from changedet.stack import geobox_of

RED_CYAN = (((232, 60, 52), "weaker echo after"), ((0, 205, 215), "stronger echo after"))
CROWDED = 16
"""Detections from which on their numbers are written smaller."""
Legend = tuple[tuple[Mark, str], ...]


@dataclass(frozen=True, slots=True)
class View:
    """What to draw: the dates, the colours, the window and how its pixels become points."""

    pair: Pair
    look: Rendition
    zoom: Zoom
    window: Window = WHOLE
    narrowest: int = NARROWEST


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of a view in values, and the one stretch for both."""

    before: Values
    after: Values
    stretch: Stretch


def sides(evidence: Evidence, view: View, stretch: Stretch | None = None) -> Sides:
    """Read both sides; without a ``stretch``, one is fitted to both."""
    stack = evidence.stacks[view.pair.key]
    before, after = (
        side_values(stack, times, view.look, view.window, view.zoom.reduce)
        for times in (view.pair.before, view.pair.after)
    )
    return Sides(before, after, stretch or joint_stretch((before, after), view.look))


def plain_panel(side: Values, stretch: Stretch, view: View) -> NDArray[np.uint8]:
    """Points (y, x, 3) of one side, hatched where it shows nothing."""
    picture = pictures.enlarge(stretch.apply(side.values), view.zoom.enlarge)
    pictures.cover(picture, pictures.enlarge(~side.valid, view.zoom.enlarge), period_of(picture.shape[1], view))
    return picture


def red_cyan_panel(both: Sides, view: View) -> NDArray[np.uint8]:
    """Points of before in red against after in green and blue, through the same stretch."""
    before, after = (both.stretch.apply(side.values) for side in (both.before, both.after))
    picture = pictures.enlarge(np.concatenate([before[..., :1], after[..., 1:]], axis=-1), view.zoom.enlarge)
    hidden = pictures.enlarge(~(both.before.valid & both.after.valid), view.zoom.enlarge)
    pictures.cover(picture, hidden, period_of(picture.shape[1], view))
    return picture


def flagged_panel(
    evidence: Evidence, view: View, ground: NDArray[np.uint8], detections: Sequence[Detection]
) -> Image.Image:
    """A panel with what could not be seen cross-hatched, and the detections outlined and numbered."""
    unseen = unobservable(evidence, view)
    pictures.cover(ground, unseen, period_of(ground.shape[1], view), crossed=True)
    image = Image.fromarray(ground)
    column = max(image.width, view.narrowest)
    shapes = [(d.number, on_picture(evidence, view, d)) for d in detections]
    for _, shape in shapes:
        pictures.outline(image, shape, Pen.of(column))
    keep_off: list[Box] = [stamp(evidence, image, view)] if evidence.simulated else []
    size = Type.of(column).small * (1.1 if len(shapes) < CROWDED else 0.75)
    pictures.number_labels(image, shapes, round(size), keep_off)
    return image


def unobservable(evidence: Evidence, view: View) -> NDArray[np.bool_]:
    """Points (y, x) of a view about which the ChangeMap says nothing."""
    reduce = view.zoom.reduce
    seen = block_sum(evidence.change.observable.values[view.window], reduce)
    return np.asarray(pictures.enlarge(seen < reduce * reduce / 2, view.zoom.enlarge))


def stamp(evidence: Evidence, image: Image.Image, view: View) -> Box:
    """Write SIMULATED on a panel that is."""
    return pictures.badge(image, "SIMULATED", round(Type.of(max(image.width, view.narrowest)).small * 0.9))


def on_picture(evidence: Evidence, view: View, detection: Detection) -> BaseGeometry:
    """A detection's outline in points of a panel."""
    geobox = geobox_of(evidence.change)
    shape = shapely.geometry.shape(dict(detection.polygon))
    to_grid = pyproj.Transformer.from_crs("EPSG:4326", str(geobox.crs), always_xy=True)
    inverse = ~geobox.affine
    top, left = (part.start or 0 for part in view.window)
    scale = view.zoom.enlarge / view.zoom.reduce

    def points(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = to_grid.transform(lonlat[:, 0], lonlat[:, 1])
        col, row = inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f
        return np.column_stack([(col - left) * scale, (row - top) * scale])

    moved = shapely.transform(shape, points)
    return moved if moved.is_valid else moved.buffer(0)


def period_of(width: int, view: View) -> int:
    """The hatching's period in points for a panel of this width."""
    return max(6, round(max(width, view.narrowest) / 75))


def corner_words(evidence: Evidence, view: View, size: tuple[int, int]) -> tuple[str, str]:
    """Positions of the outer corners, upper left and lower right, of a panel of ``size`` points (width, height)."""
    geobox = geobox_of(evidence.change)
    to_lonlat = pyproj.Transformer.from_crs(str(geobox.crs), "EPSG:4326", always_xy=True)
    scale = view.zoom.reduce / view.zoom.enlarge
    top, left = (part.start or 0 for part in view.window)
    places = []
    for col, row in ((left, top), (left + size[0] * scale, top + size[1] * scale)):
        places.append(words.place(to_lonlat.transform(*_ground(geobox, col, row))))
    return places[0], places[1]


def grid_shape(evidence: Evidence) -> tuple[int, int]:
    """Rows and columns of the site's grid."""
    rows, cols = geobox_of(evidence.change).shape
    return int(rows), int(cols)


def metres_per_point(evidence: Evidence, view: View) -> float:
    """Ground length of one point of a panel."""
    return abs(geobox_of(evidence.change).resolution.x) * view.zoom.reduce / view.zoom.enlarge


def true_north(evidence: Evidence) -> float:
    """Radians clockwise from up to true north at the middle of the grid: the grid's own north is a little off."""
    geobox = geobox_of(evidence.change)
    to_lonlat = pyproj.Transformer.from_crs(str(geobox.crs), "EPSG:4326", always_xy=True)
    x, y = _ground(geobox, geobox.shape[1] / 2, geobox.shape[0] / 2)
    lon, lat = to_lonlat.transform(x, y)
    east, north = to_lonlat.transform(lon, lat + 1e-3, direction="INVERSE")
    return math.atan2(east - x, north - y)


def _ground(geobox: GeoBox, col: float, row: float) -> tuple[float, float]:
    a = geobox.affine
    return a.a * col + a.b * row + a.c, a.d * col + a.e * row + a.f


def side_lines(evidence: Evidence, key: str, times: Sequence[int], scenes: Mapping[str, Scene]) -> tuple[str, str]:
    """When a side was taken, and by what: two lines for above a panel."""
    stack = evidence.stacks[key]
    first, last = (words.utc(stack.time.values[i]) for i in (times[0], times[-1]))
    when = words.instant(last)
    if len(times) > 1:
        when = f"{words.instant(first).removesuffix(' UTC')} – {when}"
    names = sorted({words.platform_name(str(stack.platform.values[i])) for i in times})
    parts = [names[0] if len(names) == 1 else ", ".join([names[0], *(n.rsplit("-", 1)[-1] for n in names[1:])])]
    orbits = sorted({int(stack.relative_orbit.values[i]) for i in times} - {-1})
    found = (scenes.get(part) for i in times for part in str(stack.scene_id.values[i]).split("+"))
    directions = sorted({scene.orbit_direction for scene in found if scene is not None and scene.orbit_direction})
    if orbits or directions:
        parts.append(" ".join(["orbit", *(str(o) for o in orbits), *(str(d) for d in directions)]))
    if len(times) > 1:
        parts.append(f"mean of {len(times)}")
    return when, ", ".join(parts)


def panels(evidence: Evidence, view: View, both: Sides, detections: Sequence[Detection]) -> tuple[Panel, ...]:
    """Before, after, and after (for radar: before in red against after in cyan) with what was flagged."""
    scenes = {scene.id: scene for scene in evidence.scenes}
    images = [Image.fromarray(plain_panel(side, both.stretch, view)) for side in (both.before, both.after)]
    if evidence.simulated:
        for image in images:
            stamp(evidence, image, view)
    radar = evidence.stacks[view.pair.key].attrs["quantity"] == "gamma0"
    ground = red_cyan_panel(both, view) if radar else plain_panel(both.after, both.stretch, view)
    told = [side_lines(evidence, view.pair.key, times, scenes) for times in (view.pair.before, view.pair.after)]
    found = "no change flagged" if not detections else f"{words.count(len(detections), 'change')} flagged"
    outlined = {0: "nothing outlined", 1: "with change outlined"}.get(len(detections), "with changes outlined")
    heading = "Before in red, after in cyan" if radar else f"After, {outlined}"
    last = (told[1][0] if not radar else "Both in one picture", f"{found[0].upper()}{found[1:]}")
    return (
        Panel(images[0], "Before", told[0]),
        Panel(images[1], "After", told[1]),
        Panel(flagged_panel(evidence, view, ground, detections), heading, last),
    )


def legend(evidence: Evidence, view: View, both: Sides, *, flagged: bool) -> Legend:
    """The signs that occur in a view, explained."""
    signs: list[tuple[Mark, str]] = []
    if flagged and evidence.stacks[view.pair.key].attrs["quantity"] == "gamma0":
        signs.extend(RED_CYAN)
    if flagged and evidence.detections:
        signs.append(("outline", "flagged, numbered as in the table"))
    if not (both.before.valid.all() and both.after.valid.all()):
        signs.append(("hatched", "hidden on this date (cloud, no image)"))
    if flagged and unobservable(evidence, view).any():
        signs.append(("crossed", "not observable: no statement"))
    return tuple(signs)
