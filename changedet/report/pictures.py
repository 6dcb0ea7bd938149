"""What every printed picture shares: type, hatching, outlines, scale bar, north arrow, labels, files without a clock.

All drawing is in whole points of the picture, by Pillow; the lettering is DejaVu as it ships with matplotlib.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from shapely.geometry.base import BaseGeometry

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom; right and bottom are outside."""

PAPER: Colour = (255, 255, 255)
INK: Colour = (26, 26, 26)
QUIET: Colour = (84, 84, 84)
YELLOW: Colour = (240, 228, 66)
"""Of Okabe and Ito's palette, which holds apart under each form of colour blindness (2008)."""
HALO: Colour = (0, 0, 0)
GREY, GREY_LINE = 198, 138
FINE = 3
"""Curves are drawn this many times larger, then averaged."""
PRINT_DPI = 300


@dataclass(frozen=True, slots=True)
class Type:
    """The sizes of type on one sheet, in points of the picture, from the width of its column."""

    title: int
    heading: int
    body: int
    small: int

    @classmethod
    def of(cls, column: int) -> Type:
        """Sizes that stay legible when a column is printed at half a newspaper column's width."""
        return cls(*(max(9, round(column * share)) for share in (0.066, 0.056, 0.042, 0.035)))


def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans at a size in points of the picture."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)


def printable(text: str) -> str:
    """One line without characters that only steer text (controls, direction overrides, lone surrogates)."""
    spaced = "".join(" " if c.isspace() else c for c in text)
    kept = "".join(c for c in spaced if not unicodedata.category(c).startswith("C"))
    return " ".join(kept.split())


def fit(text: str, face: ImageFont.FreeTypeFont, width: float) -> str:
    """The text, cut with an ellipsis where it is wider than ``width`` points."""
    text = printable(text)
    if face.getlength(text) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if face.getlength(text[:middle].rstrip() + "…") <= width else (low, middle - 1)
    return text[:low].rstrip() + "…"


def wrap(text: str, face: ImageFont.FreeTypeFont, width: float, most: int) -> tuple[str, ...]:
    """The text in at most ``most`` lines no wider than ``width`` points; the last is cut where it must be."""
    lines: list[str] = []
    rest = printable(text).split(" ")
    while rest and len(lines) < most - 1:
        taken = 1
        while taken < len(rest) and face.getlength(" ".join(rest[: taken + 1])) <= width:
            taken += 1
        lines.append(fit(" ".join(rest[:taken]), face, width))
        rest = rest[taken:]
    return (*lines, fit(" ".join(rest), face, width)) if rest else tuple(lines)


def hatching(shape: tuple[int, int], period: int, *, crossed: bool = False) -> NDArray[np.bool_]:
    """Where the lines of a diagonal hatching run."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    thick = max(1, period // 5)
    lines = (x + y) % period < thick
    return np.asarray(lines | ((x - y) % period < thick) if crossed else lines)


def cover(picture: NDArray[np.uint8], hidden: NDArray[np.bool_], period: int, *, crossed: bool = False) -> None:
    """Grey and hatch the hidden points of a picture (y, x, 3), in place: never black, which would pass for data."""
    if hidden.any():
        lines = hatching(hidden.shape, period, crossed=crossed)
        picture[hidden] = np.where(lines[hidden], GREY_LINE, GREY)[:, None]


def enlarge(picture: NDArray, times: int) -> NDArray:
    """Each pixel as a square of ``times`` × ``times`` points; nothing is interpolated."""
    return picture.repeat(times, axis=0).repeat(times, axis=1) if times > 1 else picture


@dataclass(frozen=True, slots=True)
class Pen:
    """A light line between two dark ones, the inner edge ``gap`` points outside of what it surrounds."""

    width: int
    halo: int
    gap: int = 1
    colour: Colour = YELLOW

    @classmethod
    def of(cls, column: int) -> Pen:
        """A pen for a panel of a column's width."""
        return cls(width=max(2, round(column / 260)), halo=max(1, round(column / 480)))


def outline(image: Image.Image, shape: BaseGeometry, pen: Pen) -> None:
    """Draw a line around a shape given in points of the image, outside of it, so that no flagged pixel is covered."""
    near, far = pen.gap, pen.gap + 2 * pen.halo + pen.width
    left, top, right, bottom = shape.bounds
    if left >= image.width + far or top >= image.height + far or right <= -far or bottom <= -far:
        return  # of a large map, most shapes lie outside of a picture of one, and rings take long to draw
    _fill(image, _ring(shape, near, far), HALO)
    _fill(image, _ring(shape, near + pen.halo, far - pen.halo), pen.colour)


def _ring(shape: BaseGeometry, near: float, far: float) -> BaseGeometry:
    outer, inner = (shape.buffer(distance, join_style="mitre", mitre_limit=2) for distance in (far, near))
    return outer.difference(inner)


def _fill(image: Image.Image, shape: BaseGeometry, colour: Colour) -> None:
    """Fill a shape with smooth edges."""
    left, top, right, bottom = (math.floor(v) if i < 2 else math.ceil(v) for i, v in enumerate(shape.bounds))
    left, top, right, bottom = max(0, left), max(0, top), min(image.width, right), min(image.height, bottom)
    if left >= right or top >= bottom:
        return
    mask = Image.new("L", ((right - left) * FINE, (bottom - top) * FINE))
    draw = ImageDraw.Draw(mask)
    parts = [p for p in shapely.get_parts(shape) if p.geom_type == "Polygon"]
    for part in sorted(parts, key=lambda p: -shapely.Polygon(p.exterior).area):
        for ring, value in [(part.exterior, 255), *((hole, 0) for hole in part.interiors)]:
            # Pillow fills the far edge of a polygon too: half a fine point less on each side keeps the width true
            draw.polygon([((x - left) * FINE - 0.5, (y - top) * FINE - 0.5) for x, y in ring.coords], fill=value)
    image.paste(colour, (left, top), mask.reduce(FINE))


def number_labels(
    image: Image.Image, shapes: Sequence[tuple[int, BaseGeometry]], size: int, keep_off: Iterable[Box] = ()
) -> tuple[tuple[int, Box], ...]:
    """Write each number close to its shape, where it covers no other number; returns where each one stands.

    Places that cover no shape are preferred. A number that finds no place is left out: the outline stays, and the
    close-up and the table carry the number.
    """
    face = font(size, bold=True)
    draw = ImageDraw.Draw(image)
    tree = shapely.STRtree([shape for _, shape in shapes])
    taken: list[Box] = list(keep_off)
    placed: list[tuple[int, Box]] = []
    for number, shape in shapes:
        text, pad = str(number), max(2, size // 5)
        width, height = math.ceil(face.getlength(text)) + 2 * pad, size + pad
        free = [
            place
            for place in _places(shape, width, height, size // 2)
            if place[0] >= 0 and place[1] >= 0 and place[2] <= image.width and place[3] <= image.height
            if not any(_overlap(place, other) for other in taken)
        ]
        clear = [place for place in free if not tree.query(shapely.box(*place), predicate="intersects").size]
        for place in (clear or free)[:1]:
            draw.rounded_rectangle((*place[:2], place[2] - 1, place[3] - 1), radius=pad, fill=YELLOW, outline=HALO)
            middle = ((place[0] + place[2]) / 2, (place[1] + place[3]) / 2)
            draw.text(middle, text, font=face, fill=INK, anchor="mm")
            taken.append(place)
            placed.append((number, place))
    return tuple(placed)


def _places(shape: BaseGeometry, width: int, height: int, gap: int) -> list[Box]:
    """Boxes around a shape, the one to its upper right first, as map lettering has it."""
    around = shapely.get_parts(shape.buffer(gap + max(width, height) / 2, quad_segs=4))[0].exterior
    points = [around.interpolate(i / 32, normalized=True) for i in range(32)]
    middle = shape.centroid

    def off_upper_right(point: shapely.Point) -> float:
        turn = abs(math.atan2(middle.y - point.y, point.x - middle.x) - math.pi / 4)
        return round(min(turn, 2 * math.pi - turn), 6)

    corners = [(round(p.x - width / 2), round(p.y - height / 2)) for p in sorted(points, key=off_upper_right)]
    return [(left, top, left + width, top + height) for left, top in corners]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def round_length(metres: float) -> float:
    """The longest of 1, 2 or 5 times a power of ten that is not longer than ``metres``."""
    power = 10.0 ** math.floor(math.log10(metres))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= metres * (1 + 1e-9))


def length_words(metres: float) -> str:
    """``500 m`` or ``2 km``."""
    return f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"


def scale_bar(
    image: Image.Image, corner: tuple[int, int], metres_per_point: float, most: int, size: int
) -> tuple[Box, float]:
    """Draw a bar of a round length with its label on the right.

    Parameters
    ----------
    corner : left and top of the bar
    metres_per_point : of the panels
    most : points that the bar may be long at most
    size : of the label's type

    Returns
    -------
    the bar's box, and its length in metres
    """
    length = round_length(most * metres_per_point)
    points = round(length / metres_per_point)
    left, top = corner
    height = max(6, size // 3)
    draw = ImageDraw.Draw(image)
    box = (left, top, left + points, top + height)
    draw.rectangle((left, top, box[2] - 1, box[3] - 1), fill=INK)
    edge = max(1, height // 5)
    draw.rectangle((left + points // 2, top + edge, box[2] - 1 - edge, box[3] - 1 - edge), fill=PAPER)
    draw.text((box[2] + size // 2, top + height / 2), length_words(length), font=font(size), fill=INK, anchor="lm")
    return box, length


def north_arrow(image: Image.Image, centre: tuple[float, float], size: int, angle: float) -> None:
    """An arrow to true north with an N above it; ``angle`` is clockwise from up, in radians."""
    x, y = centre
    sine, cosine = math.sin(angle), math.cos(angle)

    def turned(points: Sequence[tuple[float, float]]) -> shapely.Polygon:
        return shapely.Polygon([(x + u * cosine - v * sine, y + u * sine + v * cosine) for u, v in points])

    half, wide = size / 2, size * 0.3
    _fill(image, turned([(0, -half), (wide, half), (0, half * 0.5), (-wide, half)]), INK)
    _fill(image, turned([(0, -half * 0.62), (0, half * 0.36), (wide * 0.72, half * 0.74)]), PAPER)
    ImageDraw.Draw(image).text(
        (x + size * 0.45, y), "N", font=font(round(size * 0.62), bold=True), fill=INK, anchor="lm"
    )


def badge(image: Image.Image, text: str, size: int) -> Box:
    """A notice in the upper right corner of a panel that survives cropping; returns its box."""
    face, pad = font(size, bold=True), size // 2
    width, height = math.ceil(face.getlength(text)) + 2 * pad, round(size * 1.7)
    box = (image.width - width, 0, image.width, height)
    draw = ImageDraw.Draw(image)
    draw.rectangle((box[0], 0, box[2] - 1, box[3] - 1), fill=INK)
    draw.text((box[0] + width / 2, height / 2), text, font=face, fill=YELLOW, anchor="mm")
    return box


def save(image: Image.Image, path: Path) -> Path:
    """Write a PNG for print: 300 dpi, and no date or program in it."""
    image.save(path, format="PNG", dpi=(PRINT_DPI, PRINT_DPI), compress_level=4)
    return path
