"""What can stand on a simulated site, and the events that change it.

Positions are metres east and north of the centre of the site; heights are metres.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from shapely import affinity
from shapely.geometry import Point, Polygon, box
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
