"""``Site`` and its parts: what to watch. Pure values; ``sitefile.py`` reads them from YAML.

Coordinates are longitude, latitude in EPSG:4326; lengths are metres; days are UTC days.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

from changedet.scene import Sensor
from changedet.values import DetectorConfig, Frozen, SourceConfig

MAX_SIDE_KM = 120.0
"""Longest side of an area: one Sentinel-2 tile and its margin."""
MIN_SIDE_M = 60.0
UTM_LATITUDES = (-80.0, 84.0)
METRES_PER_DEGREE = 111_320.0

Ring = tuple[tuple[float, float], ...]
ZoneKind = Literal[
    "fuel tank",
    "fuel depot",
    "building",
    "command installation",
    "communications array",
    "mast",
    "other",
]


def check_lonlat(point: tuple[float, float]) -> tuple[float, float]:
    """Longitude, latitude within the world and within UTM.

    Raises
    ------
    ValueError
        If out of range; when swapping the two numbers would mend it, the message says so.
    """
    lon, lat = point
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise ValueError(f"[{lon}, {lat}] is not a finite position")
    if abs(lat) > 90 and abs(lon) <= 90 and abs(lat) <= 180:
        raise ValueError(
            f"[{lon}, {lat}] has latitude {lat}: longitude comes first, so this looks swapped; write [{lat}, {lon}]"
        )
    if abs(lon) > 180 or abs(lat) > 90:
        raise ValueError(f"[{lon}, {lat}] is outside the world: longitude -180…180, latitude -90…90")
    low, high = UTM_LATITUDES
    if not low <= lat <= high:
        raise ValueError(
            f"latitude {lat} lies in a polar zone; an area must lie between latitudes {low:g} and {high:g}"
        )
    return point


LonLat = Annotated[tuple[float, float], AfterValidator(check_lonlat)]


def circle_ring(center: tuple[float, float], radius: float, points: int) -> Ring:
    """A circle of ``radius`` metres as a closed ring of ``points`` corners in longitude, latitude."""
    lon, lat = center
    dy = radius / METRES_PER_DEGREE
    dx = dy / math.cos(math.radians(lat))
    angles = [2 * math.pi * i / points for i in range(points)]
    ring = [(lon + dx * math.cos(a), lat + dy * math.sin(a)) for a in angles]
    return (*ring, ring[0])


class Circle(Frozen):
    """A centre and a radius."""

    center: LonLat = Field(description="longitude, latitude")
    radius: float = Field(gt=0, description="metres", json_schema_extra={"unit": "m"})

    @field_validator("radius")
    @classmethod
    def _radius_fits(cls, radius: float) -> float:
        if radius > MAX_SIDE_KM * 500:
            raise ValueError(f"{radius / 1000:g} km is too large; a radius may be at most {MAX_SIDE_KM / 2:g} km")
        if radius < MIN_SIDE_M / 2:
            raise ValueError(f"{radius:g} m is too small; a radius must be at least {MIN_SIDE_M / 2:g} m")
        return radius

    def ring(self, points: int = 64) -> Ring:
        """The circle as a closed ring of ``points`` corners in longitude, latitude."""
        return circle_ring(self.center, self.radius, points)


def check_ring_size(ring: Ring) -> None:
    """Refuse a ring whose bounding box is empty, too small or too large.

    Raises
    ------
    ValueError
    """
    lons, lats = [p[0] for p in ring], [p[1] for p in ring]
    height = (max(lats) - min(lats)) * METRES_PER_DEGREE
    width = (max(lons) - min(lons)) * METRES_PER_DEGREE * math.cos(math.radians(sum(lats) / len(lats)))
    if min(width, height) < MIN_SIDE_M:
        raise ValueError(f"the area is {width:.0f} m × {height:.0f} m; each side must be at least {MIN_SIDE_M:g} m")
    if max(width, height) > MAX_SIDE_KM * 1000:
        raise ValueError(
            f"the area is {width / 1000:.0f} km × {height / 1000:.0f} km; a side may be at most {MAX_SIDE_KM:g} km"
        )


class Zone(Frozen):
    """A named object or part of the site, of which the report speaks by name."""

    name: str = Field(min_length=1, max_length=200)
    kind: ZoneKind = "other"
    center: LonLat | None = None
    radius: float | None = Field(default=None, gt=0, le=5000)
    polygon: tuple[LonLat, ...] | None = Field(default=None, min_length=3, max_length=1000)
    note: str = ""

    @model_validator(mode="after")
    def _one_shape(self) -> Zone:
        circle = self.center is not None and self.radius is not None
        if circle == (self.polygon is not None) or (self.center is None) != (self.radius is None):
            raise ValueError("give either center and radius, or polygon")
        return self

    def ring(self) -> Ring:
        """Closed exterior ring in longitude, latitude."""
        if self.polygon is not None:
            return (*self.polygon, self.polygon[0])
        if self.center is None or self.radius is None:
            raise ValueError("give either center and radius, or polygon")
        return circle_ring(self.center, self.radius, 32)

    @property
    def diameter(self) -> float:
        """Metres across: of the circle, or of the circle of the polygon's area."""
        if self.radius is not None:
            return 2 * self.radius
        ring = self.ring()
        across = METRES_PER_DEGREE * math.cos(math.radians(ring[0][1]))
        points = [((x - ring[0][0]) * across, (y - ring[0][1]) * METRES_PER_DEGREE) for x, y in ring]
        twice = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(points))
        return 2 * math.sqrt(abs(twice) / 2 / math.pi)


class SensorSpec(Frozen):
    """Which scenes of one sensor to use."""

    collection: str | None = Field(default=None, max_length=200)
    max_cloud: float = Field(default=60, ge=0, le=100, description="per cent, of the scene")
    relative_orbits: tuple[int, ...] | None = Field(
        default=None, description="use these only; by default all, each in its own statistic"
    )
    cloud_mask: Literal["s2cloudless"] | None = Field(
        default=None,
        description="a cloud model for Sentinel-2 scenes without a scene classification (level 1C); needs "
        "changedet[clouds]; by default the scene classification masks clouds",
    )

    @model_serializer(mode="wrap")
    def _as_asked(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # what was not asked for stays out, so that the names of earlier runs, hashes of the site, remain
        fields: dict[str, Any] = plain(self)
        if self.cloud_mask is None:
            fields.pop("cloud_mask", None)
        return fields


class DetectSpec(Frozen):
    """How to detect: the false-alarm rate asked for, and detectors by name."""

    false_alarm_rate: float = Field(
        default=0.01,
        gt=0,
        lt=0.5,
        description="the share of unchanged pixels, and of unchanged regions, that may be flagged",
    )
    detectors: Mapping[str, SerializeAsAny[DetectorConfig]] = Field(default_factory=dict)

    @field_validator("detectors")
    @classmethod
    def _frozen(cls, value: Mapping[str, DetectorConfig]) -> Mapping[str, DetectorConfig]:
        return MappingProxyType(dict(value))

    @field_serializer("detectors")
    def _plain(self, value: Mapping[str, DetectorConfig]) -> dict[str, object]:
        return {name: config.model_dump(mode="json") for name, config in value.items()}


class Period(Frozen):
    """A span of UTC days, both included."""

    first: date
    last: date

    @model_validator(mode="after")
    def _ordered(self) -> Period:
        if self.last < self.first:
            raise ValueError(f"the last day {self.last} comes before the first day {self.first}")
        return self

    @property
    def start(self) -> datetime:
        """First instant, UTC."""
        return datetime.combine(self.first, time.min, UTC)

    @property
    def end(self) -> datetime:
        """First instant after the last day, UTC."""
        return datetime.combine(self.last + timedelta(days=1), time.min, UTC)

    def holds(self, instant: datetime) -> bool:
        """Whether the instant lies in the span."""
        return self.start <= instant < self.end

    def __str__(self) -> str:
        return f"{self.first} … {self.last}"


class Site(Frozen):
    """One site: where, which sensors, which dates, from where."""

    id: str = Field(max_length=64, description="lower-case letters, digits, - and _; names the output folder")
    name: str = Field(min_length=1, max_length=200)
    ring: Ring = Field(min_length=4, description="exterior of the area, closed")
    resolution: float = Field(default=10, ge=5, le=100, description="metres")
    source: SerializeAsAny[SourceConfig]
    sensors: Mapping[Sensor, SensorSpec] = Field(min_length=1)
    before: Period
    after: Period
    detect: DetectSpec = DetectSpec()
    zones: tuple[Zone, ...] = ()

    @field_validator("sensors")
    @classmethod
    def _frozen(cls, value: Mapping[Sensor, SensorSpec]) -> Mapping[Sensor, SensorSpec]:
        return MappingProxyType(dict(value))

    @field_serializer("sensors")
    def _plain(self, value: Mapping[Sensor, SensorSpec]) -> dict[str, object]:
        return {name: spec.model_dump(mode="json") for name, spec in value.items()}

    @field_validator("id")
    @classmethod
    def _safe_id(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", value):
            raise ValueError(
                f"{value!r} cannot name a folder; use lower-case letters, digits, - and _, "
                "starting with a letter or digit"
            )
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Site:
        check_ring_size(self.ring)
        if self.after.first <= self.before.last:
            raise ValueError(
                f"after begins on {self.after.first}, which is not later than the last day of before, "
                f"{self.before.last}; after must follow before"
            )
        return self

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        lons, lats = [p[0] for p in self.ring], [p[1] for p in self.ring]
        return min(lons), min(lats), max(lons), max(lats)

    @property
    def center(self) -> tuple[float, float]:
        """Longitude, latitude of the middle of the bounding box."""
        west, south, east, north = self.bbox
        return (west + east) / 2, (south + north) / 2
