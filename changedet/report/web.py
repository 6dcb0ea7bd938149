"""Pictures for the page: small, all on the grid of the site with one stretch, inlined as data URIs.

The page's pictures carry no lettering: dates, scale and outlines are text and SVG beside and above them, so that two
dates lie on each other exactly and the words can be read aloud.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geom import Geometry
from PIL import Image, ImageDraw
from shapely.affinity import affine_transform

from changedet.evidence import Evidence
from changedet.regions import Detection
from changedet.report.choose import leading_pair
from changedet.report.ground import grid_shape, lone_pixels, outline_mask
from changedet.report.pictures import HALO, PAPER, Pen, cover, enlarge, font, hatching, number_labels, outline
from changedet.report.series import themed
from changedet.report.stretch import Rendition, Stretch, block_sum, joint_stretch, leading_rendition, side_values
from changedet.report.words import day, instant, platform_name, stack_name, utc
from changedet.stack import Periods, geobox_of

MAX_SIDE = 720
"""Longest side of an inlined picture in pixels; a grid above it is averaged in blocks."""
LEAST_SIDE = 600
"""A smaller grid is enlarged, each pixel to a square of whole points, until it is about this large."""
FRAMES_BYTES = 2_200_000
"""All dates of the picker together."""
CHIPS_BYTES = 1_900_000
"""All close-ups together."""
PICTURE_BYTES = 140_000
"""Any one picture."""
CHIP_WIDTH = 1400
HOPELESS = 3
"""Times the limit above which no quality of ours would bring a picture below it."""
LEAST_WIDTH = 240
"""A picture is never made smaller than this to save bytes."""
CLEAR_ENOUGH = 0.5
"""Share of the site that must be clear for a date to be offered."""
HATCH = 8
CHANGED, ALONE = (213, 94, 0), (247, 196, 146)
UNSEEN = ((32, 52, 92), (150, 172, 212))
QUALITIES = (82, 70, 58, 46, 34, 22)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it goes into a document."""

    data: bytes
    kind: Literal["webp", "png", "svg"]
    width: int
    height: int
    alt: str = ""
    """What it shows, for those who do not see it."""
    label: str = ""

    @property
    def uri(self) -> str:
        """The picture as a data URI; a drawing follows the reader's light or dark setting."""
        mime = {"webp": "image/webp", "png": "image/png", "svg": "image/svg+xml"}[self.kind]
        data = themed(self.data.decode()).encode() if self.kind == "svg" else self.data
        return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class Setting:
    """How a picture was made small enough."""

    halvings: int = 0
    quality: int = 0
    """Position in ``QUALITIES``."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of the site: one date, or for radar the mean of a few."""

    times: tuple[int, ...]
    """Positions on ``stack.time``."""
    label: str
    """Date, time and platform."""
    clear: float
    """Share of the site that is clear, 0–1."""
    side: str
    """``before``, ``after`` or ``between`` the two periods."""


@dataclass(frozen=True, slots=True)
class View:
    """The stack that is looked at, one way of colouring it, and the frames that stand for before and after."""

    stack: xr.Dataset
    name: str
    look: Rendition
    stretch: Stretch
    reduce: int
    """Pixels of the grid, a side, averaged into one of the picture."""
    before: Frame
    after: Frame
    frames: tuple[Frame, ...]
    """Every date clear enough to be offered beside ``after``, in order of time; ``after`` is one of them."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A detection's outline in pixels of the grid, for an SVG path, and where its number stands."""

    number: int
    path: str
    x: float
    y: float


def view(evidence: Evidence) -> View | None:
    """The first stack that shows both sides, optical ones first; None where no stack does."""
    pair = leading_pair(evidence)
    if pair is None:
        return None
    stack = evidence.stacks[pair.key]
    look = leading_rendition(stack)
    sides = Periods(evidence.site.before, evidence.site.after).sides(stack)
    before, after = (_frame(stack, times, sides) for times in (pair.before, pair.after))
    offered = [_frame(stack, (i,), sides) for i in range(stack.sizes["time"])]
    offered = [frame for frame in offered if frame.clear >= CLEAR_ENOUGH and frame.times != after.times]
    shape = (stack.sizes["y"], stack.sizes["x"])
    reduce = max(1, -(-max(shape) // MAX_SIDE))
    values = [side_values(stack, frame.times, look, reduce=reduce) for frame in (before, after)]
    orbits = sorted(set(stack.relative_orbit.values.tolist()))
    return View(
        stack=stack,
        name=stack_name(pair.key, str(stack.attrs["sensor"]), orbits),
        look=look,
        stretch=joint_stretch(values, look),
        reduce=reduce,
        before=before,
        after=after,
        frames=tuple(sorted([*offered, after], key=lambda frame: (frame.times[-1], len(frame.times)))),
    )


def _frame(stack: xr.Dataset, times: tuple[int, ...], sides: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> Frame:
    last = times[-1]
    side = "before" if sides[0][last] else "after" if sides[1][last] else "between"
    clear = float(stack.valid.values[list(times)].any(axis=0).mean())
    if len(times) == 1:
        label = f"{instant(utc(stack.time.values[last]))}, {platform_name(str(stack.platform.values[last]))}"
    else:
        label = f"{day(utc(stack.time.values[times[0]]))} to {day(utc(stack.time.values[last]))}, mean of {len(times)}"
    return Frame(times, label, clear, side)


def render(shown: View, frame: Frame, *, stamp: bool = False) -> Image.Image:
    """One frame as an RGB picture; ground that was not seen is hatched grey, and ``stamp`` says SIMULATED on it."""
    side = side_values(shown.stack, frame.times, shown.look, reduce=shown.reduce)
    picture = shown.stretch.apply(side.values)
    image = Image.fromarray(enlarged(picture, side.valid))
    if stamp:
        mark(image)
    return image


def enlarged(picture: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A small picture with each pixel as a square, so that no browser blurs it, and its hidden part hatched."""
    times = max(1, LEAST_SIDE // max(valid.shape))
    picture, valid = enlarge(picture, times), enlarge(valid, times)
    cover(picture, ~valid, HATCH)
    return picture


def mark(image: Image.Image) -> None:
    """Write SIMULATED across the lower right corner, so that the word stays with a picture that is saved alone."""
    face = font(max(9, min(image.size) // 28), bold=True)
    place = (image.width - 4, image.height - 3)
    ImageDraw.Draw(image).text(place, "SIMULATED", font=face, fill=PAPER, anchor="rs", stroke_width=1, stroke_fill=HALO)


def observability(evidence: Evidence, shown: View | None) -> Image.Image:
    """Where nothing could be seen: cross-hatched blue; places: orange; lone pixels: pale; the rest grey."""
    change = evidence.change
    reduce = max(1, -(-max(change.observable.shape) // MAX_SIDE))
    seen = block_sum(change.observable.values, reduce) >= reduce * reduce / 2
    changed = block_sum(change.changed.values, reduce) > 0
    alone = changed & (block_sum(change.changed.values & ~lone_pixels(evidence), reduce) == 0)
    times = max(1, LEAST_SIDE // max(seen.shape))
    seen, changed, alone = (enlarge(mask, times) for mask in (seen, changed, alone))
    picture = np.full((*seen.shape, 3), 226, np.uint8)
    if shown is not None:
        ground = np.asarray(render(shown, shown.after).convert("L"), np.float32)
        picture[:] = (150 + ground * 100 / 255).astype(np.uint8)[:, :, None]
    picture[changed] = CHANGED
    picture[alone] = ALONE
    lines = hatching(seen.shape, 8, crossed=True)
    picture[~seen] = np.where(lines[~seen][:, None], UNSEEN[0], UNSEEN[1])
    image = Image.fromarray(picture)
    if evidence.simulated:
        mark(image)
    return image


def outlines(evidence: Evidence) -> tuple[Outline, ...]:
    """Every detection's outline in pixel coordinates of the grid."""
    geobox = geobox_of(evidence.change)
    inverse = ~geobox.affine
    found = []
    for detection in evidence.detections:
        shape = grid_shape(detection, evidence.change)
        parts = []
        corners: list[tuple[float, float]] = []
        for ring in _rings(shape):
            points = [_apply(inverse, x, y) for x, y in ring]
            corners += points
            parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points[:-1]) + "Z")
        top = min(corners, key=lambda point: (point[1], -point[0]))
        found.append(Outline(detection.number, "".join(parts), round(top[0], 1), round(top[1], 1)))
    return tuple(found)


def with_outlines(image: Image.Image, evidence: Evidence, shown: View) -> Image.Image:
    """The picture with outlines and numbers of the detections drawn in."""
    geobox = geobox_of(evidence.change)
    cols = geobox.shape[1] // shown.reduce * shown.reduce
    to_points = Affine.scale(image.width / cols) * ~geobox.affine
    pen = Pen.of(image.width)
    shapes = []
    for detection in evidence.detections:
        shape = affine_transform(grid_shape(detection, evidence.change).geom, to_points.to_shapely())
        outline(image, shape, pen)
        shapes.append((detection.number, shape))
    number_labels(image, shapes, max(11, image.width // 36))
    return image


def pair_words(shown: View) -> str:
    """What both pictures of the site share, in words."""
    look = shown.look.title[:1].lower() + shown.look.title[1:]
    return (
        f"{shown.name}, {look}. Both dates are shown with the same stretch. Hatched grey: no clear view on that date."
    )


def _apply(affine: Affine, x: float, y: float) -> tuple[float, float]:
    column, row = affine * (x, y)
    return float(column), float(row)


def _rings(shape: Geometry) -> Iterable[list[tuple[float, float]]]:
    for part in shape.geoms if shape.is_multi else (shape,):
        yield list(part.exterior.points)
        yield from (list(ring.points) for ring in part.interiors)


def crop(evidence: Evidence, shown: View, detection: Detection, margin: int = 12) -> tuple[Image.Image, ...]:
    """Before and after about one detection, each pixel of the grid enlarged to a square, never smoothed."""
    mask = outline_mask(detection, evidence.change)
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom = max(0, int(rows[0]) - margin), int(rows[-1]) + margin + 1
    left, right = max(0, int(cols[0]) - margin), int(cols[-1]) + margin + 1
    images = []
    for frame in (shown.before, shown.after):
        side = side_values(shown.stack, frame.times, shown.look, (slice(top, bottom), slice(left, right)))
        image = Image.fromarray(enlarged(shown.stretch.apply(side.values), side.valid))
        if evidence.simulated:
            mark(image)
        images.append(image)
    return tuple(images)


def small(image: Image.Image, limit: int = PICTURE_BYTES, alt: str = "", label: str = "") -> Picture:
    """The picture as a WebP of at most ``limit`` bytes: first at lower quality, then at half the size."""
    return squeeze(image, limit, Setting(), alt, label)[0]


def squeeze(image: Image.Image, limit: int, start: Setting, alt: str = "", label: str = "") -> tuple[Picture, Setting]:
    """As :func:`small`, trying nothing better than ``start``; also what was used, a start for its neighbours.

    Pictures of one site are alike: what one needed the next will need, and all of them look the same.
    """
    halvings, quality = start.halvings, start.quality
    for _ in range(halvings):
        image = image.reduce(2)
    while True:
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=QUALITIES[quality], method=2)
        least = min(image.size) <= LEAST_WIDTH
        if buffer.tell() <= limit or (least and quality == len(QUALITIES) - 1):
            return Picture(buffer.getvalue(), "webp", *image.size, alt, label), Setting(halvings, quality)
        if quality < len(QUALITIES) - 1 and (least or buffer.tell() <= HOPELESS * limit):
            quality += 1
        else:
            image, halvings, quality = image.reduce(2), halvings + 1, 0


def sharp(image: Image.Image, alt: str = "", label: str = "") -> Picture:
    """As :func:`small`, but without loss where that fits: flat colours and enlarged pixels stay exact."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=True, quality=30, method=2)
    if buffer.tell() > PICTURE_BYTES:
        return small(image, PICTURE_BYTES, alt, label)
    return Picture(buffer.getvalue(), "webp", *image.size, alt, label)


def from_file(path: Path, limit: int, start: Setting, alt: str) -> tuple[Picture, Setting]:
    """A PNG of the run folder, smaller and with loss only where ``limit`` in bytes asks for it."""
    with Image.open(path, formats=("PNG",)) as opened:
        width, height = opened.size
        if path.stat().st_size <= limit:
            return Picture(path.read_bytes(), "png", width, height, alt), start
        image = opened.convert("RGB")
    if width > CHIP_WIDTH:
        image = image.resize((CHIP_WIDTH, round(height * CHIP_WIDTH / width)), Image.Resampling.HAMMING)
    return squeeze(image, limit, start, alt)
