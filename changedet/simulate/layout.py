"""The demo's facility: an invented oil plant in the desert, with roads, well pads and fields around it.

Positions are metres east and north of the centre of the site.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from shapely import affinity
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from changedet.simulate.facility import Structure, building, mast, pad, tank

PLANT_ANGLE = -9.0
"""Degrees by which the plant is turned, so that one radar orbit sees its walls more squarely than the other."""


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
    return tuple(_turned(structure) for structure in _square_structures())


def _turned(structure: Structure) -> Structure:
    """A structure of the plan as it lies in the desert."""
    east, north = affinity.rotate(Point(structure.east, structure.north), PLANT_ANGLE, origin=(0, 0)).coords[0]
    return replace(structure, east=east, north=north, angle=structure.angle + PLANT_ANGLE)


def _square_structures() -> tuple[Structure, ...]:
    """The plan with its axes along the compass."""
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


def _road(width: float, *points: tuple[float, float]) -> BaseGeometry:
    return LineString(points).buffer(width / 2, cap_style="flat", join_style="round")


def _rect(east: float, north: float, length: float, width: float, angle: float = 0.0) -> BaseGeometry:
    return pad("", (east, north), (length, width), "", angle).footprint


def _surroundings() -> tuple[Ground, ...]:
    """Tracks and well pads in the desert, the public road."""
    wells = [(-800, 720, 20), (860, -640, -10), (700, 800, 35), (990, 250, 5)]
    tracks = [
        _road(6, (-420, 340), (-560, 520), (-800, 720), (-1080, 980), (-1400, 1300)),
        _road(6, (300, -360), (450, -470), (560, -520), (860, -640), (1120, -720), (1500, -980)),
        _road(5, (350, 240), (480, 480), (700, 800), (740, 1100), (700, 1500)),
        _road(5, (-330, -260), (-460, -430), (-700, -900)),
        _road(6, (990, 250), (720, 150), (455, 60)),
        _road(4, (700, 800), (880, 560), (990, 250)),
        _road(4, (-1500, 240), (-1000, 330), (-800, 720)),
        _road(4, (-1500, -60), (-900, -120), (-480, 40)),
    ]
    road = _road(
        11, (-1500, -640), (-1000, -520), (-700, -450), (-350, -412), (60, -424), (420, -470), (800, -480), (1500, -400)
    )
    return (
        *(Ground(track, "track") for track in tracks),
        *(Ground(_rect(east, north, 86, 76, angle), "gravel") for east, north, angle in wells),
        *(Ground(_rect(east, north, 14, 8, angle), "dark steel") for east, north, angle in wells),
        Ground(road.buffer(7), "worked ground"),
        Ground(road, "asphalt"),
    )


def _plant() -> tuple[Ground, ...]:
    """Roads, yards, pond and flare pit within the fence, with their axes along the compass."""
    yard = unary_union([_rect(-30, -20, 800, 560), _rect(380, -190, 220, 230), _rect(-360, 240, 240, 190)]).buffer(12)
    inner = [
        _road(8, (-440, 10), (-30, 10), (400, 10)),
        _road(8, (-20, -290), (-20, 250)),
        _road(8, (280, -290), (280, 250)),
        _road(7, (-330, -90), (-20, -90), (280, -90)),
    ]
    return (
        Ground(yard, "worked ground"),
        Ground(yard.boundary.buffer(3), "track"),
        Ground(_road(9, (-20, -290), (-20, -420)), "asphalt"),
        *(Ground(part, "asphalt") for part in inner),
        Ground(_rect(60, 120, 360, 110), "gravel"),
        Ground(_rect(220, 215, 220, 100, 12), "gravel"),
        Ground(_rect(330, 20, 90, 110), "gravel"),
        Ground(_rect(-290, -10, 140, 60, 12), "gravel"),
        Ground(Point(-395, 95).buffer(48), "worked ground"),
        Ground(Point(-395, 95).buffer(24), "oily ground"),
        Ground(_rect(-170, 225, 110, 70), "berm"),
        Ground(_rect(-170, 225, 96, 56), "pond"),
    )


def default_backdrop() -> tuple[Ground, ...]:
    """All ground that never changes, in the order of painting."""
    turned = (replace(g, outline=affinity.rotate(g.outline, PLANT_ANGLE, origin=(0, 0))) for g in _plant())
    return (*_surroundings(), *turned)


_FLARE_TIP = affinity.rotate(Point(-395.0, 95.0), PLANT_ANGLE, origin=(0, 0))
FLARE = (_FLARE_TIP.x, _FLARE_TIP.y)
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
