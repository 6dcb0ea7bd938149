"""``detections.kmz``: the images before and after, the outlines and their numbers, for Google Earth and its like.

The images lie on a UTM grid, which is turned against the meridians by up to a few degrees; KML wants a box of longitude
and latitude. So each image is resampled (nearest neighbour, twice as fine) onto a grid in EPSG:4326, transparent where
the grid has no value. KML is version 2.2 (OGC 07-147r2). Descriptions are HTML to its readers, so every text in them is
escaped once more than XML asks for.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rasterio.transform import Affine, array_bounds
from rasterio.warp import Resampling, reproject, transform_bounds
from shapely.geometry import MultiPolygon, Polygon

from changedet.evidence import Evidence
from changedet.regions import Detection
from changedet.report import words
from changedet.report.choose import Pair, leading_pair
from changedet.report.pictures import font, printable
from changedet.report.plain import iso, whole_text
from changedet.report.records import Record, Value, records
from changedet.report.stretch import Zoom, joint_stretch, leading_rendition, side_values
from changedet.report.zips import writing_zip
from changedet.site import Ring
from changedet.stack import geobox_of

NAMESPACE = "http://www.opengis.net/kml/2.2"
MOST_PIXELS = 2048
"""Longest side of an overlay's own pixels; a larger site is reduced by whole numbers."""
_FINER = 2
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ORANGE, _WHITE, _GREY = "ff005ed5", "ffffffff", "b3ffffff"
"""Colours as KML writes them: alpha, blue, green, red."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """One image in longitude and latitude."""

    side: str
    """``before`` or ``after``."""
    name: str
    begin: datetime
    end: datetime | None
    """The time slider shows it from ``begin`` until ``end``."""
    rgba: NDArray[np.uint8]
    """(y, x, 4), north up; transparent where there is no value."""
    bounds: tuple[float, float, float, float]
    """West, south, east, north, of the outer edges of the pixels."""


def write(evidence: Evidence, folder: Path) -> tuple[Path, ...]:
    """Write ``detections.kmz`` into ``folder``.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    pair = leading_pair(evidence)
    layers = () if pair is None else overlays(evidence, pair)
    path = folder / "detections.kmz"
    with writing_zip(path) as archive:
        archive.add_bytes("doc.kml", kml(evidence, layers))
        archive.add_bytes("images/caption.png", _png(_caption(evidence)))
        for layer in layers:
            archive.add_bytes(_image_name(layer), _png(_stamped(layer, evidence)))
    return (path,)


# ── images ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def overlays(evidence: Evidence, pair: Pair) -> tuple[Overlay, Overlay]:
    """Both sides of a pair in longitude and latitude, with one stretch."""
    stack = evidence.stacks[pair.key]
    zoom = Zoom.fit((stack.sizes["y"], stack.sizes["x"]), target=MOST_PIXELS, most=MOST_PIXELS)
    look = leading_rendition(stack)
    sides = [side_values(stack, times, look, reduce=zoom.reduce) for times in (pair.before, pair.after)]
    stretch = joint_stretch(sides, look)
    begins = [_moment(stack, pair.before[0]), _moment(stack, pair.after[0])]
    made = []
    for i, side in enumerate(sides):
        pixels = np.dstack([stretch.apply(side.values), np.where(side.valid, 255, 0).astype(np.uint8)])
        rgba, bounds = to_lonlat(stack, pixels, zoom.reduce)
        word = ("before", "after")[i]
        name = f"{word.capitalize()}: {_acquired(stack, (pair.before, pair.after)[i])}; {look.title}"
        made.append(Overlay(word, name, begins[i], begins[1] if i == 0 else None, rgba, bounds))
    return made[0], made[1]


def to_lonlat(
    stack: xr.Dataset, pixels: NDArray[np.uint8], reduce: int = 1
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """Pixels (y, x, bands) of the stack's grid, each the mean of ``reduce``², on a grid of EPSG:4326.

    Returns the new pixels, 0 outside, and west, south, east, north of their outer edges.
    """
    geobox = geobox_of(stack)
    rows, cols = pixels.shape[:2]
    source = Affine(*tuple(geobox.affine)[:6]) @ Affine.scale(reduce)
    crs = str(geobox.crs)
    edges = array_bounds(rows, cols, source)
    height, width = _FINER * rows, _FINER * cols
    west, south, east, north = transform_bounds(crs, "EPSG:4326", *edges, densify_pts=101)
    target = Affine((east - west) / width, 0, west, 0, (south - north) / height, north)
    result = np.zeros((pixels.shape[2], height, width), np.uint8)
    reproject(
        np.ascontiguousarray(np.moveaxis(pixels, -1, 0)),
        result,
        src_transform=source,
        src_crs=crs,
        dst_transform=target,
        dst_crs="EPSG:4326",
        resampling=Resampling.nearest,
        num_threads=1,
    )
    return np.moveaxis(result, 0, -1), (west, south, east, north)


def _moment(stack: xr.Dataset, index: int) -> datetime:
    return words.utc(stack.time.values[index]).replace(tzinfo=UTC)


def _acquired(stack: xr.Dataset, times: Sequence[int]) -> str:
    """``24 Mar 2025, 08:12 UTC, sentinel-2a``, or the first and last of several dates."""
    platforms = words.listed(sorted({str(stack.platform.values[i]) for i in times}))
    first, last = words.instant(_moment(stack, times[0])), words.instant(_moment(stack, times[-1]))
    return f"{first}, {platforms}" if len(times) == 1 else f"mean of {len(times)} dates, {first} to {last}, {platforms}"


def _stamped(layer: Overlay, evidence: Evidence) -> Image.Image:
    picture = Image.fromarray(layer.rgba, "RGBA")
    if evidence.simulated:
        size = max(12, picture.height // 20)
        ImageDraw.Draw(picture).text(
            (size, size),
            "SIMULATED",
            font=font(size, bold=True),
            fill=(255, 255, 255, 255),
            stroke_fill=(0, 0, 0, 255),
            stroke_width=max(1, size // 10),
        )
    return picture


def _caption(evidence: Evidence) -> Image.Image:
    """The line that stays on the screen."""
    face, pad = font(16), 6
    text = printable(evidence.attribution)
    left, top, right, bottom = face.getbbox(text)
    picture = Image.new("RGBA", (int(right - left) + 2 * pad, int(bottom - top) + 2 * pad), (0, 0, 0, 170))
    ImageDraw.Draw(picture).text((pad - left, pad - top), text, font=face, fill=(255, 255, 255, 255))
    return picture


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _image_name(layer: Overlay) -> str:
    return f"images/{layer.side}.png"


# ── KML ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def kml(evidence: Evidence, layers: Iterable[Overlay] = ()) -> bytes:
    """``doc.kml``."""
    root = ET.Element("kml", xmlns=NAMESPACE)
    document = ET.SubElement(root, "Document")
    _texts(document, name=evidence.site.name, open="1")
    _describe(document, [_finding(evidence), evidence.attribution])
    _styles(document)
    _screen_caption(document)
    images = _folder(document, "Images")
    for order, layer in enumerate(layers):
        _ground_overlay(images, layer, order)
    site = _folder(document, "Site")
    _placemark(site, evidence.site.name, "#site", _polygon([evidence.site.ring]))
    for zone in evidence.site.zones:
        _describe(_placemark(site, zone.name, "#site", _polygon([zone.ring()])), [zone.kind, zone.note], at=1)
    outlines = _folder(document, "detections")
    numbers = _folder(document, "Numbers")
    for row, detection in zip(records(evidence), evidence.detections, strict=True):
        _outline(outlines, row, detection)
        _number(numbers, detection)
    ET.indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode()


def xml_text(text: str) -> str:
    """The text with each character that XML 1.0 forbids replaced by U+FFFD."""
    return _NOT_XML.sub("\ufffd", whole_text(text))


def _finding(evidence: Evidence) -> str:
    found = words.count(len(evidence.detections), "place")
    return f"{found} flagged as changed between {evidence.site.before} and {evidence.site.after}."


def _texts(parent: ET.Element, **texts: str) -> None:
    for tag, text in texts.items():
        ET.SubElement(parent, tag).text = xml_text(text)


def _folder(parent: ET.Element, name: str) -> ET.Element:
    folder = ET.SubElement(parent, "Folder")
    _texts(folder, name=name)
    return folder


def _describe(parent: ET.Element, lines: Iterable[str], at: int | None = None) -> None:
    """A description, its lines as HTML text; ``at`` is its place among the children, for KML fixes their order."""
    element = ET.Element("description")
    element.text = "<br/>".join(html.escape(xml_text(line)) for line in lines if line)
    parent.insert(len(parent) if at is None else at, element)


def _styles(document: ET.Element) -> None:
    for name, line, width in (("flagged", _ORANGE, "3"), ("site", _GREY, "1.5")):
        style = ET.SubElement(document, "Style", id=name)
        _texts(ET.SubElement(style, "LineStyle"), color=line, width=width)
        _texts(ET.SubElement(style, "PolyStyle"), fill="0")
    style = ET.SubElement(document, "Style", id="number")
    _texts(ET.SubElement(style, "IconStyle"), scale="0")
    _texts(ET.SubElement(style, "LabelStyle"), color=_WHITE, scale="1.2")


def _screen_caption(document: ET.Element) -> None:
    overlay = ET.SubElement(document, "ScreenOverlay")
    _texts(overlay, name="Attribution")
    _texts(ET.SubElement(overlay, "Icon"), href="images/caption.png")
    for tag, x, y in (("overlayXY", "0", "0"), ("screenXY", "0.01", "0.06")):
        ET.SubElement(overlay, tag, x=x, y=y, xunits="fraction", yunits="fraction")


def _ground_overlay(parent: ET.Element, layer: Overlay, order: int) -> None:
    overlay = ET.SubElement(parent, "GroundOverlay")
    _texts(overlay, name=layer.name)
    span = ET.SubElement(overlay, "TimeSpan")
    _texts(span, begin=iso(layer.begin))
    if layer.end is not None:
        _texts(span, end=iso(layer.end))
    _texts(overlay, drawOrder=str(order))
    _texts(ET.SubElement(overlay, "Icon"), href=_image_name(layer))
    west, south, east, north = layer.bounds
    box = ET.SubElement(overlay, "LatLonBox")
    _texts(box, north=repr(north), south=repr(south), east=repr(east), west=repr(west))


def _placemark(parent: ET.Element, name: str, style: str, shape: ET.Element) -> ET.Element:
    placemark = ET.SubElement(parent, "Placemark")
    _texts(placemark, name=name, styleUrl=style)
    placemark.append(shape)
    return placemark


def _outline(parent: ET.Element, row: Record, detection: Detection) -> None:
    outline = _multi(row.geometry.geoms) if isinstance(row.geometry, MultiPolygon) else _shape(row.geometry)
    placemark = _placemark(parent, f"{detection.number}: {detection.kind}", "#flagged", outline)
    _describe(
        placemark,
        [
            f"Change consistent with {words.CONSISTENT_WITH[detection.kind]}, {words.bracket(detection.onset)}.",
            f"Area {words.area(detection.area)}; {words.probability(detection.p_value)}.",
            f"Zone: {detection.zone}" if detection.zone else "",
            *(words.direction(key, bands) for key, bands in detection.directions.items()),
            f"Scenes: {row.properties['scenes']}",
            str(row.properties["attribution"]),
        ],
        at=1,
    )
    # untyped Data rather than a Schema, which GDAL does not find inside a KMZ
    extended = ET.Element("ExtendedData")
    for name, value in row.properties.items():
        _texts(ET.SubElement(extended, "Data", name=name), value=_simple(value))
    placemark.insert(len(placemark) - 1, extended)


def _simple(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return iso(value)
    return str(int(value)) if isinstance(value, bool) else str(value)


def _number(parent: ET.Element, detection: Detection) -> None:
    point = ET.Element("Point")
    _texts(point, coordinates=_coordinates([detection.centroid]))
    _placemark(parent, str(detection.number), "#number", point)


def _shape(polygon: Polygon) -> ET.Element:
    return _polygon([polygon.exterior.coords, *(hole.coords for hole in polygon.interiors)])


def _multi(shapes: Iterable[Polygon]) -> ET.Element:
    """Of one part too, so that a record is of the same type in every file."""
    several = ET.Element("MultiGeometry")
    several.extend(_shape(polygon) for polygon in shapes)
    return several


def _polygon(rings: Sequence[Ring | Iterable[tuple[float, ...]]]) -> ET.Element:
    """A Polygon: the exterior ring, then its holes."""
    polygon = ET.Element("Polygon")
    for i, ring in enumerate(rings):
        boundary = ET.SubElement(polygon, "innerBoundaryIs" if i else "outerBoundaryIs")
        _texts(ET.SubElement(boundary, "LinearRing"), coordinates=_coordinates(ring))
    return polygon


def _coordinates(points: Iterable[tuple[float, ...]]) -> str:
    return " ".join(f"{point[0]:.7f},{point[1]:.7f}" for point in points)
