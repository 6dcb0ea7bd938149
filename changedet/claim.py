"""``Claim`` and its parts: a sentence of a report, and which objects it says changed, how and when.

Coordinates are longitude, latitude in EPSG:4326; lengths are metres; days are UTC days. ``claimfile.py`` reads it from
YAML.
"""

from __future__ import annotations

import datetime
import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from changedet.site import METRES_PER_DEGREE, LonLat, Period, Ring, Site, Zone, ZoneKind
from changedet.values import Frozen

What = Literal["destroyed", "damaged", "built", "intact"]
UNFILLED = "FILL-IN"
"""What a draft holds where a person has to write."""
CONTROL_MARGIN = 1000.0
"""Metres around each object that are looked at, so that there is unchanged ground to compare it with."""


def _filled(text: str) -> str:
    if UNFILLED in text:
        raise ValueError(f"still holds {UNFILLED}; write what is right in its place")
    return text


class ReportSource(Frozen):
    """Where the sentence was read."""

    publisher: str = Field(min_length=1, max_length=300)
    url: str | None = Field(default=None, max_length=2000, description="http or https; left out where there is none")
    date: datetime.date | None = Field(default=None, description="day of publication; left out where it is not known")

    @field_validator("url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not _filled(value).startswith(("https://", "http://")):
            raise ValueError("must begin with https:// or http://")
        return value

    @field_validator("publisher")
    @classmethod
    def _named(cls, value: str) -> str:
        return _filled(value)


class ClaimedObject(Frozen):
    """One object of which the claim speaks: a footprint, or a point and a size."""

    name: str = Field(min_length=1, max_length=200)
    kind: ZoneKind = "other"
    center: LonLat | None = Field(default=None, description="longitude, latitude")
    size: float | None = Field(
        default=None, gt=0, le=2000, description="metres across", json_schema_extra={"unit": "m"}
    )
    polygon: tuple[LonLat, ...] | None = Field(default=None, min_length=3, max_length=1000)
    note: str = Field(default="", max_length=2000, description="how the footprint was placed, and how surely")

    @model_validator(mode="after")
    def _one_shape(self) -> ClaimedObject:
        point = self.center is not None and self.size is not None
        if point == (self.polygon is not None) or (self.center is None) != (self.size is None):
            raise ValueError("give either center and size, or polygon")
        return self

    def zone(self) -> Zone:
        """The object as a zone of its site."""
        radius = None if self.size is None else self.size / 2
        return Zone(
            name=self.name, kind=self.kind, center=self.center, radius=radius, polygon=self.polygon, note=self.note
        )

    def ring(self) -> Ring:
        """Closed exterior ring in longitude, latitude."""
        return self.zone().ring()

    @property
    def diameter(self) -> float:
        """Metres across: the size given, or the diameter of the circle of the footprint's area."""
        return self.zone().diameter


class Claim(Frozen):
    """A sentence, what it says happened to which objects, and when."""

    quotation: str = Field(min_length=1, max_length=5000)
    source: ReportSource
    site: Site
    what: What
    window: Period
    objects: tuple[ClaimedObject, ...] = Field(min_length=1, max_length=500)

    @field_validator("quotation")
    @classmethod
    def _quoted(cls, value: str) -> str:
        return _filled(value)

    @model_validator(mode="after")
    def _within_the_site(self) -> Claim:
        after = self.site.after
        if self.window.first < after.first or self.window.last > after.last:
            raise ValueError(
                f"the window {self.window} must lie within the site's after, {after}: the days before it teach what is "
                "normal; move or widen after"
            )
        return self

    def watched(self) -> Site:
        """The site as it is acquired: its zones are the objects, and around each there is ground to compare with."""
        west, south, east, north = self.site.bbox
        boxes = [(west, south, east, north)]
        for ring in (one.ring() for one in self.objects):
            lons, lats = [p[0] for p in ring], [p[1] for p in ring]
            dy = CONTROL_MARGIN / METRES_PER_DEGREE
            dx = dy / math.cos(math.radians(lats[0]))
            boxes.append((min(lons) - dx, min(lats) - dy, max(lons) + dx, max(lats) + dy))
        wide = (
            min(box[0] for box in boxes),
            min(box[1] for box in boxes),
            max(box[2] for box in boxes),
            max(box[3] for box in boxes),
        )
        ring = self.site.ring
        if wide != self.site.bbox:
            west, south, east, north = wide
            ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
        zones = tuple(one.zone() for one in self.objects)
        return Site(**{**dict(self.site), "ring": ring, "zones": zones})
