"""A sheet: panels side by side under one title, with scale, north, corner coordinates, legend and attribution.

``draw`` returns the picture and a ``Layout`` that says where each part stands, which is what the tests measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw
from shapely import box

from changedet.report import pictures
from changedet.report.pictures import INK, PAPER, QUIET, Box, Colour, Pen, Type

Mark = Literal["outline", "hatched", "crossed"] | Colour
"""A sign of the legend; a colour stands for a plain patch."""

NARROWEST = 800
"""Points that a column of a site's sheet is wide at least: three of them make 2,400."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of a sheet, drawn in full already, and the words above it."""

    image: Image.Image
    heading: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that is on a sheet."""

    title: str
    subtitles: tuple[str, ...]
    panels: tuple[Panel, ...]
    """All of one size."""
    corners: tuple[str, str]
    """Positions of the upper left and the lower right corner of each panel."""
    metres_per_point: float
    north: float
    """Of true north, radians clockwise from up."""
    legend: tuple[tuple[Mark, str], ...]
    footer: tuple[str, ...]
    narrowest: int = NARROWEST


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a drawn sheet stand."""

    panels: tuple[Box, ...]
    scale_bar: Box
    scale_metres: float
    texts: tuple[tuple[str, tuple[int, int]], ...]
    """Each line as it was written, and its left and top."""


@dataclass(slots=True)
class _Writer:
    """The paper and how far down it is written."""

    type: Type
    column: int
    width: int
    margin: int
    image: Image.Image
    y: int = 0
    texts: list[tuple[str, tuple[int, int]]] = field(default_factory=list)

    def line(self, text: str, x: int, width: int, size: int, *, bold: bool = False, colour: Colour = INK) -> None:
        """Write one line at the present height without moving on."""
        words = pictures.fit(text, pictures.font(size, bold=bold), width)
        ImageDraw.Draw(self.image).text((x, self.y), words, font=pictures.font(size, bold=bold), fill=colour)
        self.texts.append((words, (x, self.y)))


def draw(sheet: Sheet) -> tuple[Image.Image, Layout]:
    """Draw a sheet on white paper, as high as it needs to be."""
    width, height = sheet.panels[0].image.size
    column = max(width, sheet.narrowest)
    kind = Type.of(column)
    margin = round(column * 0.04)
    total = len(sheet.panels) * column + (len(sheet.panels) + 1) * margin
    paper = Image.new("RGB", (total, height + 60 * kind.title), PAPER)
    writer = _Writer(kind, column, total, margin, paper, margin)
    _title(writer, sheet)
    boxes = _panels(writer, sheet)
    bar, metres = _footer(writer, sheet, boxes[0])
    return paper.crop((0, 0, total, writer.y)), Layout(boxes, bar, metres, tuple(writer.texts))


def _title(writer: _Writer, sheet: Sheet) -> None:
    room, kind = writer.width - 2 * writer.margin, writer.type
    for words in pictures.wrap(sheet.title, pictures.font(kind.title, bold=True), room, 2):
        writer.line(words, writer.margin, room, kind.title, bold=True)
        writer.y += round(kind.title * 1.25)
    for subtitle in sheet.subtitles:
        for words in pictures.wrap(subtitle, pictures.font(kind.body), room, 3):
            writer.line(words, writer.margin, room, kind.body, colour=QUIET)
            writer.y += round(kind.body * 1.35)
    writer.y += kind.body


def _panels(writer: _Writer, sheet: Sheet) -> tuple[Box, ...]:
    kind, start = writer.type, writer.y
    lines = max(len(panel.lines) for panel in sheet.panels)
    boxes = []
    for i, panel in enumerate(sheet.panels):
        x = writer.margin + i * (writer.column + writer.margin)
        writer.y = start
        writer.line(panel.heading, x, writer.column, kind.heading, bold=True)
        writer.y += round(kind.heading * 1.35)
        for words in panel.lines:
            writer.line(words, x, writer.column, kind.body)
            writer.y += round(kind.body * 1.3)
        writer.y = start + round(kind.heading * 1.35) + lines * round(kind.body * 1.3) + round(kind.small * 0.5)
        writer.line(sheet.corners[0], x, writer.column, kind.small, colour=QUIET)
        writer.y += round(kind.small * 1.4)
        width, height = panel.image.size
        place = (x, writer.y, x + width, writer.y + height)
        writer.image.paste(panel.image, place[:2])
        ImageDraw.Draw(writer.image).rectangle((x - 1, place[1] - 1, place[2], place[3]), outline=(120, 120, 120))
        boxes.append(place)
        writer.y = place[3] + round(kind.small * 0.35)
        face = pictures.font(kind.small)
        words = pictures.fit(sheet.corners[1], face, writer.column)
        writer.line(words, max(x, place[2] - round(face.getlength(words))), writer.column, kind.small, colour=QUIET)
        writer.y += round(kind.small * 1.4)
    return tuple(boxes)


def _footer(writer: _Writer, sheet: Sheet, first: Box) -> tuple[Box, float]:
    kind, room = writer.type, writer.width - 2 * writer.margin
    writer.y += kind.small
    high = round(kind.body * 1.6)
    longest = min(round((first[2] - first[0]) * 0.5), round(writer.column * 0.4))
    middle = writer.y + high // 2
    bar, metres = pictures.scale_bar(
        writer.image, (writer.margin, middle - kind.body // 6), sheet.metres_per_point, longest, kind.body
    )
    writer.texts.append((pictures.length_words(metres), (bar[2] + kind.body // 2, bar[1])))
    right = bar[2] + kind.body + round(pictures.font(kind.body).getlength(pictures.length_words(metres)))
    pictures.north_arrow(writer.image, (right + kind.body * 1.2, middle), high, sheet.north)
    _legend(writer, sheet.legend, right + 4 * kind.body, high)
    writer.y += round(kind.small * 0.6)
    for words in sheet.footer:
        for line in pictures.wrap(words, pictures.font(kind.small), room, 4):
            writer.line(line, writer.margin, room, kind.small, colour=QUIET)
            writer.y += round(kind.small * 1.35)
    writer.y += writer.margin // 2
    return bar, metres


def _legend(writer: _Writer, legend: Sequence[tuple[Mark, str]], start: int, high: int) -> None:
    """The signs in a row after the scale bar, going on in rows below where there is no room."""
    kind, end = writer.type, writer.width - writer.margin
    face = pictures.font(kind.small)
    x = start
    for mark, words in legend:
        wide = round(kind.small * 1.9) + round(face.getlength(pictures.printable(words)))
        if x + wide > end and x > writer.margin:
            x, writer.y = writer.margin, writer.y + high
        _sign(writer, mark, (x, writer.y + (high - kind.small) // 2), kind.small)
        top = writer.y
        writer.y += (high - round(kind.small * 1.2)) // 2
        writer.line(words, x + round(kind.small * 1.5), end - x, kind.small)
        writer.y = top
        x += wide + round(kind.small * 1.5)
    writer.y += high


def _sign(writer: _Writer, mark: Mark, corner: tuple[int, int], size: int) -> None:
    patch = np.full((size, size, 3), 225, np.uint8)
    if mark in ("hatched", "crossed"):
        pictures.cover(patch, np.ones((size, size), bool), max(5, size // 4), crossed=mark == "crossed")
    elif not isinstance(mark, str):
        patch[:] = mark
    image = Image.fromarray(patch)
    if mark == "outline":
        pen = Pen.of(writer.column)
        inset = pen.gap + 2 * pen.halo + pen.width
        image.paste((176, 160, 140), (0, 0, size, size))
        pictures.outline(image, box(inset, inset, size - inset, size - inset), pen)
    writer.image.paste(image, corner)
    ImageDraw.Draw(writer.image).rectangle(
        (corner[0] - 1, corner[1] - 1, corner[0] + size, corner[1] + size), outline=(120, 120, 120)
    )
