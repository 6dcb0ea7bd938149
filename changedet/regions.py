"""From a ChangeMap to ``Detection``s: polygons with area, onset bracket, direction, kind and confidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

Kind = Literal[
    "structure removed",
    "structure built",
    "burnt or sooted",
    "ground worked",
    "vegetation",
    "flooded",
    "flare lit",
    "flare out",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Onset:
    """When it changed: after ``after`` and not later than ``before``, both acquisitions, UTC."""

    after: datetime | None
    """Last acquisition consistent with "before"."""
    before: datetime | None
    """First acquisition consistent with "after"."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One region that changed."""

    number: int
    """1-based; the same on every picture, table and file of a run, most significant first."""
    polygon: Mapping[str, object]
    """GeoJSON geometry (Polygon or MultiPolygon) in longitude, latitude."""
    area: float
    """m²."""
    centroid: tuple[float, float]
    """Longitude, latitude; a point inside the polygon."""
    score: float
    p_value: float
    onset: Onset
    kind: Kind
    directions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By stack key, the signed mean change of each band: reflectance, or dB for radar."""
    scenes: tuple[str, ...] = ()
    """Ids of the scenes of the after-window that show it."""
    zone: str | None = None
    """Name of the zone it meets, where the site file names one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "polygon", MappingProxyType(dict(self.polygon)))
        object.__setattr__(self, "directions", MappingProxyType(dict(self.directions)))
