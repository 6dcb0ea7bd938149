"""What stands on the simulated site: structures, ground, and the events that change them.

The place is invented. Positions are metres east and north of the centre of the site; heights are metres.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from shapely import affinity
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from changedet.site import ZoneKind

StructureKind = Literal["tank", "building", "mast", "pad"]
Action = Literal["demolish", "burn", "build"]

KIND_OF_ACTION: dict[Action, str] = {
    "demolish": "structure removed",
    "burn": "burnt or sooted",
    "build": "structure built",
}
SCAR_MARGIN = 5.0
"""Metres of ground around a demolished structure that rubble covers."""
SOOT_MARGIN = 10.0
"""Metres of ground around a burnt structure that soot covers."""


@dataclass(frozen=True, slots=True)
class Structure:
    """One thing that was built."""

    id: str
    kind: StructureKind
    east: float
    north: float
    length: float
    """Metres east to west before turning; the diameter of a tank."""
    width: float
    """Metres north to south before turning; equal to ``length`` for a tank."""
    height: float
    """Metres; a pad has none."""
    material: str
    """Of its upper side; a key of ``surface.REFLECTANCE``."""
    angle: float = 0.0
    """Degrees, counter-clockwise."""

    @property
    def footprint(self) -> Polygon:
        """Outline in metres east and north of the centre."""
        if self.kind == "tank":
            return Point(self.east, self.north).buffer(self.length / 2, quad_segs=16)
        half_x, half_y = self.length / 2, self.width / 2
        outline = box(self.east - half_x, self.north - half_y, self.east + half_x, self.north + half_y)
        return affinity.rotate(outline, self.angle)


def tank(name: str, position: tuple[float, float], diameter: float, height: float = 12.0) -> Structure:
    """A round tank with a bright painted roof."""
    return Structure(name, "tank", *position, diameter, diameter, height, "tank roof")


def building(
    name: str, position: tuple[float, float], size: tuple[float, float], height: float = 6.0, angle: float = 0.0
) -> Structure:
    """A building with a sheet-metal roof."""
    return Structure(name, "building", *position, *size, height, "metal roof", angle)


def pad(
    name: str, position: tuple[float, float], size: tuple[float, float], material: str = "concrete", angle: float = 0.0
) -> Structure:
    """Prepared ground: a bund floor, a drilling pad, a yard."""
    return Structure(name, "pad", *position, *size, 0.0, material, angle)


def mast(name: str, position: tuple[float, float], height: float = 30.0) -> Structure:
    """A lattice mast, one subpixel wide."""
    return Structure(name, "mast", *position, 2.5, 2.5, height, "steel lattice")


@dataclass(frozen=True, slots=True)
class Event:
    """One structural change."""

    id: str
    name: str
    action: Action
    structures: tuple[str, ...]
    """Ids of what is demolished, burnt or built."""
    on: date
    """From this UTC day on the change is there."""
    detectable: bool = True
    """Whether 10 m pixels can be expected to show it."""
    zone: ZoneKind = "other"

    @property
    def kind(self) -> str:
        """In the words of ``regions.py``."""
        return KIND_OF_ACTION[self.action]

    def outline(self, structures: Iterable[Structure]) -> BaseGeometry:
        """The ground that the event alters, metres east and north of the centre."""
        parts = [structure.footprint for structure in structures if structure.id in self.structures]
        margin = {"demolish": SCAR_MARGIN, "burn": SOOT_MARGIN, "build": 0.0}[self.action]
        return unary_union([part.buffer(margin, quad_segs=8) for part in parts])


@dataclass(frozen=True, slots=True)
class Field:
    """One irrigated field with its crop."""

    outline: Polygon
    crop: Literal["wheat", "cotton", "fallow"]
    delay: float
    """Days by which its calendar lags behind the usual one."""


@dataclass(frozen=True, slots=True)
class Ground:
    """One painted piece of ground that never changes."""

    outline: BaseGeometry
    material: str


DEPOT = ("depot-floor", *(f"depot-tank-{i + 1}" for i in range(6)))
MASTS = tuple(f"mast-{i + 1}" for i in range(6))


def _row(
    prefix: str, first: tuple[float, float], step: tuple[float, float], sizes: list[tuple[float, ...]]
) -> list[Structure]:
    return [
        building(f"{prefix}-{i + 1}", (first[0] + i * step[0], first[1] + i * step[1]), (size[0], size[1]), size[2])
        for i, size in enumerate(sizes)
    ]


def default_structures() -> tuple[Structure, ...]:
    """The oil facility of the demo: two depots, process units, buildings, masts, a pad yet to be built."""
    depot = [tank(f"depot-tank-{i + 1}", (-250 + 60 * (i % 3), -140 - 60 * (i // 3)), 36.0) for i in range(6)]
    crude = [tank(f"crude-tank-{i + 1}", (95 + 72 * (i % 2), -160 - 72 * (i // 2)), 46.0, 14.0) for i in range(4)]
    small = [tank(f"day-tank-{i + 1}", (-60 + 22 * i, 165), 14.0, 8.0) for i in range(5)]
    masts = [mast(name, (400 + 36 * (i % 3), -250 - 36 * (i // 3))) for i, name in enumerate(MASTS)]
    process = _row(
        "process",
        (-110, 85),
        (48, 0),
        [(30, 16, 9), (22, 26, 14), (34, 14, 8), (16, 28, 16), (28, 18, 10), (20, 14, 12)],
    )
    racks = _row("rack", (10, 55), (0, -34), [(270, 6, 5), (190, 5, 5)])
    camp = _row("camp", (330, 60), (0, -24), [(58, 12, 4), (58, 12, 4), (58, 12, 4), (58, 12, 4)])
    stores = _row("store", (-330, -20), (46, 10), [(34, 22, 7), (30, 22, 7), (26, 18, 6)])
    return (
        pad("depot-floor", (-190, -170), (200, 130), "concrete"),
        *depot,
        pad("crude-floor", (131, -196), (160, 160), "gravel"),
        *crude,
        *small,
        *process,
        *racks,
        *camp,
        *stores,
        building("command-building", (235, 205), (64, 40), 10.0, 12.0),
        building("workshop", (140, 215), (46, 24), 8.0, 12.0),
        building("guard-house", (300, 250), (16, 12), 4.0, 12.0),
        *masts,
        pad("new-pad", (-400, 270), (110, 90), "concrete", 8.0),
        building("new-pad-shed", (-415, 280), (36, 20), 6.0, 8.0),
    )


def default_backdrop() -> tuple[Ground, ...]:
    """Roads, yards, well pads, ponds and the flare pit around the structures, in the order of painting."""

    def road(width: float, *points: tuple[float, float]) -> BaseGeometry:
        return LineString(points).buffer(width / 2, cap_style="flat", join_style="round")

    def rect(east: float, north: float, length: float, width: float, angle: float = 0.0) -> BaseGeometry:
        return pad("", (east, north), (length, width), "", angle).footprint

    tracks = [
        road(6, (-420, 300), (-800, 720), (-1400, 1300)),
        road(6, (300, -320), (560, -520), (860, -640), (1500, -980)),
        road(5, (330, 270), (700, 800), (760, 1500)),
        road(5, (-330, -260), (-560, -520), (-700, -900)),
    ]
    pads = [
        rect(-800, 720, 90, 80, 20),
        rect(860, -640, 80, 80, -10),
        rect(700, 800, 85, 75, 35),
        rect(990, 250, 80, 70, 5),
    ]
    cellars = [rect(-800, 720, 14, 8, 20), rect(860, -640, 14, 8), rect(700, 800, 14, 8, 35), rect(990, 250, 14, 8)]
    inner = [
        road(8, (-460, 10), (-30, 10), (420, 10)),
        road(8, (-20, -290), (-20, 300)),
        road(8, (280, -290), (280, 290)),
        road(7, (-330, -90), (-20, -90), (280, -90)),
    ]
    fence = rect(0, 0, 930, 640).boundary.buffer(3.5)
    return (
        *(Ground(track, "track") for track in tracks),
        *(Ground(yard, "gravel") for yard in pads),
        *(Ground(cellar, "dark steel") for cellar in cellars),
        Ground(rect(0, 0, 930, 640), "worked ground"),
        Ground(fence, "track"),
        Ground(road(7, (990, 250), (470, 130), (465, 10)), "track"),
        Ground(road(12, (-1500, -560), (-700, -360), (0, -390), (700, -470), (1500, -300)), "asphalt"),
        Ground(road(9, (-20, -290), (-20, -390)), "asphalt"),
        *(Ground(part, "asphalt") for part in inner),
        Ground(rect(60, 120, 360, 110), "gravel"),
        Ground(rect(220, 215, 220, 100, 12), "gravel"),
        Ground(rect(-395, 90, 90, 70), "worked ground"),
        Ground(Point(-395, 95).buffer(26), "oily ground"),
        Ground(rect(-170, 255, 110, 70), "berm"),
        Ground(rect(-170, 255, 96, 56), "pond"),
    )


FLARE = (-395.0, 95.0)
"""Position of the flare tip."""


def default_fields() -> tuple[Field, ...]:
    """Irrigated strips and one pivot in the south-west, with different crops."""
    crops: tuple[Literal["wheat", "cotton", "fallow"], ...] = ("wheat", "cotton", "wheat", "fallow", "cotton", "wheat")
    strips = [
        Field(
            affinity.rotate(
                box(-1080 + 95 * column, -1060 + 175 * row, -1080 + 95 * column + 86, -1060 + 175 * row + 164),
                -7,
                origin=(-900, -900),
            ),
            crops[(2 * row + column) % len(crops)],
            float((5 * column + 3 * row) % 11 - 5),
        )
        for row in range(2)
        for column in range(5)
    ]
    pivot = Field(Point(-840, -570).buffer(125, quad_segs=32), "cotton", 4.0)
    return (*strips, pivot)


def greenness(crop: Literal["wheat", "cotton", "fallow"], day_of_year: float, early: float = 0.0) -> float:
    """Share of the ground that green leaves cover, 0–1: slow growth, then harvest ``early`` days too soon."""
    if crop == "fallow":
        return 0.03
    middle, cut = {"wheat": (25.0, 150.0), "cotton": (170.0, 268.0)}[crop]
    cover = 0.0
    for turn in (0.0, 365.25):
        day = day_of_year - turn
        grown = 1 / (1 + math.exp(-(day - middle) / 14))
        standing = 1 / (1 + math.exp((day - cut + early) / 2.5))
        cover = max(cover, 0.85 * grown * standing)
    return cover
